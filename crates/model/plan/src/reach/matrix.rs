//! Who reaches whom in a whole fabric: workloads that policy and ways treat alike are asked about once.
//!
//! ```text
//! workloads ─ key (subnet, groups, prefixes of rules, place) ─► classes ─ each pair once ─► cells
//! ```
//! A cell says the same as [`super::allowed`] for every pair of members (property-tested); asking takes
//! as long as there are pairs of classes, however many workloads there are.

mod classes;
#[cfg(test)]
mod tests;

use super::allowed::{self, Way};
use super::permission::{allowances, groups_of};
use super::steps::{Place, Walk};
use super::{End, Flow, Owner};
use crate::input::PlanInput;
use netloom_model::fabric::{Name, Party, Protocol};
use netloom_policy::allowance::Direction;
use netloom_policy::{Allowance, IntervalSet};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Who reaches whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matrix {
    /// Workloads that are treated alike.
    pub classes: Vec<Class>,
    /// By the places of two classes: what passes from members of the first to those of the second. The
    /// cell of a class with itself is about two different members, and is missing if there is one.
    pub cells: BTreeMap<(usize, usize), Cell>,
}

/// Workloads that are treated alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// Their names.
    pub members: Vec<Name>,
    /// Their network.
    pub network: Name,
    /// Their subnet.
    pub subnet: Name,
    /// Their groups.
    pub groups: BTreeSet<Name>,
}

/// What passes between two workloads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Over IPv4: protocols and destination ports; nothing if the two have no such addresses.
    pub v4: Option<IntervalSet>,
    /// Over IPv6.
    pub v6: Option<IntervalSet>,
    /// Why nothing may, if no policy but the way is the reason.
    pub obstacle: Option<String>,
}

impl Cell {
    /// Whether anything passes.
    pub fn is_open(&self) -> bool {
        [&self.v4, &self.v6].into_iter().flatten().any(|set| !set.is_empty())
    }
}

/// Asks for every pair of classes.
pub fn matrix(input: &PlanInput<'_>) -> Matrix {
    let classes = classes::of(input);
    let mut desk = Desk::new(input);
    let mut cells = BTreeMap::new();
    for (row, from) in classes.iter().enumerate() {
        for (column, to) in classes.iter().enumerate() {
            if let Some((from, to)) = representatives(input, from, to, row == column) {
                cells.insert((row, column), desk.ask(from, to));
            }
        }
    }
    Matrix { classes, cells }
}

/// The same, unless there are more classes than these: it asks about each pair of them.
pub fn matrix_within(input: &PlanInput<'_>, classes_max: usize) -> Option<Matrix> {
    (classes::of(input).len() <= classes_max).then(|| matrix(input))
}

/// A member of each, on different nodes if there are such: what is true between nodes is what counts.
fn representatives<'a>(
    input: &PlanInput<'a>,
    from: &'a Class,
    to: &'a Class,
    is_same: bool,
) -> Option<(&'a Name, &'a Name)> {
    let node = |name: &Name| input.fabric.workloads.get(name).map(|workload| &workload.node);
    let first = from.members.first()?;
    let mut others = to.members.iter().filter(|other| !is_same || *other != first);
    let any = others.clone().next()?;
    Some((first, others.find(|other| node(other) != node(first)).unwrap_or(any)))
}

/// What is asked again and again, found once.
struct Desk<'a> {
    input: &'a PlanInput<'a>,
    flow: Flow,
    /// The groups of a workload's address, as a network knows them.
    groups: BTreeMap<(&'a Name, Name, IpAddr), Option<&'a BTreeSet<Name>>>,
}

impl<'a> Desk<'a> {
    fn new(input: &'a PlanInput<'a>) -> Self {
        // The way does not depend on protocol and ports.
        let party = Party::Internet;
        let flow = Flow { from: party.clone(), to: party, protocol: Protocol::Icmp, port: None };
        Self { input, flow, groups: BTreeMap::new() }
    }

    fn ask(&mut self, from: &'a Name, to: &'a Name) -> Cell {
        let ends = |name: &'a Name| {
            let addresses = self.input.addresses(name).iter();
            addresses.map(move |address| End { address: *address, owner: Owner::Workload(name) })
        };
        let mut cell = Cell::default();
        for source in ends(from) {
            for destination in ends(to) {
                if source.address.is_ipv4() != destination.address.is_ipv4() {
                    continue;
                }
                let source = super::interfaces::chosen(self.input, &source, destination.address);
                let found = self.pair(&source, &destination);
                let side = if source.address.is_ipv4() { &mut cell.v4 } else { &mut cell.v6 };
                match found {
                    Ok(transports) => *side = Some(transports),
                    Err(obstacle) => {
                        *side = Some(IntervalSet::EMPTY);
                        cell.obstacle = Some(obstacle);
                    }
                }
            }
        }
        cell
    }

    fn pair(&mut self, source: &End<'a>, destination: &End<'a>) -> Result<IntervalSet, String> {
        let (input, flow) = (self.input, self.flow.clone());
        let walk = Walk::new(input, &flow, source, destination);
        let (Some(from), Some(to)) = (walk.place(source), walk.place(destination)) else {
            return Ok(IntervalSet::EMPTY);
        };
        let [own, theirs] = match allowed::way(&walk, &from, &to) {
            Way::OneStack => return Ok(IntervalSet::full()),
            Way::Stopped(obstacle) => return Err(obstacle),
            Way::Open(networks) => networks,
        };
        let leaves = self.selected(&from, own, Direction::Egress, destination);
        let enters = self.selected(&to, theirs, Direction::Ingress, source);
        let both = leaves.intersection(&enters);
        if both.is_empty() {
            return Ok(both);
        }
        Ok(both.intersection(&walk.acl_transports(Some(&from), Some(&to))))
    }

    /// What the policy of a place lets pass to or from an address.
    fn selected(
        &mut self,
        place: &Place<'_>,
        network: &Name,
        direction: Direction,
        other: &End<'a>,
    ) -> IntervalSet {
        let input = self.input;
        let none = BTreeSet::new();
        let groups = match other.owner {
            Owner::Workload(name) => *self
                .groups
                .entry((name, network.clone(), other.address))
                .or_insert_with(|| groups_of(input, network, other)),
            Owner::Node(_) | Owner::Outside => None,
        };
        let groups = groups.unwrap_or(&none);
        let selects = |allowance: &Allowance| allowance.selector.selects(other.address, groups);
        let all = allowances(input, place, direction);
        all.iter()
            .filter(|allowance| selects(allowance))
            .fold(IntervalSet::EMPTY, |all, allowance| all.union(&allowance.transport))
    }
}
