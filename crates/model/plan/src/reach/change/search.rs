//! Which changes alter an answer, and as few of them as there can be.

use super::Change;
use crate::input::PlanInput;
use crate::membership::Memberships;
use crate::reach::published::as_received;
use crate::reach::steps::Walk;
use crate::reach::{Answer, End, Flow, answer, interfaces};
use netloom_model::fabric::{GroupRule, Peer, PortRange, Protocol};
use netloom_model::span::Span;
use netloom_policy::Direction;
use std::net::IpAddr;

/// Most changes that one answer may need.
const CHANGES_MAX: usize = 8;

/// The changes after which an answer is the other one: those that open the flow, or those that close it.
pub fn altering(input: &PlanInput<'_>, flow: &Flow, answer: &Answer) -> Option<Vec<Change>> {
    match answer.passes() {
        true => to_close(input, flow, answer.source, answer.destination),
        false => to_open(input, flow, answer.source, answer.destination),
    }
}

/// The changes after which a flow between two addresses passes that does not: each needed, in the order
/// of its way. `None` where no change is enough that [`Change`] knows.
pub fn to_open(
    input: &PlanInput<'_>,
    flow: &Flow,
    source: IpAddr,
    destination: IpAddr,
) -> Option<Vec<Change>> {
    let mut changes: Vec<Change> = Vec::new();
    let after = |changes: &[Change]| answer_after(changes, input, flow, source, destination);
    while let Some(obstacle) = after(&changes)?.obstacle() {
        let change = obstacle.change.clone()?;
        // What has been suggested and not helped will not help now.
        if changes.len() == CHANGES_MAX || changes.contains(&change) {
            return None;
        }
        changes.push(change);
    }
    // A later change may make an earlier one needless: a peering lets groups know their members.
    let mut place = 0;
    while place < changes.len() {
        let mut fewer = changes.clone();
        fewer.remove(place);
        if after(&fewer).is_some_and(|answer| answer.passes()) {
            changes = fewer;
        } else {
            place += 1;
        }
    }
    Some(changes)
}

/// The changes after which a flow between two addresses does not pass that does: a rule in a network ACL
/// where there is one on its way, else the fewest rules of security groups to take away.
pub fn to_close(
    input: &PlanInput<'_>,
    flow: &Flow,
    source: IpAddr,
    destination: IpAddr,
) -> Option<Vec<Change>> {
    let ends = ends(input, flow, source, destination)?;
    let received = as_received(input, flow, &ends.0, &ends.1);
    let walk = Walk::new(input, &received, &ends.0, &ends.1);
    let sides = [Direction::Egress, Direction::Ingress].map(|direction| walk.letting(direction));
    let mut rules: Vec<_> = sides.into_iter().flatten().filter(|rules| !rules.is_empty()).collect();
    rules.sort_by_key(Vec::len);
    let mut all = walk.closing_acl_rule().map(|rule| vec![rule]).into_iter().chain(rules);
    // What no policy divides, such as the two ends of one stack, no rule closes.
    all.find(|changes| {
        let now = answer_after(changes, input, flow, source, destination);
        now.is_some_and(|answer| !answer.passes())
    })
}

/// What the engine says of one pair of addresses once changes are made.
fn answer_after(
    changes: &[Change],
    input: &PlanInput<'_>,
    flow: &Flow,
    source: IpAddr,
    destination: IpAddr,
) -> Option<Answer> {
    let mut fabric = input.fabric.clone();
    changes.iter().for_each(|change| change.apply(&mut fabric));
    let memberships = Memberships::of(&fabric);
    let now = PlanInput { fabric: &fabric, memberships: &memberships, ..*input };
    answer_between(&now, flow, source, destination)
}

/// What the engine says of one pair of addresses.
fn answer_between(
    input: &PlanInput<'_>,
    flow: &Flow,
    source: IpAddr,
    destination: IpAddr,
) -> Option<Answer> {
    let (from, to) = ends(input, flow, source, destination)?;
    Some(answer(input, flow, &from, &to))
}

fn ends<'a>(
    input: &PlanInput<'a>,
    flow: &Flow,
    source: IpAddr,
    destination: IpAddr,
) -> Option<(End<'a>, End<'a>)> {
    let to = End::all(input, &flow.to).into_iter().find(|end| end.address == destination)?;
    let from = interfaces::callers(input, &flow.from)
        .into_iter()
        .filter(|end| end.address.is_ipv4() == destination.is_ipv4());
    let mut from = from.filter_map(|end| interfaces::chosen(input, &end, &to));
    Some((from.find(|end| end.address == source)?, to))
}

impl<'a> Walk<'a> {
    /// The rules of a side's groups that let the flow pass; none where something else does.
    fn letting(&self, direction: Direction) -> Option<Vec<Change>> {
        let (end, other) = match direction {
            Direction::Egress => (self.source, self.to),
            Direction::Ingress => (self.to, self.source),
        };
        let (place, there) = (self.place(end)?, self.place(other));
        let network = match (place.network, there) {
            (Some(network), _) => network,
            // A node's rules know the other end as the network does in which the two meet.
            (None, Some(there)) => self.meeting_network(&place, &there)?,
            (None, None) => return None,
        };
        let mut rules = Vec::new();
        for name in place.groups {
            let group = self.input.fabric.security_groups.get(name)?;
            let list = match direction {
                Direction::Ingress => &group.ingress,
                Direction::Egress => &group.egress,
            };
            // From the last one on, so that taking one away moves none of the others.
            for (index, rule) in list.iter().enumerate().rev() {
                if self.rule_selects(rule, network, other) {
                    let (group, span) = (name.clone(), rule.span.clone());
                    rules.push(Change::RemoveGroupRule { group, direction, index, span });
                }
            }
        }
        Some(rules)
    }

    /// A rule for one packet of the flow, as a security group has it.
    pub(in crate::reach) fn rule_for(&self, other: IpAddr, span: &Span) -> GroupRule {
        let ports = self.flow.port.map(|port| PortRange { first: port, last: port });
        GroupRule {
            span: span.clone(),
            protocol: self.asked_protocol(),
            ports: ports.into_iter().collect(),
            icmp_types: Vec::new(),
            peer: Peer::Cidr(other.into()),
        }
    }

    /// ICMP is asked about where no protocol is named.
    pub(in crate::reach) fn asked_protocol(&self) -> Protocol {
        match self.flow.protocol {
            Protocol::All => Protocol::Icmp,
            protocol => protocol,
        }
    }
}
