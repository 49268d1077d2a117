//! The steps of a flow's way, each decided from the same allowances, peers and routes as the plan.

use super::change::Change;
use super::{End, Flow, Owner, Step, StepKind};
use crate::assumed::at;
use crate::input::PlanInput;
use crate::peers;
use netloom_model::fabric::{Name, StockPeer};
use netloom_model::span::Span;
use netloom_policy::Direction;
use std::collections::BTreeSet;

/// Walks one flow and keeps what it finds, until a step stops it.
pub(super) struct Walk<'a> {
    pub(super) input: &'a PlanInput<'a>,
    pub(super) flow: &'a Flow,
    pub(super) source: &'a End<'a>,
    pub(super) to: &'a End<'a>,
    pub(super) steps: Vec<Step>,
}

/// A flow's end inside the fabric: where it is and what governs it.
pub(super) struct Place<'a> {
    pub(super) what: String,
    pub(super) node: &'a Name,
    pub(super) network: Option<&'a Name>,
    /// Its subnet; a node itself has none.
    pub(super) subnet: Option<&'a Name>,
    pub(super) groups: &'a BTreeSet<Name>,
    pub(super) is_node: bool,
    /// Whether it is on the node's own stack: the node itself, or a workload of the host.
    pub(super) on_stack: bool,
    /// The stock peer that it is, if it is one.
    pub(super) stock: Option<&'a StockPeer>,
    pub(super) span: &'a Span,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        input: &'a PlanInput<'a>,
        flow: &'a Flow,
        source: &'a End<'a>,
        to: &'a End<'a>,
    ) -> Self {
        Self { input, flow, source, to, steps: Vec::new() }
    }

    pub(super) fn run(&mut self) {
        let (from, to) = (self.place(self.source), self.place(self.to));
        if let (Some(from), None) = (&from, &to)
            && self.reserved(from)
        {
            return;
        }
        self.name(from.as_ref(), to.as_ref());
        if self.is_own(self.source, self.to) {
            let address = self.to.address;
            let finding =
                format!("{address} is an address of the sender itself, in another network");
            let remedy = "give one of the two another address, or the networks other prefixes";
            let span = from.as_ref().map(|place| place.span);
            return self.stop(StepKind::Route, finding, span, remedy);
        }
        match (from, to) {
            (Some(from), Some(to)) => {
                self.between(&from, &to);
                if !self.stopped() && self.is_own(self.to, self.source) {
                    let finding =
                        format!("{} is an address of {} itself too", self.source.address, to.what);
                    let remedy = "give one of the two another address";
                    self.stop(StepKind::Answer, finding, Some(to.span), remedy);
                }
            }
            (Some(from), None) => self.outwards(&from),
            (None, Some(to)) => self.inwards(&to),
            (None, None) => {}
        }
    }

    pub(super) fn place(&self, end: &End<'a>) -> Option<Place<'a>> {
        let fabric = self.input.fabric;
        match end.owner {
            Owner::Workload(name) => {
                let workload = &fabric.workloads[name];
                Some(Place {
                    what: format!("`{name}`"),
                    node: &workload.node,
                    network: Some(fabric.network_of(workload)),
                    subnet: Some(&workload.subnet),
                    groups: &workload.security_groups,
                    is_node: false,
                    on_stack: workload.is_host(),
                    stock: workload.stock_peer(),
                    span: &workload.span,
                })
            }
            Owner::Node(name) => {
                let (name, node) = fabric.nodes.get_key_value(name)?;
                Some(Place {
                    what: format!("node `{name}`"),
                    node: name,
                    network: None,
                    subnet: None,
                    groups: &node.security_groups,
                    is_node: true,
                    on_stack: true,
                    stock: None,
                    span: &node.span,
                })
            }
            Owner::Outside => None,
        }
    }

    pub(super) fn pass(&mut self, kind: StepKind, finding: String, span: Option<&Span>) {
        let span = span.cloned();
        self.steps.push(Step { kind, passes: true, finding, span, remedy: None, change: None });
    }

    pub(super) fn stop(
        &mut self,
        kind: StepKind,
        finding: String,
        span: Option<&Span>,
        remedy: &str,
    ) {
        let (span, remedy) = (span.cloned(), Some(remedy.to_owned()));
        self.steps.push(Step { kind, passes: false, finding, span, remedy, change: None });
    }

    /// The same, with the change where there is one, else with what to do in words.
    pub(super) fn stop_unless(
        &mut self,
        (kind, finding): (StepKind, String),
        span: Option<&Span>,
        change: Option<Change>,
        remedy: &str,
    ) {
        match change {
            Some(change) => self.stop_until(kind, finding, span, change),
            None => self.stop(kind, finding, span, remedy),
        }
    }

    /// The same where a change of the fabric is enough to get past.
    pub(super) fn stop_until(
        &mut self,
        kind: StepKind,
        finding: String,
        span: Option<&Span>,
        change: Change,
    ) {
        let (span, remedy, change) = (span.cloned(), Some(change.to_string()), Some(change));
        self.steps.push(Step { kind, passes: false, finding, span, remedy, change });
    }

    pub(super) fn stopped(&self) -> bool {
        self.steps.last().is_some_and(|step| !step.passes)
    }

    // === inside ===

    fn between(&mut self, from: &Place<'a>, to: &Place<'a>) {
        if from.on_stack && to.on_stack && from.node == to.node {
            let finding =
                format!("both are on the stack of `{}`, which no policy divides", to.node);
            self.pass(StepKind::Route, finding, Some(to.span));
            return;
        }
        if let (Some(own), Some(theirs)) = (from.network, to.network)
            && own != theirs
        {
            return self.across(from, to, [own, theirs]);
        }
        let Some(network) = self.common_network(from, to) else { return };
        if let Some(other) = self.leaves_by_another(from, to, network) {
            let finding = format!(
                "the stack of `{}` reaches {} through `{other}`, where {} is nobody's address",
                from.node, to.what, self.source.address
            );
            let remedy =
                "call a workload of that node instead, or give the caller its own namespace";
            self.stop(StepKind::Route, finding, Some(from.span), remedy);
            return;
        }
        if self.source.address == self.to.address {
            self.pass(StepKind::Route, "a workload always reaches itself".to_owned(), None);
            return;
        }
        self.acl(from, Direction::Egress);
        self.unless_stopped(|walk| walk.policy(from, network, Direction::Egress));
        self.unless_stopped(|walk| walk.way(from, to, network));
        self.unless_stopped(|walk| walk.acl(to, Direction::Ingress));
        self.unless_stopped(|walk| walk.policy(to, network, Direction::Ingress));
        self.unless_stopped(|walk| walk.acl_of_answer(to, Direction::Egress));
        self.unless_stopped(|walk| walk.acl_of_answer(from, Direction::Ingress));
    }

    /// The way from one end to the other, over the tunnels of stock peers where an end is one.
    pub(super) fn way(&mut self, from: &Place<'a>, to: &Place<'a>, network: &Name) {
        self.stock_tunnel(from);
        if !self.stopped() {
            self.way_between_nodes(from, to, network);
        }
        if !self.stopped() {
            self.stock_tunnel(to);
        }
    }

    fn stock_tunnel(&mut self, place: &Place<'a>) {
        let Some(peer) = place.stock else { return };
        if peer.public_key.is_some() {
            let finding = format!("WireGuard between `{}` and the peer {}", place.node, place.what);
            self.pass(StepKind::Tunnel, finding, Some(place.span));
            return;
        }
        let finding = format!("the peer {} has no public key, so it cannot connect", place.what);
        let remedy = "add the peer's `public_key`, or let `netloom vpn export` make a key pair";
        self.stop(StepKind::Tunnel, finding, Some(place.span), remedy);
    }

    fn way_between_nodes(&mut self, from: &Place<'a>, to: &Place<'a>, network: &Name) {
        if from.node == to.node {
            let finding = format!("both are on node `{}`: it stays in `{network}` there", to.node);
            self.pass(StepKind::Route, finding, Some(to.span));
            return;
        }
        let finding =
            format!("{} is on node `{}`: through the tunnel of `{network}`", to.what, to.node);
        self.pass(StepKind::Route, finding, Some(to.span));
        let forth = peers::endpoint(self.input, from.node, to.node);
        let back = peers::endpoint(self.input, to.node, from.node);
        match (forth, back) {
            (Some(endpoint), _) => {
                let at = at(endpoint);
                let finding = format!("WireGuard from `{}` to `{}`{at}", from.node, to.node);
                self.pass(StepKind::Tunnel, finding, None);
            }
            (None, Some(endpoint)) => {
                let finding = format!(
                    "WireGuard, kept open by `{}`, which calls `{}`{}",
                    to.node,
                    from.node,
                    at(endpoint)
                );
                self.pass(StepKind::Tunnel, finding, None);
            }
            (None, None) => {
                let finding =
                    format!("neither `{}` nor `{}` can call the other", from.node, to.node);
                let remedy = "put one of the nodes where it can be called (a region without nat)";
                let span = self.input.fabric.nodes[to.node].span.clone();
                self.stop(StepKind::Tunnel, finding, Some(&span), remedy);
            }
        }
    }
}
