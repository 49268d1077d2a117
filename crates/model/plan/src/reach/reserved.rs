//! The addresses that subnets keep for themselves: gateway and resolver, which answer on the sender's own node.

use super::StepKind;
use super::steps::{Place, Walk};
use netloom_model::fabric::{Name, Protocol, Subnet};
use netloom_policy::IntervalSet;
use netloom_policy::packet_set::transport;

/// The port of DNS.
const DNS: u16 = 53;

impl<'a> Walk<'a> {
    /// The steps of a flow for the gateway or the resolver of a subnet; whether it is one.
    pub(super) fn reserved(&mut self, from: &Place<'a>) -> bool {
        let Some((name, subnet)) = self.reserving_subnet(from) else { return false };
        let address = self.to.address;
        let mut resolvers = subnet.cidrs.iter().map(|cidr| subnet.reserved.resolver(*cidr));
        let what = if resolvers.any(|one| one == address) { "resolver" } else { "gateway" };
        let finding = format!("{address} is the {what} of the subnet `{name}`");
        self.pass(StepKind::Name, finding, Some(&subnet.span));
        let is_answered = match self.flow.protocol {
            Protocol::Tcp | Protocol::Udp => self.flow.port == Some(DNS),
            Protocol::Icmp | Protocol::All => true,
        };
        if is_answered {
            let finding =
                format!("it answers on node `{}` itself, whatever policy says", from.node);
            self.pass(StepKind::Route, finding, Some(&subnet.span));
        } else {
            let finding = format!("{address} answers DNS and echo, and nothing else");
            let remedy = "call a workload";
            self.stop(StepKind::Route, finding, Some(&subnet.span), remedy);
        }
        true
    }

    /// What such an address answers, if the flow is for one.
    pub(super) fn reserved_transports(&self, from: &Place<'a>) -> Option<IntervalSet> {
        self.reserving_subnet(from)?;
        let echo =
            if self.to.address.is_ipv4() { transport(1, 8 << 8) } else { transport(58, 128 << 8) };
        let answered = [transport(6, DNS), transport(17, DNS), echo];
        Some(answered.into_iter().map(|number| (number, number)).collect())
    }

    /// The subnet of the sender's network that keeps the address of who is called, if it has a workload
    /// on the sender's node: there its gateway and resolver are.
    fn reserving_subnet(&self, from: &Place<'a>) -> Option<(&'a Name, &'a Subnet)> {
        let network = from.network.filter(|_| !from.on_stack && from.stock.is_none())?;
        let (fabric, address) = (self.input.fabric, self.to.address);
        let keeps = |subnet: &Subnet| {
            subnet.network == *network
                && subnet.cidrs.iter().any(|cidr| {
                    let kept = [subnet.reserved.gateway(*cidr), subnet.reserved.resolver(*cidr)];
                    kept.contains(&address)
                })
        };
        let (name, subnet) = fabric.subnets.iter().find(|(_, subnet)| keeps(subnet))?;
        let mut here = self.input.workloads_of(network, from.node);
        here.any(|(_, workload)| workload.subnet == *name).then_some((name, subnet))
    }
}
