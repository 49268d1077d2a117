//! Warnings: what is allowed, but probably not what was meant.

use crate::decode::Decoder;
use crate::diagnostic::{Code, Diagnostic, code};
use crate::fabric::{Fabric, Peer};
use crate::span::Span;
use std::collections::BTreeSet;

/// Adds warnings.
pub(super) fn check(fabric: &Fabric, decoder: &mut Decoder) {
    let mut warn = |code: Code, span: &Span, message: String, cause: &str, solution: &str| {
        let found = Diagnostic::error(code, span, message, cause, solution);
        decoder.diagnostics.push(found.into_warning());
    };
    for (name, workload) in &fabric.workloads {
        if workload.security_groups.is_empty() {
            warn(
                code::NO_GROUP,
                &workload.span,
                format!("`{name}` has no security group"),
                "without one nothing may reach it, and it may reach nothing",
                "add `security_groups: [NAME]`",
            );
        }
    }
    let used = used_groups(fabric);
    for (name, group) in fabric.security_groups.iter().filter(|(name, _)| !used.contains(name)) {
        warn(
            code::UNUSED,
            &group.span,
            format!("no workload, node or rule uses the security group `{name}`"),
            "a group without members changes nothing",
            "remove it, or give it members",
        );
    }
    for (name, service) in &fabric.services {
        if fabric.members(service).next().is_none() {
            warn(
                code::SELECTS_NOTHING,
                &service.span,
                format!("the service `{name}` has no members"),
                "no workload carries all labels of its `select`",
                "correct the labels here or at the workloads",
            );
        }
    }
    unreachable_pairs(fabric, &mut warn);
}

fn used_groups(fabric: &Fabric) -> BTreeSet<&String> {
    let mut used: BTreeSet<&String> = BTreeSet::new();
    used.extend(fabric.workloads.values().flat_map(|workload| &workload.security_groups));
    used.extend(fabric.nodes.values().flat_map(|node| &node.security_groups));
    for group in fabric.security_groups.values() {
        for rule in group.ingress.iter().chain(&group.egress) {
            if let Peer::SecurityGroup(name) = &rule.peer {
                used.insert(name);
            }
        }
    }
    used
}

/// Nodes behind translators cannot call each other until relays and hole punching exist.
fn unreachable_pairs(fabric: &Fabric, warn: &mut impl FnMut(Code, &Span, String, &str, &str)) {
    let hidden: Vec<_> =
        fabric.nodes.iter().filter(|(_, node)| fabric.regions[&node.region].nat).collect();
    for (index, (name, node)) in hidden.iter().enumerate() {
        if let Some((other, _)) =
            hidden[..index].iter().find(|(_, other)| other.region != node.region)
        {
            warn(
                code::NO_PATH,
                &node.span,
                format!("`{name}` and `{other}` are both behind address translators"),
                "neither can call the other, and this version has no relay between them",
                "put one of them where it can be reached (a region without `nat: true`)",
            );
        }
    }
}
