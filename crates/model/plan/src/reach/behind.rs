//! What is behind nodes and workloads: it is called and answers, and begins nothing.

use super::StepKind;
use super::steps::{Place, Walk};
use crate::ways;
use netloom_model::fabric::{Advertised, NextHop};

impl<'a> Walk<'a> {
    /// No call comes in from where this one does.
    pub(super) fn no_way_in(&mut self, to: &Place<'a>) {
        let mut nodes = self.input.fabric.nodes.iter();
        let leads = |prefix: &Advertised| prefix.reached_as().contains(&self.source.address);
        if let Some((name, node)) = nodes.find(|(_, node)| node.advertise.iter().any(leads)) {
            let remedy =
                format!("let {} call it, or let a workload on `{name}` call for it", to.what);
            let finding = self.begins_nothing(&format!("node `{name}`"));
            return self.stop(StepKind::Route, finding, Some(&node.span), &remedy);
        }
        let ways = self.ways_of(to);
        // A default route says of nobody in particular where he is.
        let way = ways::longest(&ways, self.source.address).filter(|way| way.to.prefix_len() > 0);
        if let Some((way, NextHop::Workload(name))) = way.map(|way| (way, &way.via)) {
            let remedy = format!(
                "let {} call it, or let `{name}` translate what it forwards to its own address",
                to.what
            );
            let finding = self.begins_nothing(&format!("`{name}`"));
            return self.stop(StepKind::Route, finding, Some(&way.span), &remedy);
        }
        let finding = format!("no way leads from outside to {}", to.what);
        let remedy = "publish it, in a public subnet of a network with an internet gateway";
        let (stop, change) = ((StepKind::Route, finding), self.open_inwards(to));
        self.stop_unless(stop, Some(to.span), change, remedy);
    }

    fn begins_nothing(&self, whom: &str) -> String {
        let address = self.source.address;
        format!(
            "{address} is behind {whom}: what is there is called and answers, and begins nothing"
        )
    }
}
