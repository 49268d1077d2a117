//! Network ACLs, types of ICMP, and the service port table, as declared.

use super::policy::Peer;
use super::scalar::port_range;
use super::{At, Decoder};
use crate::diagnostic::code;
use crate::fabric::{ACL_NUMBER_MAX, ICMP_NAMES, IcmpTypes, PortRange, Protocol};
use crate::span::Span;
use crate::tree::Tree;
use std::collections::BTreeMap;

/// A network ACL as declared.
#[derive(Clone, Debug, Default)]
pub struct NetworkAcl {
    /// Network.
    pub network: Option<At<String>>,
    /// Ingress rules.
    pub ingress: Vec<AclRule>,
    /// Egress rules.
    pub egress: Vec<AclRule>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A rule as declared.
#[derive(Clone, Debug)]
pub struct AclRule {
    /// Its number, and where it stands.
    pub number: At<u16>,
    /// Whether it allows.
    pub allows: bool,
    /// Which packets.
    pub transport: Transport,
    /// The other side.
    pub peers: Vec<Peer>,
}

/// Protocol, ports and types as declared.
#[derive(Clone, Debug)]
pub struct Transport {
    /// Where.
    pub span: Span,
    /// Protocol; none where only names of the port table are given.
    pub protocol: Option<Protocol>,
    /// Ports.
    pub ports: Vec<PortRange>,
    /// Names of the port table.
    pub named: Vec<At<String>>,
    /// Types of ICMP.
    pub icmp_types: Vec<IcmpTypes>,
}

/// An entry of the service port table as declared.
#[derive(Clone, Debug, Default)]
pub struct ServicePort {
    /// Port.
    pub port: Option<u16>,
    /// Protocol.
    pub protocol: Option<Protocol>,
    /// Whether it is called from outside.
    pub is_public: bool,
}

impl Decoder {
    /// A network ACL.
    pub fn network_acl(&mut self, tree: &Tree) -> Option<NetworkAcl> {
        const KEYS: [&str; 4] = ["network", "ingress", "egress", "tags"];
        let fields = self.fields(tree, "a network ACL", &KEYS)?;
        let network = fields.reference("network", self);
        let mut rules = |key, peer_key| {
            let list = fields.optional(key).map(|t| self.list(t, key)).unwrap_or_default();
            list.iter().filter_map(|rule| self.acl_rule(rule, peer_key)).collect()
        };
        let (ingress, egress) = (rules("ingress", "from"), rules("egress", "to"));
        let tags = fields.optional("tags").map(|t| self.texts(t, "`tags`")).unwrap_or_default();
        Some(NetworkAcl { network, ingress, egress, tags })
    }

    fn acl_rule(&mut self, tree: &Tree, peer_key: &'static str) -> Option<AclRule> {
        const ACTIONS: [(&str, bool); 2] = [("allow", true), ("deny", false)];
        let keys = ["rule", "action", "protocol", "ports", "types", peer_key];
        let fields = self.fields(tree, "a rule of a network ACL", &keys)?;
        let number = fields.required("rule", self).and_then(|tree| {
            let value = self.acl_number(tree)?;
            Some(At { value, span: fields.span().clone() })
        });
        let allows = fields.reference("action", self);
        let allows = allows.and_then(|word| self.choice(&word, "an action", &ACTIONS));
        let before = self.errors();
        let transport = self.transport(&fields);
        let peers = fields.required(peer_key, self).map(|t| self.peers(t)).unwrap_or_default();
        let sound = self.errors() == before;
        Some(AclRule { number: number?, allows: allows?, transport, peers }).filter(|_| sound)
    }

    /// The keys `protocol`, `ports` and `types` of a rule.
    pub(super) fn transport(&mut self, fields: &super::fields::Fields<'_>) -> Transport {
        let protocol = fields.optional("protocol").map(|tree| (tree, self.rule_protocol(tree)));
        let (mut ports, mut named) = (Vec::new(), Vec::new());
        if let Some(tree) = fields.optional("ports") {
            for item in self.items(tree) {
                match self.port_or_name(item) {
                    Some(Ok(range)) => ports.push(range),
                    Some(Err(name)) => named.push(name),
                    None => {}
                }
            }
        }
        let given = protocol.map(|(_, protocol)| protocol);
        if let (Some(tree), false) = (fields.optional("ports"), ports.is_empty())
            && !matches!(given, Some(None | Some((Protocol::Tcp | Protocol::Udp, _))))
        {
            self.ports_need_a_protocol(tree, Protocol::All);
        }
        let is_v6 = matches!(given, Some(Some((_, true))));
        let mut icmp_types = Vec::new();
        if let Some(tree) = fields.optional("types") {
            if !matches!(given, Some(None | Some((Protocol::Icmp, _)))) {
                self.types_need_icmp(tree);
            }
            for item in self.items(tree) {
                icmp_types.extend(self.icmp_type(item, is_v6).unwrap_or_default());
            }
        } else if is_v6 {
            icmp_types.push(IcmpTypes { ipv6: true, first: 0, last: u16::MAX });
        }
        let protocol = match given {
            Some(protocol) => Some(protocol.map_or(Protocol::All, |(protocol, _)| protocol)),
            None if named.is_empty() => Some(Protocol::All),
            None => None,
        };
        Transport { span: fields.span().clone(), protocol, ports, named, icmp_types }
    }

