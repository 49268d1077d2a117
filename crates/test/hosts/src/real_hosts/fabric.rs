//! The file of the trial, and its variants.

use super::netns_path;
use std::fmt::Write as _;
use std::path::Path;

/// The name of the fabric.
pub(super) const FABRIC: &str = "shop";

/// What differs from variant to variant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    /// Whether HTTP is allowed.
    pub(super) http: bool,
    /// A workload more, on each node, whose name has this number.
    pub(super) extra: Option<u32>,
}

impl Variant {
    pub(super) const FIRST: Self = Self { http: true, extra: None };
}

/// The text of a variant.
pub(super) fn text(netloom: &Path, foreign: &str, has_container: bool, variant: Variant) -> String {
    let blue = netns_path(foreign);
    let (blue, netloom) = (blue.display(), netloom.display());
    let db = if has_container { "{ container: db }" } else { "{ serve: { http: 80 } }" };
    let http = if variant.http { "80, 8080" } else { "81" };
    let mut text = format!(
        "version: 1
fabric: {FABRIC}
regions: {{ here: {{}} }}
networks:
  app: {{ cidr: [10.1.0.0/16, \"fd00:1::/48\"], dns: {{ domain: app.internal }} }}
subnets:
  web: {{ network: app, cidr: [10.1.1.0/24, \"fd00:1:0:1::/64\"] }}
  other: {{ network: app, cidr: [10.1.2.0/24, \"fd00:1:0:2::/64\"] }}
nodes:
  alpha: {{ region: here, roles: [control] }}
  beta: {{ region: here }}
  gamma: {{ region: here }}
security_groups:
  web:
    ingress: [{{ protocol: tcp, ports: [{http}], from: all }}, {{ protocol: icmp, from: all }}]
    egress: [{{ to: all }}]
  echo:
    ingress: [{{ protocol: tcp, ports: 7, from: all }}, {{ protocol: udp, ports: 7, from: all }}]
    egress: [{{ to: all }}]
workloads:
  web-1: {{ node: alpha, subnet: web, security_groups: [web], attach: {{ process: {{ run: [{netloom}, serve, --name, web-1, --http, \"80\"] }} }} }}
  db-1: {{ node: beta, subnet: web, security_groups: [web], attach: {db} }}
  host-3: {{ node: gamma, subnet: web, security_groups: [web], attach: host }}
  blue-3: {{ node: gamma, subnet: web, security_groups: [web], attach: {{ netns: {blue} }} }}
  echo-1: {{ node: alpha, subnet: web, security_groups: [echo], attach: {{ serve: {{ tcp: 7, udp: 7 }} }} }}
  echo-2: {{ node: beta, subnet: web, security_groups: [echo], attach: {{ serve: {{ tcp: 7, udp: 7 }} }} }}
"
    );
    if let Some(number) = variant.extra {
        for node in ["alpha", "beta", "gamma"] {
            let _ = writeln!(
                text,
                "  extra-{node}-{number}: {{ node: {node}, subnet: other, security_groups: [web], \
                 attach: {{ serve: {{ http: 80 }} }} }}"
            );
        }
    }
    let expect = if variant.http { "allow" } else { "deny" };
    let _ =
        writeln!(text, "tests:\n  - {{ from: web-1, to: db-1, port: 80/tcp, expect: {expect} }}");
    text
}
