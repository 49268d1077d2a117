//! Routes that lead in a circle: each workload's subnet hands packets on to the next, the last to the first.
//!
//! Nothing else can: peerings lead to the other network's own addresses only, and what is behind a node is
//! behind that one alone.

use super::{Words, lines, warning};
use crate::ways;
use ipnet::IpNet;
use netloom_model::diagnostic::code;
use netloom_model::fabric::{Fabric, Name, NextHop};
use netloom_model::{Diagnostic, Span};
use std::collections::BTreeSet;

pub(super) fn find(fabric: &Fabric) -> Vec<Diagnostic> {
    let (mut found, mut told) = (Vec::new(), BTreeSet::new());
    for route in fabric.route_tables.values().flat_map(|table| &table.routes) {
        let NextHop::Workload(first) = &route.via else { continue };
        let Some(circle) = circle(fabric, first, route.to) else { continue };
        let members: BTreeSet<&Name> = circle.iter().map(|(name, _)| name).collect();
        if told.insert((members.into_iter().cloned().collect::<Vec<_>>(), circle[0].1.clone())) {
            found.push(looped(route.to, &circle));
        }
    }
    found
}

/// The workloads that a prefix goes round by, from the first by name on, each with the route that its
/// subnet has to the next.
fn circle(fabric: &Fabric, first: &Name, to: IpNet) -> Option<Vec<(Name, Span)>> {
    let mut gone: Vec<(Name, Span)> = Vec::new();
    let mut at = first.clone();
    loop {
        let way = next(fabric, &at, to)?;
        if way.0 == at {
            // Its own subnet has the prefix by it: it has a link to there that the fabric does not know.
            return None;
        }
        if let Some(place) = gone.iter().position(|(name, _)| *name == at) {
            let mut circle = gone.split_off(place);
            let least = circle.iter().enumerate().min_by_key(|(_, (name, _))| name.clone())?.0;
            circle.rotate_left(least);
            return Some(circle);
        }
        let (next, span) = way;
        gone.push((std::mem::replace(&mut at, next), span));
    }
}

/// The workload to which the subnet of a forwarding one hands all of a prefix.
fn next(fabric: &Fabric, at: &Name, to: IpNet) -> Option<(Name, Span)> {
    let workload = fabric.workloads.get(at)?;
    // One of several interfaces forwards by another one.
    if fabric.interfaces_of(at).next().is_some() {
        return None;
    }
    let ways = ways::of_subnet(fabric, fabric.subnets.get(&workload.subnet)?);
    let holding = ways.into_iter().filter(|way| way.to.contains(&to));
    let way = holding.max_by_key(|way| way.to.prefix_len())?;
    match way.via {
        NextHop::Workload(next) => Some((next, way.span)),
        NextHop::Gateway(_) | NextHop::Peering(_) | NextHop::Node(_) | NextHop::Blackhole => None,
    }
}

fn looped(to: IpNet, circle: &[(Name, Span)]) -> Diagnostic {
    let names: Vec<String> =
        circle.iter().chain(circle.first()).map(|(name, _)| format!("`{name}`")).collect();
    let words = Words {
        message: format!("packets for {to} go round: {}", names.join(" -> ")),
        cause: format!(
            "the subnet of each hands what it forwards on to the next: {}",
            lines(circle.iter().map(|(_, span)| span))
        ),
        solution: "let the one that leads there be in a subnet without that route, or remove it"
            .to_owned(),
    };
    warning(code::ROUTING_LOOP, &circle[0].1, words)
}
