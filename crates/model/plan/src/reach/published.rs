//! Published ports: which of a workload's own a caller outside means, and by which port of the gateway it comes in.

use super::steps::Walk;
use super::{End, Flow, Owner};
use crate::input::PlanInput;
use netloom_model::fabric::{Protocol, Published};
use netloom_policy::IntervalSet;
use netloom_policy::packet_set::transport;
use std::borrow::Cow;

/// The flow as who is called sees it: a port of the gateway, as callers outside have it over IPv4, is the one that it
/// leads to.
pub(super) fn as_received<'f>(
    input: &PlanInput<'_>,
    flow: &'f Flow,
    source: &End<'_>,
    to: &End<'_>,
) -> Cow<'f, Flow> {
    let (Owner::Outside, Owner::Workload(name)) = (source.owner, to.owner) else {
        return Cow::Borrowed(flow);
    };
    let workload = input.fabric.workloads.get(name).filter(|_| to.address.is_ipv4());
    let port = workload.zip(flow.port).and_then(|(one, port)| one.published(flow.protocol, port));
    match port {
        Some(one) if Some(one.to) != flow.port => {
            Cow::Owned(Flow { port: Some(one.to), ..flow.clone() })
        }
        _ => Cow::Borrowed(flow),
    }
}

impl Walk<'_> {
    pub(super) fn is_published(&self) -> bool {
        let number = self.transport_number(self.source.address);
        self.flow.port.is_some() && self.published().contains(number)
    }

    /// What the receiver publishes, as it is called there.
    pub(super) fn published(&self) -> IntervalSet {
        let Owner::Workload(name) = self.to.owner else { return IntervalSet::EMPTY };
        let workload = self.input.fabric.workloads.get(name).into_iter();
        let number = |one: &Published| match one.protocol {
            Protocol::Tcp => Some(transport(6, one.to)),
            Protocol::Udp => Some(transport(17, one.to)),
            Protocol::Icmp | Protocol::All => None,
        };
        let numbers = workload.flat_map(|workload| &workload.publish).filter_map(number);
        numbers.map(|number| (number, number)).collect()
    }

    /// By which port of the gateway the flow comes in, if that is another than the receiver's own.
    pub(super) fn outer_port(&self) -> Option<String> {
        let Owner::Workload(name) = self.to.owner else { return None };
        let workload =
            self.input.fabric.workloads.get(name).filter(|_| self.to.address.is_ipv4())?;
        let one = workload.published(self.flow.protocol, self.flow.port?)?;
        (one.port != one.to).then(|| format!(": {} outside is {} of `{name}`", one.port, one.to))
    }
}
