//! Cells against what is said of each pair, on random fabrics; and how long ten thousand workloads take.

use super::*;
use crate::assumed::Assumed;
use crate::reach::interfaces;
use crate::ways;
use netloom_model::fabric::NextHop;
use netloom_testkit::{random_fabric, random_networks};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// What [`allowed`] says of two ends, in the form of a cell.
fn asked(input: &PlanInput<'_>, from: &Party, to: &Party) -> Cell {
    let mut cell = Cell::default();
    for one in allowed::allowed(input, from, to).unwrap_or_default() {
        let side = if one.source.is_ipv4() { &mut cell.v4 } else { &mut cell.v6 };
        *side = Some(one.transports);
        cell.obstacle = one.obstacle.or(cell.obstacle);
    }
    cell
}

/// Ends that a class is of: of prefixes, their first and last addresses.
fn parties(class: &Class) -> Vec<Party> {
    let of = |name: &Name| match class.kind {
        Kind::Workloads => vec![Party::Workload(name.clone())],
        Kind::Nodes => vec![Party::Node(name.clone())],
        Kind::Internet => vec![Party::Internet],
        Kind::Behind => {
            let prefix: ipnet::IpNet = name.parse().unwrap();
            [prefix.network(), prefix.broadcast()].map(Party::Address).into()
        }
    };
    class.members.iter().flat_map(of).collect()
}

/// How many open cells there are, by the kinds of who calls and who is called.
type Open = BTreeMap<(Kind, Kind), usize>;

fn agrees(text: &str, open: &mut Open) {
    let fabric = netloom_testkit::fabric(text);
    let world = Assumed::of(&fabric);
    let input = world.input(&fabric);
    let matrix = matrix(&input);
    let members = |kind: Kind| -> usize {
        let of = matrix.classes.iter().filter(|class| class.kind == kind);
        of.map(|class| class.members.len()).sum()
    };
    assert_eq!((members(Kind::Workloads), members(Kind::Internet)), (fabric.workloads.len(), 1));
    for ((row, column), cell) in &matrix.cells {
        let [from, to] = [row, column].map(|at| &matrix.classes[*at]);
        *open.entry((from.kind, to.kind)).or_default() += usize::from(cell.is_open());
        let is_behind = [from.kind, to.kind].contains(&Kind::Behind);
        for from in &parties(from) {
            for to in parties(to).iter().filter(|to| *to != from) {
                let Cell { v4, v6, obstacle } = match is_behind && by_gateway(&input, from, to) {
                    true => Cell {
                        obstacle: cell.obstacle.clone(),
                        v4: Some(IntervalSet::EMPTY),
                        v6: None,
                    },
                    false => asked(&input, from, to),
                };
                assert_eq!((&v4, &v6), (&cell.v4, &cell.v6), "{from:?} -> {to:?}\n{text}");
                assert_eq!(obstacle.is_some(), cell.obstacle.is_some(), "{from:?} -> {to:?}");
            }
        }
    }
}

/// Whether a flow between a workload and an address outside would go by a gateway, if policy let it.
fn by_gateway(input: &PlanInput<'_>, from: &Party, to: &Party) -> bool {
    let (own, address) = match (from, to) {
        (Party::Workload(_), Party::Address(address)) => (from, address),
        (Party::Address(address), Party::Workload(_)) => (to, address),
        _ => return false,
    };
    let mut ends = interfaces::callers(input, own).into_iter();
    let Some(end) = ends.find(|end| end.address.is_ipv4() == address.is_ipv4()) else {
        return false;
    };
    let is_sender = own == from;
    let there = End { address: *address, owner: Owner::Outside };
    let end = if is_sender { interfaces::chosen(input, &end, &there) } else { Some(end) };
    let Some(end) = end else { return false };
    let Owner::Workload(name) = end.owner else { return false };
    let fabric = input.fabric;
    let ways = ways::of_subnet(fabric, &fabric.subnets[&fabric.workloads[name].subnet]);
    ways::longest(&ways, *address).is_some_and(|way| matches!(way.via, NextHop::Gateway(_)))
}

/// The same fabric with a published port at every other workload, and rules and gateways that cut more finely.
fn cut(text: &str) -> String {
    let (start, groups) = text.split_once("security_groups:\n").unwrap();
    let start = start.replace("nodes: [node0] }", "nodes: [node0, node1] }");
    let mut groups = groups
        .replace(
            "    ingress:\n",
            "    ingress:\n      - { protocol: tcp, ports: 22, from: 192.168.4.128/30 }\n",
        )
        .replace(
            "    egress:\n",
            "    egress:\n      - { protocol: tcp, ports: 22, to: 192.168.4.64/26 }\n",
        );
    for number in (0..8).step_by(2) {
        let more = format!("  w{number}: {{ publish: [{{ port: 800{number}, to: 80 }}],");
        groups = groups.replace(&format!("  w{number}: {{"), &more);
    }
    format!("{start}security_groups:\n{groups}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn cells_say_what_is_said_of_each_pair(seed: u64) {
        let size = random_fabric::Size { peers_max: 3, ..random_fabric::Size::default() };
        agrees(&random_fabric::yaml(seed, size), &mut Open::new());
    }

    #[test]
    fn cells_say_it_too_where_networks_are_peered_and_have_borders(seed: u64) {
        agrees(&random_networks::yaml(seed), &mut Open::new());
    }
}

