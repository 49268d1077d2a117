//! Which interface of a workload its packets leave by, and from which address.

use super::steps::Walk;
use super::{End, Owner};
use crate::input::PlanInput;
use crate::ways;
use netloom_model::fabric::{Attach, Name, Party, Workload};
use std::net::IpAddr;

/// The ends from which somebody calls: of a workload its own addresses, and of each family that it has none of,
/// that of a further interface, which stands for all of them until it is [`chosen`].
pub(super) fn callers<'a>(input: &PlanInput<'a>, party: &Party) -> Vec<End<'a>> {
    let mut ends = End::all(input, party);
    let Party::Workload(name) = party else { return ends };
    let Some((name, _)) = input.fabric.workloads.get_key_value(name) else { return ends };
    for other in of(input, name) {
        if ends.iter().all(|end| end.address.is_ipv4() != other.address.is_ipv4()) {
            ends.push(End { owner: Owner::Workload(name), ..other });
        }
    }
    ends
}

/// The end that sends to another: the workload itself, or one of its further interfaces, as its routes
/// say; nothing where a family is that of further interfaces only, and none of them leads there.
pub(super) fn chosen<'a>(input: &PlanInput<'a>, source: &End<'a>, to: &End<'_>) -> Option<End<'a>> {
    let Owner::Workload(name) = source.owner else { return Some(*source) };
    let fabric = input.fabric;
    let mut further = fabric.interfaces_of(name).peekable();
    let has_family = input.addresses(name).iter().any(|own| own.is_ipv4() == to.address.is_ipv4());
    let is_first = has_family && reaches(input, &fabric.workloads[name], to.address);
    if further.peek().is_none() || is_first {
        return Some(*source);
    }
    // All interfaces lead to nodes, and the first that has the family does it.
    let to_node = !has_family && matches!(to.owner, Owner::Node(_));
    let by = further.filter(|(_, one)| to_node || reaches(input, one, to.address)).find_map(
        |(name, _)| {
            let mut addresses = input.addresses(name).iter();
            let address = addresses.find(|one| one.is_ipv6() == to.address.is_ipv6())?;
            Some(End { address: *address, owner: Owner::Workload(name) })
        },
    );
    by.or_else(|| has_family.then_some(*source))
}

/// All ends of a workload's further interfaces.
pub(super) fn of<'a>(input: &PlanInput<'a>, name: &Name) -> Vec<End<'a>> {
    let Some((name, _)) = input.fabric.workloads.get_key_value(name) else { return Vec::new() };
    let ends = input.fabric.interfaces_of(name).flat_map(|(name, _)| {
        let addresses = input.addresses(name).iter();
        addresses.map(move |address| End { address: *address, owner: Owner::Workload(name) })
    });
    ends.collect()
}

impl Walk<'_> {
    /// Whether the address of one end is one that another interface of the other end has: networks
    /// may have prefixes in common, and a stack takes its own addresses for itself.
    pub(super) fn is_own(&self, end: &End<'_>, other: &End<'_>) -> bool {
        let Owner::Workload(name) = end.owner else { return false };
        if end.owner == other.owner {
            return false;
        }
        let workloads = &self.input.fabric.workloads;
        let first = match &workloads[name].attach {
            Attach::Interface { of } => of,
            _ => name,
        };
        let further = self.input.fabric.interfaces_of(first);
        let mut all = further.map(|(name, _)| name).chain([first]);
        let is_other = |one: &&Name| other.owner != Owner::Workload(one);
        all.by_ref().filter(is_other).any(|one| self.input.addresses(one).contains(&other.address))
    }
}

/// Whether an interface has a route to an address that is not the one to everywhere.
fn reaches(input: &PlanInput<'_>, workload: &Workload, destination: IpAddr) -> bool {
    let fabric = input.fabric;
    let subnet = &fabric.subnets[&workload.subnet];
    let mut cidrs = fabric.networks[&subnet.network].cidrs.iter();
    let ways = ways::of_subnet(fabric, subnet);
    cidrs.any(|cidr| cidr.contains(&destination))
        || ways.iter().any(|way| way.to.prefix_len() > 0 && way.to.contains(&destination))
}
