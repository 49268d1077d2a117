//! The steps of a flow that leaves its network: for a peered one, for what is behind a node, for the internet.

use super::StepKind;
use super::change::Change;
use super::steps::{Place, Walk};
use crate::ways::{self, Origin, Way};
use netloom_model::fabric::{Name, NextHop, Route};
use netloom_policy::Direction;
use std::net::IpAddr;

const PEER: &str = "peer the networks (`peerings`), or put both into one";

impl<'a> Walk<'a> {
    // === peered networks ===

    /// The way of a flow from one network to another.
    pub(super) fn across(&mut self, from: &Place<'a>, to: &Place<'a>, networks: [&'a Name; 2]) {
        let [own, theirs] = networks;
        self.policy(from, own, Direction::Egress);
        self.unless_stopped(|walk| walk.acl(from, Direction::Egress));
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
            return self.no_route(place, address, [own, theirs], (kind, finding));
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
                self.stop(kind, finding, Some(&way.span), PEER);
            }
        }
    }

    /// Without a route: the one that would be needed, or the peering.
    fn no_route(
        &mut self,
        place: &Place<'a>,
        address: IpAddr,
        [own, theirs]: [&Name; 2],
        (kind, finding): (StepKind, String),
    ) {
        let fabric = self.input.fabric;
        let peering = fabric.peerings.iter().find(|(_, one)| one.other_than(own) == Some(theirs));
        let subnet = place.subnet.and_then(|name| fabric.subnets.get(name));
        let table = subnet.and_then(|subnet| subnet.route_table.as_ref());
        match (peering, table) {
            (Some((name, peering)), _) if !peering.is_active() && peering.has_own_routes => {
                let change = Change::ActivatePeering { peering: name.clone() };
                self.stop_until(kind, finding, Some(place.span), change);
            }
            (Some((name, peering)), Some(table)) => {
                let route = Route {
                    span: peering.span.clone(),
                    to: address.into(),
                    via: NextHop::Peering(name.clone()),
                };
                let change = Change::AddRoute { table: table.clone(), route };
                self.stop_until(kind, finding, Some(place.span), change);
            }
            (Some((name, _)), None) => {
                let remedy = format!(
                    "give the subnet a route table with {{ to: {}, via: {{ peering: {name} }} }}",
                    ipnet::IpNet::from(address)
                );
                self.stop(kind, finding, Some(place.span), &remedy);
            }
            (None, _) => self.stop(kind, finding, Some(place.span), PEER),
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

/// A next hop as a route table has it.
pub(super) fn hop_words(via: &NextHop) -> String {
    match via {
        NextHop::Gateway(name) => format!("{{ nat_gateway: {name} }}"),
        NextHop::Peering(name) => format!("{{ peering: {name} }}"),
        NextHop::Node(name) => format!("{{ node: {name} }}"),
        NextHop::Workload(name) => format!("{{ workload: {name} }}"),
        NextHop::Blackhole => "blackhole".to_owned(),
    }
}
