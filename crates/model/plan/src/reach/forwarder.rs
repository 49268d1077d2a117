//! The workload that a route leads to: what is handed to it for others comes in by its groups, as all that it gets.

use super::steps::{Place, Walk};
use super::{End, Owner};
use crate::ways;
use netloom_model::fabric::{Name, NextHop};
use netloom_policy::Direction;

impl<'a> Walk<'a> {
    /// The workload to which the routes of a place's subnet hand the flow.
    pub(super) fn forwarder(&self, from: &Place<'a>) -> Option<Place<'a>> {
        let ways = self.ways_of(from);
        let NextHop::Workload(name) = &ways::longest(&ways, self.to.address)?.via else {
            return None;
        };
        let (name, _) = self.input.fabric.workloads.get_key_value(name)?;
        self.place(&End { address: self.to.address, owner: Owner::Workload(name) })
    }

    /// Whether its groups let the flow in, if there is one.
    pub(super) fn enter_forwarder(&mut self, from: &Place<'a>, network: &Name) {
        if let Some(place) = self.forwarder(from) {
            self.policy(&place, network, Direction::Ingress);
        }
    }
}
