//! What route tables, gateways, peerings and network ACLs refer to.

use super::Checker;
use crate::decode::policy::Peer;
use crate::decode::routing::{Destination, Via};
use crate::diagnostic::code;

pub(super) fn check(checker: &mut Checker<'_>) {
    let declared = checker.declared;
    for table in declared.route_tables.values() {
        checker.optional(table.value.network.as_ref(), "network");
        for route in &table.value.routes {
            if let Destination::List(name) = &route.to {
                checker.reference(name, "prefix list");
            }
            match &route.via {
                Via::NatGateway(name) => checker.reference(name, "NAT gateway"),
                Via::InternetGateway(name) => checker.reference(name, "internet gateway"),
                Via::Peering(name) => checker.reference(name, "peering"),
                Via::Node(name) => checker.reference(name, "node"),
                Via::Workload(name) => checker.reference(name, "workload"),
                Via::Blackhole => {}
            }
        }
    }
    for gateway in declared.nat_gateways.values().chain(declared.internet_gateways.values()) {
        checker.optional(gateway.value.network.as_ref(), "network");
        gateway.value.nodes.iter().flatten().for_each(|node| checker.reference(node, "node"));
    }
    for peering in declared.peerings.values() {
        checker.each(&peering.value.networks, "network");
    }
    for acl in declared.network_acls.values() {
        checker.optional(acl.value.network.as_ref(), "network");
        for rule in acl.value.ingress.iter().chain(&acl.value.egress) {
            checker.each(&rule.transport.named, "service port");
            for peer in &rule.peers {
                checker.peer(peer);
                if let Peer::SecurityGroup(name) = peer {
                    checker.decoder.error(
                        code::CONFLICT,
                        &name.span,
                        "a network ACL cannot refer to a security group",
                        "it judges packets by addresses alone, before groups are asked",
                        "write the prefixes, or put the rule into a security group",
                    );
                }
            }
        }
        duplicates(checker, &acl.value.ingress);
        duplicates(checker, &acl.value.egress);
    }
}

/// Two rules of one number: which of them is first would be a guess.
fn duplicates(checker: &mut Checker<'_>, rules: &[crate::decode::network_acl::AclRule]) {
    let mut seen = std::collections::BTreeMap::new();
    for rule in rules {
        let first = seen.entry(rule.number.value).or_insert(&rule.number.span);
        if *first != &rule.number.span {
            checker.decoder.error(
                code::DUPLICATE,
                &rule.number.span,
                format!("the number {} is used twice", rule.number.value),
                format!("the first rule that matches decides; the other is at {first}"),
                "give one of the two another number",
            );
        }
    }
}
