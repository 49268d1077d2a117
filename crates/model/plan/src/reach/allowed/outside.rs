//! What may pass between an end and what is not in the fabric: the way out or in, and the policy of the one end.

use crate::reach::permission::{allowances, groups_of};
use crate::reach::steps::{Place, Walk};
use netloom_model::fabric::Name;
use netloom_policy::{Direction, IntervalSet};
use std::collections::BTreeSet;

/// Protocols and destination ports that may pass, or why there is no way. One end has no place.
pub(in crate::reach) fn transports<'a>(
    walk: &Walk<'a>,
    from: Option<&Place<'a>>,
    to: Option<&Place<'a>>,
) -> Result<IntervalSet, String> {
    let mut way = Walk::new(walk.input, walk.flow, walk.source, walk.to);
    if way.is_own(way.source, way.to) {
        return Err("the sender has the address of the other end itself".to_owned());
    }
    let by_policy = match (from, to) {
        (Some(from), _) => {
            way.way_out(from);
            let sent = selected(walk, from, Direction::Egress, None);
            match walk.forwarder(from).zip(from.network) {
                Some((place, network)) => {
                    let groups = groups_of(walk.input, network, walk.source);
                    sent.intersection(&selected(walk, &place, Direction::Ingress, groups))
                }
                None => sent,
            }
        }
        (None, Some(to)) => {
            way.way_in(to);
            selected(walk, to, Direction::Ingress, None)
        }
        (None, None) => IntervalSet::EMPTY,
    };
    if let Some(stop) = way.steps.iter().find(|step| !step.passes) {
        return Err(stop.finding.clone());
    }
    let callable = match to {
        Some(to) if walk.to.address.is_ipv4() => published(walk, to)?,
        _ => IntervalSet::full(),
    };
    Ok(by_policy.intersection(&callable).intersection(&walk.acl_transports(from, to)))
}

/// All that can be called over IPv4, since the node of the gateway has the address.
fn published<'a>(walk: &Walk<'a>, to: &Place<'a>) -> Result<IntervalSet, String> {
    let published = walk.published();
    match published.is_empty() {
        true => Err(format!("{} publishes nothing", to.what)),
        false => Ok(published),
    }
}

/// What the policy of a place lets pass to or from the other end, which is in these groups or in none.
fn selected(
    walk: &Walk<'_>,
    place: &Place<'_>,
    direction: Direction,
    groups: Option<&BTreeSet<Name>>,
) -> IntervalSet {
    let other = match direction {
        Direction::Egress => walk.to.address,
        Direction::Ingress => walk.source.address,
    };
    let none = BTreeSet::new();
    let groups = groups.unwrap_or(&none);
    let all = allowances(walk.input, place, direction);
    let selecting = all.iter().filter(|allowance| allowance.selector.selects(other, groups));
    selecting.fold(IntervalSet::EMPTY, |all, allowance| all.union(&allowance.transport))
}
