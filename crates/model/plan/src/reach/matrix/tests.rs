//! Cells against what is said of each pair, on random fabrics; and how long ten thousand workloads take.

use super::*;
use crate::assumed::Assumed;
use netloom_testkit::{random_fabric, random_networks};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// What [`allowed`] says of two workloads, in the form of a cell.
fn asked(input: &PlanInput<'_>, from: &Name, to: &Name) -> Cell {
    let party = |name: &Name| Party::Workload(name.clone());
    let mut cell = Cell::default();
    for one in allowed::allowed(input, &party(from), &party(to)).unwrap_or_default() {
        let side = if one.source.is_ipv4() { &mut cell.v4 } else { &mut cell.v6 };
        *side = Some(one.transports);
        cell.obstacle = one.obstacle.or(cell.obstacle);
    }
    cell
}

fn agrees(text: &str) {
    let fabric = netloom_testkit::fabric(text);
    let world = Assumed::of(&fabric);
    let input = world.input(&fabric);
    let matrix = matrix(&input);
    let members: usize = matrix.classes.iter().map(|class| class.members.len()).sum();
    assert_eq!(members, fabric.workloads.len());
    for ((row, column), cell) in &matrix.cells {
        for from in &matrix.classes[*row].members {
            for to in matrix.classes[*column].members.iter().filter(|to| *to != from) {
                let Cell { v4, v6, obstacle } = asked(&input, from, to);
                assert_eq!((&v4, &v6), (&cell.v4, &cell.v6), "{from} -> {to}\n{text}");
                assert_eq!(obstacle.is_some(), cell.obstacle.is_some(), "{from} -> {to}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn cells_say_what_is_said_of_each_pair(seed: u64) {
        let size = random_fabric::Size { peers_max: 3, ..random_fabric::Size::default() };
        agrees(&random_fabric::yaml(seed, size));
    }

    #[test]
    fn cells_say_it_too_where_networks_are_peered_and_have_borders(seed: u64) {
        agrees(&random_networks::yaml(seed));
    }
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
    assert_eq!(members, ["a b", "c"]);
    let open: Vec<(usize, usize)> =
        found.cells.iter().filter(|(_, cell)| cell.is_open()).map(|(at, _)| *at).collect();
    assert_eq!(open, [(1, 0)]);
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
    assert_eq!((found.classes.len(), found.cells.len()), (50, 2500));
    assert_eq!(found.cells.values().filter(|cell| cell.is_open()).count(), 50);
    assert!(took < Duration::from_secs(5), "{took:?}");
}
