//! Which flows a change opens or closes: policy and ways before and after, compared exactly.

use crate::passing::Passing;
use crate::ways::{self, Ways};
use netloom_model::fabric::{Fabric, Name};
use netloom_plan::node_default;
use netloom_policy::IntervalSet;
use netloom_policy::allowance::{Allowance, Direction, allowances};
use netloom_resource::Whole;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Most pairs of ends that are compared; what is beyond is counted.
const PAIRS_MAX: usize = 500_000;

/// Flows that change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flows {
    /// Sorted, those with the same ends together.
    pub changes: Vec<FlowChange>,
    /// Pairs of ends, or ends, that were too many to compare.
    pub not_compared: usize,
}

/// Flows from some ends to another that change alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowChange {
    /// Workloads and nodes that call.
    pub from: Vec<Name>,
    /// Who is called.
    pub to: Name,
    /// What may pass from now on, such as `tcp 5432`, or `tcp 5432 over IPv4`; from the internet, as it is called
    /// there.
    pub opened: Vec<String>,
    /// What may pass no more.
    pub closed: Vec<String>,
}

/// The flows between workloads, nodes and the internet that a change opens or closes.
///
/// Where a fabric has nothing but networks and groups, policy alone decides. Where it has routes, gateways, peerings or
/// network ACLs, they decide with it, between workloads and between workloads and the internet; between a workload and a
/// node policy alone is compared. Whether a node is up is not asked.
pub fn flows(before: &Whole<'_>, after: &Whole<'_>) -> Flows {
    let mut found = Found::default();
    let have_ways = ways::decide(before.fabric) || ways::decide(after.fabric);
    let sides = ((before.fabric, before.leases), (after.fabric, after.leases));
    let ways = if have_ways { Ways::of(sides.0, sides.1) } else { None };
    // What is too much for ways is told by policy alone, and counted.
    let workloads = before.fabric.workloads.len().max(after.fabric.workloads.len());
    let mut not_compared = if have_ways && ways.is_none() { workloads } else { 0 };
    if let Some(ways) = &ways {
        for change in ways.between().into_iter().chain(ways.beyond()) {
            found.add(change.from, change.to, &change.was, &change.is);
        }
    }
    not_compared += by_policy(before, after, ways.is_some(), &mut found);
    Flows { changes: found.changes(), not_compared }
}

/// Those that policy opens or closes: all, or those with a node at an end. Gives how many pairs were too many.
fn by_policy(before: &Whole<'_>, after: &Whole<'_>, nodes_only: bool, found: &mut Found) -> usize {
    let is_workload = |name: &Name| {
        before.fabric.workloads.contains_key(name) || after.fabric.workloads.contains_key(name)
    };
    let (mut old, mut new) = (Side::of(before), Side::of(after));
    let touched = touched(&old, &new);
    old.keep_touched(&touched);
    new.keep_touched(&touched);
    let (mut pairs, mut not_compared) = (0, 0);
    for to in old.ends.keys().chain(new.ends.keys()).copied().collect::<BTreeSet<&Name>>() {
        // Only ends of a common network can meet, and only where one of the two differs.
        let differs = touched.contains(to);
        let near: BTreeSet<&Name> = [&old, &new]
            .into_iter()
            .flat_map(|side| side.near(to, if differs { &side.networks } else { &side.touched }))
            .collect();
        for from in near {
            if from == to || nodes_only && is_workload(from) && is_workload(to) {
                continue;
            }
            pairs += 1;
            if pairs > PAIRS_MAX {
                not_compared += 1;
                continue;
            }
            found.add(from, to, &old.transports(from, to), &new.transports(from, to));
        }
    }
    not_compared
}

/// Changes so far: who calls, by who is called and what changes.
#[derive(Default)]
struct Found(BTreeMap<(Name, Vec<String>, Vec<String>), BTreeSet<Name>>);

impl Found {
    fn add(&mut self, from: &str, to: &str, was: &Passing, is: &Passing) {
        let (opened, closed) = (is.beyond(was), was.beyond(is));
        if !opened.is_empty() || !closed.is_empty() {
            self.0.entry((to.to_owned(), opened, closed)).or_default().insert(from.to_owned());
        }
    }

    fn changes(self) -> Vec<FlowChange> {
        let change = |((to, opened, closed), from): (_, BTreeSet<Name>)| FlowChange {
            from: from.into_iter().collect(),
            to,
            opened,
            closed,
        };
        self.0.into_iter().map(change).collect()
    }
}

