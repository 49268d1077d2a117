//! The network in which two ends meet, where they do.

use super::StepKind;
use super::steps::{Place, Walk};
use netloom_model::fabric::Name;
use std::collections::BTreeSet;

impl<'a> Walk<'a> {
    /// The network in which the two meet: of two nodes, the first in common.
    pub(super) fn common_network(&mut self, from: &Place<'a>, to: &Place<'a>) -> Option<&'a Name> {
        let common = self.meeting_network(from, to);
        if common.is_none() {
            let list = |place: &Place<'a>| {
                self.networks_at(place).into_iter().cloned().collect::<Vec<_>>().join(", ")
            };
            let finding = format!(
                "{} is in {}, {} in {}: no network in common",
                from.what,
                list(from),
                to.what,
                list(to)
            );
            let remedy = "put both into one network";
            self.stop(StepKind::Route, finding, Some(from.span), remedy);
        }
        common
    }

    /// The same, asked without a word.
    pub(super) fn meeting_network(&self, from: &Place<'a>, to: &Place<'a>) -> Option<&'a Name> {
        self.networks_at(from).intersection(&self.networks_at(to)).next().copied()
    }

    fn networks_at(&self, place: &Place<'a>) -> BTreeSet<&'a Name> {
        match place.network {
            Some(network) => BTreeSet::from([network]),
            None => self.input.stack_networks_of(place.node).iter().collect(),
        }
    }

    /// The network through which a workload of the host reaches another node, if it is not its own:
    /// one stack has one way to each node, by the first network that both are in.
    pub(super) fn leaves_by_another(
        &self,
        from: &Place<'a>,
        to: &Place<'a>,
        network: &Name,
    ) -> Option<&'a Name> {
        if !from.on_stack || from.is_node || !to.is_node {
            return None;
        }
        let own = self.input.stack_networks_of(from.node);
        let theirs = self.input.stack_networks_of(to.node);
        let first = own.intersection(theirs).next();
        first.filter(|first| *first != network)
    }
}
