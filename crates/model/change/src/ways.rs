//! Flows that ways decide too: routes, gateways, peerings and network ACLs, before and after.
//!
//! ```text
//! workloads ─ class before, class after, published ports ─► groups of equals ─ each pair once ─► what changes
//! ```
//! Every node counts as one that can be called: what is told is what the file says, not who is up.

use netloom_model::fabric::{Fabric, Name, Party, Protocol, Published, Workload};
use netloom_model::lease::Leases;
use netloom_plan::assumed::Assumed;
use netloom_plan::reach::matrix::{Cell, Matrix, matrix_within};
use netloom_plan::reach::{Flow, reach};
use netloom_policy::allowance::{Direction, allowances};
use netloom_policy::interval::partition;
use netloom_policy::packet_set::transport;
use netloom_policy::{IntervalSet, acl};
use std::collections::{BTreeMap, BTreeSet};

/// Most classes of workloads that are asked about, each with each.
const CLASSES_MAX: usize = 600;
/// Most questions about the internet.
const QUESTIONS_MAX: usize = 4_000;
/// The name of the internet among the ends of flows.
const INTERNET: &str = "internet";

/// Whether anything but groups decides what passes in a fabric.
pub(crate) fn decide(fabric: &Fabric) -> bool {
    let has_edges = || fabric.nodes.values().any(|node| !node.advertise.is_empty());
    !(fabric.peerings.is_empty()
        && fabric.gateways.is_empty()
        && fabric.route_tables.is_empty()
        && fabric.network_acls.is_empty())
        || has_edges()
}

/// What changes between two ends.
pub(crate) struct Change<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) was: IntervalSet,
    pub(crate) is: IntervalSet,
}

/// Both sides of a change.
pub(crate) struct Ways<'a> {
    old: Side<'a>,
    new: Side<'a>,
    groups: Vec<Group<'a>>,
}

/// Workloads that were alike and are alike.
struct Group<'a> {
    was: Option<usize>,
    is: Option<usize>,
    members: Vec<&'a Name>,
}

/// Classes before and after, and what could and can be called from outside.
type Key = ((Option<usize>, Option<usize>), Vec<Published>, Vec<Published>);

struct Side<'a> {
    fabric: &'a Fabric,
    assumed: Assumed,
    matrix: Matrix,
}

impl<'a> Side<'a> {
    fn of(fabric: &'a Fabric, leases: &Leases) -> Option<Self> {
        let assumed = Assumed::with(fabric, leases.clone());
        let matrix = matrix_within(&assumed.input(fabric), CLASSES_MAX)?;
        Some(Self { fabric, assumed, matrix })
    }

    /// What passes between members of two classes.
    fn passing(&self, from: Option<usize>, to: Option<usize>) -> IntervalSet {
        let cell = from.zip(to).and_then(|places| self.matrix.cells.get(&places));
        let sets = |cell: &Cell| {
            let sets = [&cell.v4, &cell.v6].into_iter().flatten();
            sets.fold(IntervalSet::EMPTY, |all, set| all.union(set))
        };
        cell.map(sets).unwrap_or_default()
    }

    /// What passes between a workload and the internet, of the parts in which nothing differs.
    fn beyond(&self, workload: &Name, direction: Direction, parts: &[Part]) -> IntervalSet {
        if !self.fabric.workloads.contains_key(workload) {
            return IntervalSet::EMPTY;
        }
        let input = self.assumed.input(self.fabric);
        let own = Party::Workload(workload.clone());
        let (from, to) = match direction {
            Direction::Egress => (own, Party::Internet),
            Direction::Ingress => (Party::Internet, own),
        };
        let passes = |part: &&Part| {
            let (from, to) = (from.clone(), to.clone());
            let flow = Flow { from, to, protocol: part.protocol, port: part.port };
            reach(&input, &flow).is_ok_and(|answers| answers.iter().any(|one| one.passes()))
        };
        let passing = parts.iter().filter(passes);
        passing.fold(IntervalSet::EMPTY, |all, part| all.union(&part.all))
    }
}

/// Protocols and ports between which no rule makes a difference.
struct Part {
    all: IntervalSet,
    protocol: Protocol,
    port: Option<u16>,
}

