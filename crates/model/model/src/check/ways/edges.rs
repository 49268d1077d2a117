//! Prefixes behind nodes: each in one place, beside the networks that reach it.

use super::conflicts::overlaps;
use crate::decode::Decoder;
use crate::decode::routing::Advertised;
use crate::diagnostic::code;
use crate::load::Declared;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

/// A prefix behind a node, and the networks that reach it.
struct Edge<'a> {
    node: &'a str,
    declared: &'a Advertised,
    networks: BTreeSet<&'a str>,
}

/// Reports prefixes that are a network's own, another node's, or mapped to another length; each once.
pub(super) fn check(declared: &Declared, decoder: &mut Decoder) {
    let taking_part = taking_part(declared);
    let mut seen: Vec<Edge<'_>> = Vec::new();
    for (node, entry) in &declared.nodes {
        for one in &entry.value.advertise {
            mapping(one, decoder);
            let mut networks: BTreeSet<&str> =
                one.networks.iter().map(|network| network.value.as_str()).collect();
            if networks.is_empty() {
                networks = taking_part.get(node.as_str()).cloned().unwrap_or_default();
            }
            let edge = Edge { node, declared: one, networks };
            if !edge.is_local(declared, decoder) {
                edge.is_elsewhere(&seen, decoder);
                seen.push(edge);
            }
        }
    }
}

/// The networks that each node has workloads in.
fn taking_part(declared: &Declared) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for workload in declared.workloads.values().map(|entry| &entry.value) {
        let subnet = workload.subnet.as_ref();
        let subnet = subnet.and_then(|subnet| declared.subnets.get(&subnet.value));
        let network = subnet.and_then(|subnet| subnet.value.network.as_ref());
        if let (Some(node), Some(network)) = (&workload.node, network) {
            all.entry(&node.value).or_default().insert(&network.value);
        }
    }
    all
}

impl Edge<'_> {
    fn reached(&self) -> IpNet {
        self.declared.seen_as.as_ref().unwrap_or(&self.declared.prefix).value
    }

    fn report(&self, decoder: &mut Decoder, message: String, cause: &str) {
        let span = &self.declared.seen_as.as_ref().unwrap_or(&self.declared.prefix).span;
        let solution = "let the fabric see it elsewhere: { cidr: …, as: FREE_PREFIX }";
        decoder.error(code::OVERLAP, span, message, cause, solution);
    }

    fn is_local(&self, declared: &Declared, decoder: &mut Decoder) -> bool {
        let reached = self.reached();
        for name in &self.networks {
            let Some(network) = declared.networks.get(*name) else { continue };
            let mut cidrs = network.value.cidrs.iter();
            let Some(cidr) = cidrs.find(|cidr| overlaps(cidr.value, reached)) else { continue };
            self.report(
                decoder,
                format!("{reached} overlaps {} of `{name}`", cidr.value),
                "the network's own prefixes are local, so what is behind the node would not be \
                 reached",
            );
            return true;
        }
        false
    }

    fn is_elsewhere(&self, seen: &[Edge<'_>], decoder: &mut Decoder) {
        let reached = self.reached();
        let other = seen.iter().find(|other| {
            overlaps(other.reached(), reached)
                && other.node != self.node
                && !other.networks.is_disjoint(&self.networks)
        });
        if let Some(other) = other {
            self.report(
                decoder,
                format!("{reached} is behind `{}` already", other.node),
                "packets for it could go to one of the two sites only",
            );
        }
    }
}

fn mapping(one: &Advertised, decoder: &mut Decoder) {
    let Some(seen_as) = &one.seen_as else { return };
    let (own, theirs) = (one.prefix.value, seen_as.value);
    if own.prefix_len() != theirs.prefix_len() || own.addr().is_ipv4() != theirs.addr().is_ipv4() {
        decoder.error(
            code::PREFIX_LENGTH,
            &seen_as.span,
            format!("{own} cannot be seen as {theirs}"),
            "each address stands for one address, so both prefixes have one family and length",
            "choose a free prefix of the same length",
        );
    }
}
