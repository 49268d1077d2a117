//! The file of the trial, and its variants.

/// The name of the fabric.
pub(super) const FABRIC: &str = "shop";
/// An address of the network behind the peer.
pub(super) const BEHIND_ADDRESS: &str = "192.168.44.1";

/// What differs from variant to variant.
#[derive(Clone, Debug, Default)]
pub(super) struct Variant {
    /// The peer's public key, once it is known.
    pub(super) key: Option<String>,
    /// File with its preshared key.
    pub(super) preshared_key_file: Option<String>,
    /// Whether its group lets it call nobody.
    pub(super) cut_off: bool,
}

/// The text of a variant.
pub(super) fn text(variant: &Variant) -> String {
    let mut peer = String::new();
    if let Some(key) = &variant.key {
        peer.push_str(&format!("public_key: \"{key}\", "));
    }
    if let Some(file) = &variant.preshared_key_file {
        peer.push_str(&format!("preshared_key_file: {file}, "));
    }
    let peer = peer.trim_end_matches(", ");
    let http = if variant.cut_off { 81 } else { 80 };
    let (from_phone, to_phone, to_shut) = if variant.key.is_some() {
        let expect = if variant.cut_off { "deny" } else { "allow" };
        (expect, "allow", "deny")
    } else {
        // Without a key nobody can connect, whatever policy says.
        ("deny", "deny", "deny")
    };
    format!(
        "version: 1
fabric: {FABRIC}
regions: {{ here: {{}} }}
networks:
  app: {{ cidr: [10.1.0.0/16, \"fd00:1::/48\"], dns: {{ domain: app.internal }} }}
subnets:
  web: {{ network: app, cidr: [10.1.1.0/24, \"fd00:1:0:1::/64\"] }}
nodes:
  alpha: {{ region: here, roles: [control] }}
  beta: {{ region: here }}
security_groups:
  web:
    ingress:
      - {{ protocol: tcp, ports: 80, from: {{ security_group: phones }} }}
      - {{ protocol: icmp, from: {{ security_group: phones }} }}
    egress: [{{ to: all }}]
  shut:
    ingress: [{{ protocol: tcp, ports: 80, from: {{ security_group: web }} }}]
    egress: [{{ to: all }}]
  phones:
    ingress: [{{ protocol: icmp, from: {{ security_group: web }} }}]
    egress: [{{ protocol: tcp, ports: {http}, to: all }}, {{ protocol: icmp, to: all }}]
workloads:
  web-1: {{ node: alpha, subnet: web, security_groups: [web], attach: {{ serve: {{ http: 80, tcp: 81 }} }} }}
  web-2: {{ node: beta, subnet: web, security_groups: [web], attach: {{ serve: {{ http: 80 }} }} }}
  shut-1: {{ node: alpha, subnet: web, security_groups: [shut], attach: {{ serve: {{ http: 80 }} }} }}
  shut-2: {{ node: beta, subnet: web, security_groups: [shut], attach: {{ serve: {{ http: 80 }} }} }}
  phone: {{ node: alpha, subnet: web, security_groups: [phones], advertise: [192.168.44.0/24], attach: {{ wireguard: {{ {peer} }} }} }}
tests:
  - {{ from: phone, to: web-2, port: 80/tcp, expect: {from_phone} }}
  - {{ from: web-2, to: phone, port: icmp, expect: {to_phone} }}
  - {{ from: phone, to: shut-1, port: 80/tcp, expect: {to_shut} }}
"
    )
}
