//! Who reaches whom in a whole fabric, and who outside: ends that policy and ways treat alike are asked about once.
//!
//! ```text
//! workloads ─ key (subnet, groups, prefixes of rules, place) ─► classes ─ each pair once ─► cells
//! nodes, what is behind them, the internet ───────────────────────┘
//! ```
//! A cell says the same as [`super::allowed`] for every pair of members (property-tested), but that nothing passes
//! to a prefix behind a node where a gateway takes it; asking takes as long as there are pairs of classes, however
//! many workloads there are.

mod classes;
mod others;
#[cfg(test)]
mod tests;

use super::allowed::{self, Way, outside};
use super::permission::{allowances, groups_of};
use super::steps::{Place, Walk};
use super::{End, Flow, Owner, interfaces};
use crate::input::PlanInput;
use netloom_model::fabric::{Name, Party, Protocol};
use netloom_policy::allowance::Direction;
use netloom_policy::{Allowance, IntervalSet};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Most classes of nodes and of prefixes behind nodes; what is in others is left out, and counted.
pub const OTHERS_MAX: usize = 200;

/// Who reaches whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matrix {
    /// Ends that are treated alike: of workloads first.
    pub classes: Vec<Class>,
    /// By the places of two classes: what passes from members of the first to those of the second. The
    /// cell of a class with itself is about two different members, and is missing if there is one; so is
    /// that of two classes outside of the fabric.
    pub cells: BTreeMap<(usize, usize), Cell>,
    /// Classes beyond [`OTHERS_MAX`].
    pub left_out: usize,
}

/// What the members of a class are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Workloads.
    Workloads,
    /// Nodes whose own stack takes part in a network.
    Nodes,
    /// Prefixes behind a node: the parts of one in which no rule makes a difference.
    Behind,
    /// The internet.
    Internet,
}

/// Ends that are treated alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// What they are.
    pub kind: Kind,
    /// Their names, or prefixes.
    pub members: Vec<Name>,
    /// The network of workloads.
    pub network: Option<Name>,
    /// The subnet of workloads.
    pub subnet: Option<Name>,
    /// Their groups.
    pub groups: BTreeSet<Name>,
}

impl Kind {
    /// In one word, as users read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Workloads => "workloads",
            Self::Nodes => "nodes",
            Self::Behind => "behind a node",
            Self::Internet => "internet",
        }
    }
}

/// What passes between two ends.
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
    let mut classes = classes::of(input);
    let (others, left_out) = others::of(input);
    classes.extend(others);
    Matrix { left_out, ..of_classes(input, classes) }
}

/// The same of workloads alone, unless they have more classes than these: it asks about each pair of them.
pub fn matrix_within(input: &PlanInput<'_>, classes_max: usize) -> Option<Matrix> {
    let classes = classes::of(input);
    (classes.len() <= classes_max).then(|| of_classes(input, classes))
}

fn of_classes(input: &PlanInput<'_>, classes: Vec<Class>) -> Matrix {
    let mut desk = Desk::new(input);
    let mut cells = BTreeMap::new();
    for (row, from) in classes.iter().enumerate() {
        for (column, to) in classes.iter().enumerate() {
            let is_inside = |class: &Class| matches!(class.kind, Kind::Workloads | Kind::Nodes);
            if !is_inside(from) && !is_inside(to) {
                continue;
            }
            if let Some(members) = representatives(input, from, to, row == column) {
                cells.insert((row, column), desk.ask((from.kind, members.0), (to.kind, members.1)));
            }
        }
    }
    Matrix { classes, cells, left_out: 0 }
}

/// A member of each, on different nodes if there are such: what is true between nodes is what counts.
fn representatives<'a>(
    input: &PlanInput<'a>,
    from: &'a Class,
    to: &'a Class,
    is_same: bool,
) -> Option<(&'a Name, &'a Name)> {
    let node = |class: &Class, name: &'a Name| match class.kind {
        Kind::Workloads => input.fabric.workloads.get(name).map(|workload| &workload.node),
        Kind::Nodes => Some(name),
        Kind::Behind | Kind::Internet => None,
    };
    let first = from.members.first()?;
    let mut others = to.members.iter().filter(|other| !is_same || *other != first);
    let any = others.clone().next()?;
    Some((first, others.find(|other| node(to, other) != node(from, first)).unwrap_or(any)))
}

/// The addresses of a member of a class, of which `all` has those of whom the fabric names.
fn ends<'a>((kind, name): (Kind, &Name), all: impl Fn(&Party) -> Vec<End<'a>>) -> Vec<End<'a>> {
    match kind {
        Kind::Workloads => all(&Party::Workload(name.clone())),
        Kind::Nodes => all(&Party::Node(name.clone())),
        Kind::Internet => all(&Party::Internet),
        Kind::Behind => others::end(name).into_iter().collect(),
    }
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

    fn ask(&mut self, from: (Kind, &Name), to: (Kind, &Name)) -> Cell {
        let sources = ends(from, |party| interfaces::callers(self.input, party));
        let destinations = ends(to, |party| End::all(self.input, party));
        let mut cell = Cell::default();
        for source in sources {
            for destination in &destinations {
                if source.address.is_ipv4() != destination.address.is_ipv4() {
                    continue;
                }
                let Some(source) = interfaces::chosen(self.input, &source, destination) else {
                    continue;
                };
                let elsewhere = match (from.0, to.0) {
                    (_, Kind::Behind) => others::elsewhere(self.input, &source, destination),
                    (Kind::Behind, _) => others::elsewhere(self.input, destination, &source),
                    _ => None,
                };
                let found = elsewhere.map_or_else(|| self.pair(&source, destination), Err);
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
        let (from, to) = match (walk.place(source), walk.place(destination)) {
            (Some(from), Some(to)) => (from, to),
            (from, to) => return outside::transports(&walk, from.as_ref(), to.as_ref()),
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
            Owner::Node(_) => groups_of(input, network, other),
            Owner::Outside => None,
        };
        let groups = groups.unwrap_or(&none);
        let selects = |allowance: &Allowance| allowance.selector.selects(other.address, groups);
        let all = allowances(input, place, direction);
        all.iter()
            .filter(|allowance| selects(allowance))
            .fold(IntervalSet::EMPTY, |all, allowance| all.union(&allowance.transport))
    }
}