#[test]
fn cells_say_it_of_nodes_too_and_of_what_is_outside() {
    let mut open = Open::new();
    for seed in 0..60 {
        agrees(&cut(&random_networks::yaml(seed)), &mut open);
    }
    for pair in [
        (Kind::Workloads, Kind::Internet),
        (Kind::Internet, Kind::Workloads),
        (Kind::Workloads, Kind::Behind),
        (Kind::Nodes, Kind::Workloads),
        (Kind::Workloads, Kind::Nodes),
        (Kind::Nodes, Kind::Nodes),
    ] {
        assert!(open[&pair] > 5, "{pair:?}: {open:?}");
    }
    assert!(!open.contains_key(&(Kind::Internet, Kind::Behind)), "nobody asks of two outside");
}

#[test]
fn nodes_that_are_too_many_and_unlike_are_left_out_and_counted() {
    let mut text =
        "version: 1\nfabric: f\nregions: { r: {} }\nnetworks: { n: { cidr: 10.0.0.0/16 } }\n\
        subnets: { s: { network: n, cidr: 10.0.0.0/20 } }\nsecurity_groups:\n"
            .to_owned();
    let (mut nodes, mut workloads) = ("nodes:\n".to_owned(), "workloads:\n".to_owned());
    for at in 0..OTHERS_MAX + 3 {
        let _ = writeln!(text, "  g{at}: {{ egress: [{{ to: all }}] }}");
        let _ = writeln!(nodes, "  n{at}: {{ region: r, security_groups: [g{at}] }}");
        let _ = writeln!(
            workloads,
            "  w{at}: {{ node: n{at}, subnet: s, attach: {{ serve: {{ tcp: 1 }} }} }}"
        );
    }
    let fabric = netloom_testkit::fabric(&(text + &nodes + &workloads));
    let world = Assumed::of(&fabric);
    let found = matrix(&world.input(&fabric));
    assert_eq!((found.classes.len(), found.left_out), (1 + OTHERS_MAX + 1, 3));
    let within = matrix_within(&world.input(&fabric), 10).unwrap();
    assert_eq!((within.classes.len(), within.cells.len()), (1, 1), "of workloads alone");
}

#[test]
fn workloads_that_are_alike_are_one_class_whatever_their_nodes() {
    let text = "version: 1
fabric: f
regions: { r: {} }
nodes: { alpha: { region: r }, beta: { region: r } }
networks: { n: { cidr: 10.0.0.0/16 } }
subnets: { s: { network: n, cidr: 10.0.1.0/24 } }
security_groups:
  web: { ingress: [{ protocol: tcp, ports: 80, from: 10.0.1.9 }], egress: [{ to: all }] }
workloads:
  a: { node: alpha, subnet: s, security_groups: [web], attach: { serve: { tcp: 1 } } }
  b: { node: beta, subnet: s, security_groups: [web], attach: { serve: { tcp: 1 } } }
  c: { node: beta, subnet: s, address: 10.0.1.9, security_groups: [web], attach: { serve: { tcp: 1 } } }
"
    .replace("from: 10.0.1.9 }", "from: 10.0.1.9/32 }");
    let fabric = netloom_testkit::fabric(&text);
    let world = Assumed::of(&fabric);
    let found = matrix(&world.input(&fabric));
    let members: Vec<String> = found.classes.iter().map(|class| class.members.join(" ")).collect();
    assert_eq!(members, ["a b", "c", "alpha beta", "internet"]);
    let open: Vec<(usize, usize)> =
        found.cells.iter().filter(|(_, cell)| cell.is_open()).map(|(at, _)| *at).collect();
    assert_eq!(open, [(1, 0), (2, 2)], "nodes have IPv6 addresses alone");
    assert!(!found.cells.contains_key(&(1, 1)), "of one there is no pair");
}

#[test]
fn ten_thousand_workloads_are_as_fast_as_their_classes() {
    let mut text =
        "version: 1\nfabric: f\nregions: { r: {} }\nnetworks: { n: { cidr: 10.0.0.0/8 } }\n"
            .to_owned();
    text.push_str("nodes:\n");
    for number in 0..100 {
        let _ = writeln!(text, "  n{number}: {{ region: r }}");
    }
    text.push_str("subnets: { s: { network: n, cidr: 10.0.0.0/16 } }\nsecurity_groups:\n");
    for number in 0..50 {
        let other = (number + 1) % 50;
        let _ = writeln!(
            text,
            "  g{number}: {{ ingress: [{{ protocol: tcp, ports: 80, from: {{ security_group: g{other} }} }}], egress: [{{ to: all }}] }}"
        );
    }
    text.push_str("workloads:\n");
    for number in 0..10_000 {
        let (node, group) = (number % 100, number % 50);
        let _ = writeln!(
            text,
            "  w{number}: {{ node: n{node}, subnet: s, security_groups: [g{group}], attach: {{ serve: {{ tcp: 1 }} }} }}"
        );
    }
    let fabric = netloom_testkit::fabric(&text);
    let world = Assumed::of(&fabric);
    let start = Instant::now();
    let found = matrix(&world.input(&fabric));
    let took = start.elapsed();
    let of_workloads: Vec<&Cell> = found
        .cells
        .iter()
        .filter(|((row, column), _)| *row < 50 && *column < 50)
        .map(|one| one.1)
        .collect();
    assert_eq!((found.classes.len(), of_workloads.len()), (52, 2500));
    assert_eq!(of_workloads.iter().filter(|cell| cell.is_open()).count(), 50);
    assert!(took < Duration::from_secs(5), "{took:?}");
}
