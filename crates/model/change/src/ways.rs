//! Flows that ways decide too: routes, gateways, peerings and network ACLs, before and after.
//!
//! ```text
//! workloads ─ class before, class after, published ports ─► groups of equals ─ each pair once ─► what changes
//! ```
//! Every node counts as one that can be called: what is told is what the file says, not who is up.

use crate::passing::Passing;
use netloom_model::fabric::{Fabric, Name, Party, Protocol, Published};
use netloom_model::lease::Leases;
use netloom_plan::assumed::Assumed;
use netloom_plan::reach::allowed::allowed;
use netloom_plan::reach::matrix::{Matrix, matrix_within};
use netloom_policy::IntervalSet;
use netloom_policy::allowance::Direction;
use netloom_policy::packet_set::transport;
use std::collections::{BTreeMap, BTreeSet};

/// Most classes of workloads that are asked about, each with each.
const CLASSES_MAX: usize = 600;
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
    pub(crate) was: Passing,
    pub(crate) is: Passing,
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
    fn passing(&self, from: Option<usize>, to: Option<usize>) -> Passing {
        let cell = from.zip(to).and_then(|places| self.matrix.cells.get(&places));
        cell.map(|cell| Passing { v4: cell.v4.clone(), v6: cell.v6.clone() }).unwrap_or_default()
    }

    /// What passes between a workload and the internet.
    fn beyond(&self, workload: &Name, direction: Direction) -> Passing {
        let own = Party::Workload(workload.clone());
        let (from, to) = match direction {
            Direction::Egress => (own, Party::Internet),
            Direction::Ingress => (Party::Internet, own),
        };
        let mut passing = Passing::default();
        let input = self.assumed.input(self.fabric);
        for pair in allowed(&input, &from, &to).unwrap_or_default() {
            let is_ipv6 = pair.source.is_ipv6();
            match direction {
                Direction::Ingress if !is_ipv6 => {
                    passing.add(is_ipv6, &self.outer(workload, &pair.transports));
                }
                _ => passing.add(is_ipv6, &pair.transports),
            }
        }
        passing
    }

    /// The ports by which those outside call what they may call of a workload: over IPv4 they are the gateway's.
    fn outer(&self, workload: &Name, transports: &IntervalSet) -> IntervalSet {
        let published =
            self.fabric.workloads.get(workload).into_iter().flat_map(|one| &one.publish);
        let called = published.filter_map(|one| {
            let number = match one.protocol {
                Protocol::Tcp => 6,
                Protocol::Udp => 17,
                Protocol::Icmp | Protocol::All => return None,
            };
            let outside = transport(number, one.port);
            transports.contains(transport(number, one.to)).then_some((outside, outside))
        });
        called.collect()
    }
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

    /// What changes between workloads and the internet.
    pub(crate) fn beyond(&self) -> Vec<Change<'a>> {
        let mut changes = Vec::new();
        for group in &self.groups {
            let Some(first) = group.members.first() else { continue };
            for direction in [Direction::Egress, Direction::Ingress] {
                let was = self.old.beyond(first, direction);
                let is = self.new.beyond(first, direction);
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
        changes
    }
}