/// The ends whose policy, groups, addresses or network differ, or that come or go.
fn touched<'a>(old: &Side<'a>, new: &Side<'a>) -> BTreeSet<&'a Name> {
    let rules = |side: &Side<'a>, groups: &BTreeSet<Name>| {
        [Direction::Ingress, Direction::Egress].map(|direction| {
            let rules = allowances(side.fabric, groups, direction).into_iter();
            rules.map(|rule| (rule.selector, rule.transport)).collect::<Vec<_>>()
        })
    };
    // Many ends have the same groups, whose rules are compared once.
    let mut ruled_otherwise: BTreeMap<&BTreeSet<Name>, bool> = BTreeMap::new();
    let mut differ = |groups| {
        let compare = || rules(old, groups) != rules(new, groups);
        *ruled_otherwise.entry(groups).or_insert_with(compare)
    };
    let names = old.ends.keys().chain(new.ends.keys()).copied();
    names
        .filter(|name| match (old.ends.get(*name), new.ends.get(*name)) {
            (Some(was), Some(is)) => was != is || differ(is.groups),
            _ => true,
        })
        .collect()
}

/// All ends of flows at one time.
struct Side<'a> {
    fabric: &'a Fabric,
    ends: BTreeMap<&'a Name, End<'a>>,
    /// Ends by network.
    networks: EndsByNetwork<'a>,
    /// Those of them that differ between the two sides.
    touched: EndsByNetwork<'a>,
    none: BTreeSet<Name>,
}

type EndsByNetwork<'a> = BTreeMap<&'a Name, Vec<&'a Name>>;

/// A workload or a node.
#[derive(Clone, Debug, PartialEq, Eq)]
struct End<'a> {
    /// A node without groups may call, and answers echo.
    is_default: bool,
    groups: &'a BTreeSet<Name>,
    networks: BTreeSet<&'a Name>,
    addresses: Vec<IpAddr>,
}

impl<'a> Side<'a> {
    fn of(whole: &Whole<'a>) -> Self {
        let mut ends = BTreeMap::new();
        for (name, node) in &whole.fabric.nodes {
            let stack = whole.memberships.of_node(name).map(|membership| &membership.stack);
            let end = End {
                is_default: node.security_groups.is_empty(),
                groups: &node.security_groups,
                networks: stack.into_iter().flatten().collect(),
                addresses: vec![netloom_model::lease::node_address(whole.fabric_id, name).into()],
            };
            ends.insert(name, end);
        }
        for (name, workload) in &whole.fabric.workloads {
            let end = End {
                is_default: false,
                groups: &workload.security_groups,
                networks: BTreeSet::from([whole.fabric.network_of(workload)]),
                addresses: whole.leases.workloads.get(name).cloned().unwrap_or_default(),
            };
            ends.insert(name, end);
        }
        let mut networks = EndsByNetwork::new();
        for (name, end) in &ends {
            for network in &end.networks {
                networks.entry(network).or_default().push(name);
            }
        }
        let touched = EndsByNetwork::new();
        Self { fabric: whole.fabric, ends, networks, touched, none: BTreeSet::new() }
    }

    fn keep_touched(&mut self, touched: &BTreeSet<&'a Name>) {
        for (network, ends) in &self.networks {
            let those = ends.iter().copied().filter(|end| touched.contains(end));
            self.touched.insert(network, those.collect());
        }
    }

    /// Those of `ends` that have a network in common with this one.
    fn near<'n>(
        &self,
        name: &Name,
        ends: &'n EndsByNetwork<'a>,
    ) -> impl Iterator<Item = &'a Name> + use<'a, 'n, '_> {
        let networks = self.ends.get(name).into_iter().flat_map(|end| &end.networks);
        networks.filter_map(|network| ends.get(network)).flatten().copied()
    }

    /// What may pass between any of two ends' addresses of one family.
    fn transports(&self, from: &Name, to: &Name) -> Passing {
        let mut all = Passing::default();
        let (Some(source), Some(destination)) = (self.ends.get(from), self.ends.get(to)) else {
            return all;
        };
        if source.networks.is_disjoint(&destination.networks) {
            return all;
        }
        let (leaving, entering) =
            (self.rules(source, Direction::Egress), self.rules(destination, Direction::Ingress));
        for here in &source.addresses {
            for there in &destination.addresses {
                if here.is_ipv4() == there.is_ipv4() {
                    let out = selected(&leaving, *there, destination.groups);
                    let into = selected(&entering, *here, source.groups);
                    all.add(here.is_ipv6(), &out.intersection(&into));
                }
            }
        }
        all
    }

    fn rules(&self, end: &End<'_>, direction: Direction) -> Vec<Allowance> {
        if end.is_default {
            let span = netloom_model::Span { file: "".into(), line: 0, column: 0 };
            return node_default(direction, &span);
        }
        let groups = if end.groups.is_empty() { &self.none } else { end.groups };
        allowances(self.fabric, groups, direction)
    }
}

fn selected(rules: &[Allowance], address: IpAddr, groups: &BTreeSet<Name>) -> IntervalSet {
    let selecting = rules.iter().filter(|rule| rule.selector.selects(address, groups));
    selecting.fold(IntervalSet::EMPTY, |all, rule| all.union(&rule.transport))
}