    /// A protocol, and whether it is ICMPv6 alone.
    fn rule_protocol(&mut self, tree: &Tree) -> Option<(Protocol, bool)> {
        let text = self.text(tree, "a protocol is needed")?;
        if text.eq_ignore_ascii_case("icmpv6") {
            return Some((Protocol::Icmp, true));
        }
        Some((self.protocol(tree)?, false))
    }

    /// A port, a range, or a name of the port table.
    fn port_or_name(&mut self, tree: &Tree) -> Option<Result<PortRange, At<String>>> {
        let form = "a port, a range such as 8080-8090, between 1 and 65535, or a name of `ports`";
        let text = self.text(tree, &format!("{form}, is needed"))?;
        if super::is_label(text) && text.contains(|c: char| c.is_ascii_alphabetic()) {
            return Some(Err(At { value: text.to_owned(), span: tree.span.clone() }));
        }
        self.parsed(tree, &format!("{form},"), port_range).map(Ok)
    }

    /// A type of ICMP by name (of both families), or by number with or without code.
    fn icmp_type(&mut self, tree: &Tree, ipv6: bool) -> Option<Vec<IcmpTypes>> {
        let form = "a type of ICMP such as echo-request, 3 or 3/4";
        self.parsed(tree, form, |text| icmp_types(text, ipv6))
    }

    fn types_need_icmp(&mut self, tree: &Tree) {
        self.error(
            code::CONFLICT,
            &tree.span,
            "types are given, but the protocol has none",
            "only ICMP has types",
            "add `protocol: icmp` (or `icmpv6`), or remove the types",
        );
    }

    fn acl_number(&mut self, tree: &Tree) -> Option<u16> {
        let form = format!("a number from 1 to {ACL_NUMBER_MAX}");
        self.parsed(tree, &form, |text| {
            text.parse().ok().filter(|number| (1..=ACL_NUMBER_MAX).contains(number))
        })
    }

    /// An entry of the service port table.
    pub fn service_port(&mut self, tree: &Tree) -> Option<ServicePort> {
        const SEEN: [(&str, bool); 2] = [("public", true), ("internal", false)];
        let fields = self.fields(tree, "a service port", &["port", "protocol", "visibility"])?;
        let port = fields.required("port", self).and_then(|t| self.port(t));
        let protocol = match fields.optional("protocol") {
            None => Some(Protocol::Tcp),
            Some(tree) => self.protocol(tree).filter(|protocol| self.has_ports(*protocol, tree)),
        };
        let word = fields.optional_reference("visibility", self);
        let is_public = word.and_then(|word| self.choice(&word, "a visibility", &SEEN));
        Some(ServicePort { port, protocol, is_public: is_public.unwrap_or(false) })
    }
}

fn icmp_types(text: &str, ipv6: bool) -> Option<Vec<IcmpTypes>> {
    if let Some(named) = ICMP_NAMES.iter().find(|named| named.name == text) {
        return Some(named.v4.filter(|_| !ipv6).into_iter().chain(named.v6).collect());
    }
    match text.split_once('/') {
        None => Some(vec![IcmpTypes::whole(ipv6, text.parse().ok()?)]),
        Some((kind, code)) => {
            let (kind, code): (u8, u8) = (kind.parse().ok()?, code.parse().ok()?);
            let number = u16::from(kind) << 8 | u16::from(code);
            Some(vec![IcmpTypes { ipv6, first: number, last: number }])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_names_in_both_families_and_numbers_in_one() {
        let echo = icmp_types("echo-request", false).unwrap();
        let v4 = IcmpTypes { ipv6: false, first: 0x800, last: 0x8ff };
        let v6 = IcmpTypes { ipv6: true, first: 0x8000, last: 0x80ff };
        assert_eq!(echo, [v4, v6]);
        assert_eq!(icmp_types("echo-request", true).unwrap(), [v6]);
        let needed = IcmpTypes { ipv6: false, first: 0x304, last: 0x304 };
        assert_eq!(icmp_types("3/4", false).unwrap(), [needed]);
        assert_eq!(icmp_types("fragmentation-needed", false).unwrap(), [needed]);
        for bad in ["", "256", "3/256", "echo", "-1"] {
            assert_eq!(icmp_types(bad, false), None, "{bad}");
        }
    }
}
