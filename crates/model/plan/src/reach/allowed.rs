//! Everything that may pass between two ends, as a set: both policies as packet sets, intersected.

pub(super) mod outside;

use super::permission::{allowances, groups_of};
use super::steps::{Place, Walk};
use super::{End, Flow, StepKind, Unanswerable, interfaces};
use crate::input::PlanInput;
use netloom_model::fabric::{Name, Party, Protocol};
use netloom_policy::allowance::{Direction, packet_set};
use netloom_policy::interval::address_number;
use netloom_policy::{Dimension, IntervalSet, PacketSet};
use std::net::IpAddr;

/// What may pass between two addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// From.
    pub source: IpAddr,
    /// To.
    pub destination: IpAddr,
    /// Protocols and destination ports, as numbers of [`netloom_policy::packet_set::transport`].
    pub transports: IntervalSet,
    /// Why nothing may, if no policy but the way is the reason.
    pub obstacle: Option<String>,
}

/// What may pass from one end to the other, for every pair of their addresses.
///
/// # Errors
/// There is no such pair, or neither end is in the fabric.
pub fn allowed(
    input: &PlanInput<'_>,
    from: &Party,
    to: &Party,
) -> Result<Vec<Allowed>, Unanswerable> {
    let destinations = End::all(input, to);
    let mut sources = End::all(input, from);
    // A workload may call by a further interface, which is an end of its own.
    if let Party::Workload(name) = from {
        sources.extend(interfaces::of(input, name));
    }
    let flow = Flow { from: from.clone(), to: to.clone(), protocol: Protocol::Icmp, port: None };
    // The way does not depend on ports, so one answer tells it; it also tells what cannot be asked.
    let answers = super::reach(input, &flow)?;
    let ends = |answer: &super::Answer| {
        let source = sources.iter().find(|end| end.address == answer.source)?;
        Some((source, destinations.iter().find(|end| end.address == answer.destination)?))
    };
    Ok(answers
        .iter()
        .filter_map(|answer| {
            let (source, destination) = ends(answer)?;
            Some(pair(&Walk::new(input, &flow, source, destination)))
        })
        .collect())
}

fn pair<'a>(walk: &Walk<'a>) -> Allowed {
    let (source, destination) = (walk.source.address, walk.to.address);
    let mut found = Allowed { source, destination, transports: IntervalSet::EMPTY, obstacle: None };
    let (from, to) = (walk.place(walk.source), walk.place(walk.to));
    if let (Some(from), None) = (&from, &to)
        && let Some(transports) = walk.reserved_transports(from)
    {
        found.transports = transports;
        return found;
    }
    let (from, to) = match (from, to) {
        (Some(from), Some(to)) => (from, to),
        (from, to) => {
            match outside::transports(walk, from.as_ref(), to.as_ref()) {
                Ok(transports) => found.transports = transports,
                Err(obstacle) => found.obstacle = Some(obstacle),
            }
            return found;
        }
    };
    match way(walk, &from, &to) {
        Way::OneStack => found.transports = IntervalSet::full(),
        Way::Stopped(obstacle) => found.obstacle = Some(obstacle),
        Way::Open(networks) => found.transports = transports(walk, &from, &to, networks),
    }
    found
}

/// How one end gets to another, whatever policy says.
pub(super) enum Way<'a> {
    /// Both are on one stack, which no policy divides.
    OneStack,
    /// Not at all.
    Stopped(String),
    /// In the network of one, and that of the other.
    Open([&'a Name; 2]),
}

pub(super) fn way<'a>(walk: &Walk<'a>, from: &Place<'a>, to: &Place<'a>) -> Way<'a> {
    if from.on_stack && to.on_stack && from.node == to.node {
        return Way::OneStack;
    }
    if walk.is_own(walk.source, walk.to) || walk.is_own(walk.to, walk.source) {
        return Way::Stopped("one stack has the address of the other end itself".to_owned());
    }
    let mut way = Walk::new(walk.input, walk.flow, walk.source, walk.to);
    let networks = match (from.network, to.network) {
        (Some(own), Some(theirs)) if own != theirs => {
            way.crossing(from, to.what.clone(), [own, theirs], StepKind::Route);
            way.unless_stopped(|way| way.way(from, to, theirs));
            way.unless_stopped(|way| {
                way.crossing(to, from.what.clone(), [theirs, own], StepKind::Answer);
            });
            Some([own, theirs])
        }
        _ => way.common_network(from, to).map(|network| [network, network]),
    };
    if let Some([own, theirs]) = networks.filter(|[own, theirs]| own == theirs) {
        way.way(from, to, theirs);
        if let Some(other) = way.leaves_by_another(from, to, own) {
            return Way::Stopped(format!("the way to {} is through `{other}`", to.what));
        }
    }
    let stop = way.steps.iter().find(|step| !step.passes);
    match (stop, networks) {
        (None, Some(networks)) => Way::Open(networks),
        (stop, _) => Way::Stopped(stop.map(|step| step.finding.clone()).unwrap_or_default()),
    }
}

fn transports<'a>(
    walk: &Walk<'a>,
    from: &Place<'a>,
    to: &Place<'a>,
    [own, theirs]: [&Name; 2],
) -> IntervalSet {
    let in_group = |network: &Name, end: &End<'a>, group: &Name| -> IntervalSet {
        let number = address_number(end.address);
        let groups = groups_of(walk.input, network, end);
        let is_member = groups.is_some_and(|groups| groups.contains(group));
        if is_member { IntervalSet::range(number, number) } else { IntervalSet::EMPTY }
    };
    let one = |dimension, address| {
        let number = address_number(address);
        PacketSet::only(dimension, IntervalSet::range(number, number))
    };
    let leaves = allowances(walk.input, from, Direction::Egress);
    let leaving = packet_set(&leaves, Direction::Egress, |group| in_group(own, walk.to, group));
    let enters = allowances(walk.input, to, Direction::Ingress);
    let entering =
        packet_set(&enters, Direction::Ingress, |group| in_group(theirs, walk.source, group));
    one(Dimension::Source, walk.source.address)
        .intersection(&one(Dimension::Destination, walk.to.address))
        .intersection(&leaving)
        .intersection(&entering)
        .project(Dimension::Transport)
        .intersection(&walk.acl_transports(Some(from), Some(to)))
}
