//! Warnings: what is allowed, but probably not what was meant. Only what is read whole is judged.

mod objects;
mod parties;

use crate::decode::Decoder;
use crate::decode::policy::Peer;
use crate::diagnostic::{Code, Diagnostic, code};
use crate::load::Declared;
use crate::span::Span;
use std::collections::{BTreeMap, BTreeSet};

/// Most workloads that are looked at in search of services' members; what is left gets no warning.
const LOOKS_MAX: usize = 1_000_000;

/// Adds warnings.
pub(super) fn check(declared: &Declared, decoder: &mut Decoder) {
    for (name, workload) in declared.workloads.iter().filter(|(_, workload)| workload.whole) {
        if workload.value.security_groups.is_empty() {
            warn(
                decoder,
                (code::NO_GROUP, &workload.span),
                format!("`{name}` has no security group"),
                "without one nothing may reach it, and it may reach nothing",
                "add `security_groups: [NAME]`",
            );
        }
    }
    unused_groups(declared, decoder);
    objects::check(declared, decoder);
    empty_services(declared, decoder);
    parties::check(declared, decoder);
    unreachable_pairs(declared, decoder);
}

fn warn(
    decoder: &mut Decoder,
    (code, span): (Code, &Span),
    message: String,
    cause: &str,
    solution: &str,
) {
    decoder.push(Diagnostic::error(code, span, message, cause, solution).into_warning());
}

fn unused_groups(declared: &Declared, decoder: &mut Decoder) {
    let whole = declared.workloads.values().all(|workload| workload.whole)
        && declared.nodes.values().all(|node| node.whole)
        && declared.security_groups.values().all(|group| group.whole)
        && ["workloads", "nodes", "security_groups"]
            .iter()
            .all(|section| !declared.broken.contains(section));
    if !whole {
        return;
    }
    let mut used: BTreeSet<&String> = BTreeSet::new();
    let workloads = declared.workloads.values().flat_map(|entry| &entry.value.security_groups);
    let nodes = declared.nodes.values().flat_map(|entry| &entry.value.security_groups);
    used.extend(workloads.chain(nodes).map(|group| &group.value));
    for group in declared.security_groups.values() {
        for rule in group.value.ingress.iter().chain(&group.value.egress) {
            if let Peer::SecurityGroup(name) = &rule.peer {
                used.insert(&name.value);
            }
        }
    }
    // A misspelt name has been reported, and may mean any of them.
    if used.iter().any(|name| !declared.security_groups.contains_key(*name)) {
        return;
    }
    for (name, group) in declared.security_groups.iter().filter(|(name, _)| !used.contains(name)) {
        warn(
            decoder,
            (code::UNUSED, &group.span),
            format!("no workload, node or rule uses the security group `{name}`"),
            "a group without members changes nothing",
            "remove it, or give it members",
        );
    }
}

fn empty_services(declared: &Declared, decoder: &mut Decoder) {
    if declared.broken.contains("workloads") || declared.workloads.values().any(|one| !one.whole) {
        return;
    }
    let mut by_label: BTreeMap<(&str, &str), Vec<&BTreeMap<String, String>>> = BTreeMap::new();
    for workload in declared.workloads.values() {
        for (key, value) in &workload.value.labels {
            by_label.entry((key, value)).or_default().push(&workload.value.labels);
        }
    }
    let mut looks = 0;
    for (name, service) in declared.services.iter().filter(|(_, service)| service.whole) {
        let select = &service.value.select;
        let labels = select.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let carriers = labels.map(|label| by_label.get(&label).map_or(&[][..], Vec::as_slice));
        // All members carry the rarest label too.
        let empty = match carriers.min_by_key(|carriers| carriers.len()) {
            None => declared.workloads.is_empty(),
            Some(carriers) => !carriers.iter().any(|labels| {
                looks += 1;
                select.iter().all(|(key, value)| labels.get(key) == Some(value))
            }),
        };
        if looks > LOOKS_MAX {
            return;
        }
        if empty {
            warn(
                decoder,
                (code::SELECTS_NOTHING, &service.span),
                format!("the service `{name}` has no members"),
                "no workload carries all labels of its `select`",
                "correct the labels here or at the workloads",
            );
        }
    }
}

/// Nodes behind translators cannot call each other until relays and hole punching exist.
fn unreachable_pairs(declared: &Declared, decoder: &mut Decoder) {
    // The first node behind a translator, and the first one in another region.
    let (mut first, mut second) = (None::<(&String, &str)>, None::<(&String, &str)>);
    for (name, node) in &declared.nodes {
        let Some(region) = node.value.region.as_ref().map(|region| region.value.as_str()) else {
            continue;
        };
        if !declared.regions.get(region).is_some_and(|region| region.value.nat) {
            continue;
        }
        let other = [first, second].into_iter().flatten().find(|(_, place)| *place != region);
        if let Some((other, _)) = other {
            warn(
                decoder,
                (code::NO_PATH, &node.span),
                format!("`{name}` and `{other}` are both behind address translators"),
                "neither can call the other, and this version has no relay between them",
                "put one of them where it can be reached (a region without `nat: true`)",
            );
        }
        match first {
            None => first = Some((name, region)),
            Some((_, place)) if place != region => second = second.or(Some((name, region))),
            Some(_) => {}
        }
    }
}