impl<'a> Ways<'a> {
    /// Both sides, unless they have too many workloads that are unlike.
    pub(crate) fn of(before: (&'a Fabric, &Leases), after: (&'a Fabric, &Leases)) -> Option<Self> {
        let (old, new) = (Side::of(before.0, before.1)?, Side::of(after.0, after.1)?);
        let classes = |side: &Side<'a>| -> BTreeMap<Name, usize> {
            let classes = side.matrix.classes.iter().enumerate();
            classes
                .flat_map(|(at, one)| one.members.iter().map(move |name| (name.clone(), at)))
                .collect()
        };
        let (was, is) = (classes(&old), classes(&new));
        let published = |side: &Side<'a>, name: &Name| -> Vec<Published> {
            side.fabric.workloads.get(name).map(|one| one.publish.clone()).unwrap_or_default()
        };
        let mut groups: BTreeMap<Key, Vec<&'a Name>> = BTreeMap::new();
        let names = before.0.workloads.keys().chain(after.0.workloads.keys());
        for name in names.collect::<BTreeSet<_>>() {
            let at = (was.get(name).copied(), is.get(name).copied());
            let key = (at, published(&old, name), published(&new, name));
            groups.entry(key).or_default().push(name);
        }
        let group = |(((was, is), ..), members): (Key, _)| Group { was, is, members };
        Some(Self { groups: groups.into_iter().map(group).collect(), old, new })
    }

    /// What changes between workloads.
    pub(crate) fn between(&self) -> Vec<Change<'a>> {
        let mut changes = Vec::new();
        for from in &self.groups {
            for to in &self.groups {
                let was = self.old.passing(from.was, to.was);
                let is = self.new.passing(from.is, to.is);
                if was == is {
                    continue;
                }
                for (one, other) in from
                    .members
                    .iter()
                    .flat_map(|one| to.members.iter().map(move |other| (*one, *other)))
                {
                    if one != other {
                        changes.push(Change {
                            from: one,
                            to: other,
                            was: was.clone(),
                            is: is.clone(),
                        });
                    }
                }
            }
        }
        changes
    }

    /// What changes between workloads and the internet, and how many questions were too many.
    pub(crate) fn beyond(&self) -> (Vec<Change<'a>>, usize) {
        let (mut changes, mut asked, mut not_asked) = (Vec::new(), 0, 0);
        for group in &self.groups {
            let Some(first) = group.members.first() else { continue };
            for direction in [Direction::Egress, Direction::Ingress] {
                let parts = self.parts(first, direction);
                asked += 2 * parts.len();
                if asked > QUESTIONS_MAX {
                    not_asked += group.members.len();
                    continue;
                }
                let was = self.old.beyond(first, direction, &parts);
                let is = self.new.beyond(first, direction, &parts);
                if was == is {
                    continue;
                }
                changes.extend(group.members.iter().map(|name| {
                    let (from, to) = match direction {
                        Direction::Egress => (name.as_str(), INTERNET),
                        Direction::Ingress => (INTERNET, name.as_str()),
                    };
                    Change { from, to, was: was.clone(), is: is.clone() }
                }));
            }
        }
        (changes, not_asked)
    }

    /// The parts that rules of both sides cut protocols and ports into; what no group allows is left out.
    fn parts(&self, workload: &Name, direction: Direction) -> Vec<Part> {
        let mut allowed = IntervalSet::EMPTY;
        let mut sets: Vec<IntervalSet> = [1, 6, 17, 58].map(of_protocol).into();
        for side in [&self.old, &self.new] {
            let Some(one) = side.fabric.workloads.get(workload) else { continue };
            for rule in allowances(side.fabric, &one.security_groups, direction) {
                allowed = allowed.union(&rule.transport);
                sets.push(rule.transport);
            }
            sets.extend(acl_transports(side.fabric, one, direction));
            sets.extend(one.publish.iter().map(|one| {
                let number = transport(number_of(one.protocol), one.port);
                allowed = allowed.union(&IntervalSet::range(number, number));
                IntervalSet::range(number, number)
            }));
        }
        let ranges = partition(&sets).into_iter();
        let parts = ranges.map(|(first, last, _)| IntervalSet::range(first, last));
        parts.filter(|part| !part.intersection(&allowed).is_empty()).filter_map(part).collect()
    }
}

/// All of a protocol that can be asked about.
fn of_protocol(number: u8) -> IntervalSet {
    IntervalSet::range(transport(number, 0), transport(number, u16::MAX))
}

fn number_of(protocol: Protocol) -> u8 {
    if protocol == Protocol::Udp { 17 } else { 6 }
}

fn acl_transports(fabric: &Fabric, workload: &Workload, direction: Direction) -> Vec<IntervalSet> {
    let subnet = fabric.subnets.get(&workload.subnet);
    let acl = subnet.and_then(|subnet| fabric.network_acls.get(subnet.network_acl.as_ref()?));
    let rules = acl.map(|acl| match direction {
        Direction::Egress => &acl.egress,
        Direction::Ingress => &acl.ingress,
    });
    rules.into_iter().flatten().map(acl::rule_transports).collect()
}

/// A part and a flow that stands for it; ICMP is asked about by echo requests.
fn part(all: IntervalSet) -> Option<Part> {
    let first = all.first()?;
    let (number, port) = (first >> 16, u16::try_from(first & 0xffff).unwrap_or(0));
    let (protocol, port) = match number {
        6 => (Protocol::Tcp, Some(port)),
        17 => (Protocol::Udp, Some(port)),
        1 if all.contains(transport(1, 8 << 8)) => (Protocol::Icmp, None),
        58 if all.contains(transport(58, 128 << 8)) => (Protocol::Icmp, None),
        _ => return None,
    };
    Some(Part { all, protocol, port })
}
