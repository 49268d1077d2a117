//! Declared rules into the fabric's: names of ports and of prefix lists become what they stand for.

use crate::decode::network_acl::{self, NetworkAcl, ServicePort, Transport};
use crate::decode::policy::{GroupRule, Peer};
use crate::fabric::{self, PortRange, Protocol};
use crate::load::{Declared, Named};
use crate::span::Span;
use ipnet::IpNet;
use std::collections::BTreeMap;

/// What names in rules stand for.
pub(super) struct Lists {
    prefixes: BTreeMap<String, fabric::PrefixList>,
    ports: BTreeMap<String, fabric::ServicePort>,
}

/// A rule's packets: what remains of a transport when its names are known.
struct Packets {
    protocol: Protocol,
    ports: Vec<PortRange>,
}

impl Lists {
    pub(super) fn of(declared: &Declared) -> Self {
        let prefixes = declared.prefix_lists.iter().map(|(name, entry)| {
            let entries: Vec<IpNet> = entry.value.entries.iter().map(|at| at.value).collect();
            let entries_max = entry.value.entries_max.as_ref().map_or(entries.len(), |at| at.value);
            let list = fabric::PrefixList { span: entry.span.clone(), entries, entries_max };
            (name.clone(), list)
        });
        Self { prefixes: prefixes.collect(), ports: ports(&declared.ports) }
    }

    pub(super) fn prefix_lists(&self) -> BTreeMap<String, fabric::PrefixList> {
        self.prefixes.clone()
    }

    pub(super) fn ports(&self) -> BTreeMap<String, fabric::ServicePort> {
        self.ports.clone()
    }

    /// The prefixes of a list.
    pub(super) fn prefixes(&self, list: &str) -> &[IpNet] {
        self.prefixes.get(list).map_or(&[], |list| &list.entries)
    }

    /// One rule for each thing that a declared rule names.
    pub(super) fn rules(&self, rule: GroupRule) -> Vec<fabric::GroupRule> {
        let peers: Vec<fabric::Peer> = match rule.peer {
            Peer::All => vec![fabric::Peer::All],
            Peer::Cidr(prefix) => vec![fabric::Peer::Cidr(prefix)],
            Peer::SecurityGroup(name) => vec![fabric::Peer::SecurityGroup(name.value)],
            Peer::PrefixList(name) => {
                self.prefixes(&name.value).iter().copied().map(fabric::Peer::Cidr).collect()
            }
        };
        let packets = self.packets(&rule.transport);
        let pairs = peers.iter().flat_map(|peer| packets.iter().map(move |one| (peer, one)));
        pairs
            .map(|(peer, packets)| fabric::GroupRule {
                span: rule.transport.span.clone(),
                protocol: packets.protocol,
                ports: packets.ports.clone(),
                icmp_types: rule.transport.icmp_types.clone(),
                peer: peer.clone(),
            })
            .collect()
    }

    fn packets(&self, transport: &Transport) -> Vec<Packets> {
        let mut all = Vec::new();
        let named = transport.named.iter().filter_map(|name| self.ports.get(&name.value));
        if let Some(protocol) = transport.protocol
            && (transport.named.is_empty() || !transport.ports.is_empty())
        {
            all.push(Packets { protocol, ports: transport.ports.clone() });
        }
        for entry in named {
            let range = PortRange { first: entry.port, last: entry.port };
            match all.iter_mut().find(|packets: &&mut Packets| packets.protocol == entry.protocol) {
                Some(packets) => packets.ports.push(range),
                None => all.push(Packets { protocol: entry.protocol, ports: vec![range] }),
            }
        }
        all
    }

    /// A network ACL, its rules in the order of their numbers.
    pub(super) fn network_acl(&self, span: Span, acl: NetworkAcl) -> Option<fabric::NetworkAcl> {
        let sorted = |rules: Vec<network_acl::AclRule>| {
            let mut all: Vec<_> = rules.iter().flat_map(|rule| self.acl_rules(rule)).collect();
            all.sort_by_key(|rule: &fabric::AclRule| rule.number);
            all
        };
        Some(fabric::NetworkAcl {
            span,
            network: acl.network?.value,
            ingress: sorted(acl.ingress),
            egress: sorted(acl.egress),
            tags: acl.tags,
        })
    }

    fn acl_rules(&self, rule: &network_acl::AclRule) -> Vec<fabric::AclRule> {
        let is_all = rule.peers.iter().any(|peer| matches!(peer, Peer::All));
        let prefixes = |peer: &Peer| match peer {
            Peer::Cidr(prefix) => vec![*prefix],
            Peer::PrefixList(name) => self.prefixes(&name.value).to_vec(),
            Peer::All | Peer::SecurityGroup(_) => Vec::new(),
        };
        let prefixes: Vec<IpNet> =
            if is_all { Vec::new() } else { rule.peers.iter().flat_map(prefixes).collect() };
        // A rule of an empty list matches nothing, and not everything.
        if prefixes.is_empty() && !is_all {
            return Vec::new();
        }
        let rule_of = |packets: Packets| fabric::AclRule {
            span: rule.number.span.clone(),
            number: rule.number.value,
            allows: rule.allows,
            protocol: packets.protocol,
            ports: packets.ports,
            icmp_types: rule.transport.icmp_types.clone(),
            prefixes: prefixes.clone(),
        };
        self.packets(&rule.transport).into_iter().map(rule_of).collect()
    }
}

fn ports(declared: &Named<ServicePort>) -> BTreeMap<String, fabric::ServicePort> {
    let read = |(name, entry): (&String, &crate::load::Entry<ServicePort>)| {
        let span = entry.span.clone();
        let (port, protocol) = (entry.value.port?, entry.value.protocol?);
        let is_public = entry.value.is_public;
        Some((name.clone(), fabric::ServicePort { span, port, protocol, is_public }))
    };
    declared.iter().filter_map(read).collect()
}
