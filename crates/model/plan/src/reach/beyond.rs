//! The steps of a flow that leaves its network: for a peered one, for what is behind a node, for the internet.

use super::StepKind;
use super::change::Change;
use super::steps::{Place, Walk};
use crate::ways::{self, Origin, Way};
use netloom_model::fabric::{Name, NextHop};
use netloom_policy::Direction;

/// Where no change is: the networks' prefixes overlap.
const PEER: &str =
    "give the networks prefixes that do not overlap and peer them, or put both ends into one";

impl<'a> Walk<'a> {
    // === peered networks ===

    /// The way of a flow from one network to another.
    pub(super) fn across(&mut self, from: &Place<'a>, to: &Place<'a>, networks: [&'a Name; 2]) {
        let [own, theirs] = networks;
        self.acl(from, Direction::Egress);
        self.unless_stopped(|walk| walk.policy(from, own, Direction::Egress));
        self.unless_stopped(|walk| walk.crossing(from, to.what.clone(), networks, StepKind::Route));
        self.unless_stopped(|walk| walk.way(from, to, theirs));
        self.unless_stopped(|walk| walk.acl(to, Direction::Ingress));
        self.unless_stopped(|walk| walk.policy(to, theirs, Direction::Ingress));
        self.unless_stopped(|walk| walk.acl_of_answer(to, Direction::Egress));
        self.unless_stopped(|walk| {
            walk.crossing(to, from.what.clone(), [theirs, own], StepKind::Answer);
        });
        self.unless_stopped(|walk| walk.acl_of_answer(from, Direction::Ingress));
    }

    /// The route from a place into another network: forth, or back for answers.
    pub(super) fn crossing(
        &mut self,
        place: &Place<'a>,
        towards: String,
        [own, theirs]: [&'a Name; 2],
        kind: StepKind,
    ) {
        let address = match kind {
            StepKind::Answer => self.source.address,
            _ => self.to.address,
        };
        if self.stack_has_both(place, theirs) {
            let finding = format!(
                "the stack of `{}` is in `{theirs}` too, and would not leave it by `{own}`",
                place.node
            );
            let remedy = "give one end a namespace of its own";
            return self.stop(kind, finding, Some(place.span), remedy);
        }
        let ways = self.ways_of(place);
        let Some(way) = ways::longest(&ways, address) else {
            let finding = format!("{} has no route to {address} of {towards}", place.what);
            let change = self.open_crossing(place, address, [own, theirs]);
            return self.stop_unless((kind, finding), Some(place.span), change, PEER);
        };
        let peering = match &way.via {
            NextHop::Peering(name) => self.input.fabric.peerings.get_key_value(name),
            _ => None,
        };
        match peering.filter(|(_, peering)| peering.other_than(own) == Some(theirs)) {
            Some((name, peering)) if peering.is_active() => {
                let finding = format!(
                    "{} leads to `{theirs}` by the peering `{name}`{}",
                    way.to,
                    origin(way)
                );
                self.pass(kind, finding, Some(&way.span));
            }
            Some((name, peering)) => {
                let finding = format!("the peering `{name}` is {}", peering.status.word());
                let (span, peering) = (peering.span.clone(), name.clone());
                self.stop_until(kind, finding, Some(&span), Change::ActivatePeering { peering });
            }
            None => {
                let finding = format!("{} leads {}, not to `{theirs}`", way.to, via_words(way));
                let change = self.open_crossing(place, address, [own, theirs]);
                self.stop_unless((kind, finding), Some(&way.span), change, PEER);
            }
        }
    }

    fn stack_has_both(&self, place: &Place<'a>, other: &Name) -> bool {
        place.on_stack && self.input.stack_networks_of(place.node).contains(other)
    }

    /// The routes of a place's subnet.
    pub(super) fn ways_of(&self, place: &Place<'a>) -> Vec<Way> {
        let fabric = self.input.fabric;
        let subnet = place.subnet.and_then(|name| fabric.subnets.get(name));
        subnet.map(|subnet| ways::of_subnet(fabric, subnet)).unwrap_or_default()
    }

    pub(super) fn unless_stopped(&mut self, step: impl FnOnce(&mut Self)) {
        if !self.stopped() {
            step(self);
        }
    }
}

/// Where a route comes from, in words after its destination.
pub(super) fn origin(way: &Way) -> String {
    match &way.origin {
        Origin::Static(table) => format!(" (route table `{table}`)"),
        Origin::Subnet => " (the subnet)".to_owned(),
        Origin::Propagated => " (propagated)".to_owned(),
    }
}

fn via_words(way: &Way) -> String {
    match &way.via {
        NextHop::Gateway(name) => format!("to the gateway `{name}`"),
        NextHop::Peering(name) => format!("to the peering `{name}`"),
        NextHop::Node(name) => format!("behind node `{name}`"),
        NextHop::Workload(name) => format!("behind `{name}`"),
        NextHop::Blackhole => "nowhere (blackhole)".to_owned(),
    }
}
