//! What it costs to ask who reaches whom: one flow, after a change, and all of a large fabric.

use crate::figure;
use crate::model::{World, load, peak_mib};
use anyhow::Context as _;
use netloom_model::fabric::{GroupRule, NextHop, Party, Peer, PortRange, Protocol, Route};
use netloom_model::lease::Leases;
use netloom_plan::input::{Attachment, PlanInput};
use netloom_plan::reach::matrix::matrix;
use netloom_plan::reach::{Answer, Flow, reach};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

/// Networks, subnets in each, and nodes.
const NETWORKS: usize = 20;
const SUBNETS: usize = 4;
const NODES: usize = 100;
/// How many flows are asked about, and changes made.
const QUERIES: usize = 20_000;
const CHANGES: usize = 50;

/// Asks about a fabric of so many workloads.
pub(crate) fn run(workloads: usize) -> anyhow::Result<()> {
    let start = Instant::now();
    let fabric = load(&text(workloads))?;
    figure("load and check ms", start.elapsed().as_millis());
    let mut world = World::of(fabric, &Leases::default());
    figure("workloads", world.fabric.workloads.len());
    figure("rules", rules(&world));
    let attachments = BTreeMap::new();
    queries(&world, "query", |number| flow(number, workloads));
    queries(&world, "query of addresses", |number| by_address(&world, number, workloads));
    changes(&mut world, workloads)?;
    ways(&mut world, workloads)?;
    let start = Instant::now();
    let matrix = matrix(&input(&world, &attachments));
    figure("matrix ms", start.elapsed().as_millis());
    figure("matrix classes", matrix.classes.len());
    figure(
        "matrix cells that are open",
        matrix.cells.values().filter(|cell| cell.is_open()).count(),
    );
    figure("peak memory MiB", peak_mib()?);
    Ok(())
}

/// Asks many times; prints how long that took.
fn queries(world: &World, what: &str, flow: impl Fn(usize) -> Flow) {
    let attachments = BTreeMap::new();
    let (mut times, mut passing) = (Vec::with_capacity(QUERIES), 0);
    for number in 0..QUERIES {
        let flow = flow(number);
        let input = input(world, &attachments);
        let start = Instant::now();
        let answers = reach(&input, &flow).unwrap_or_default();
        times.push(start.elapsed().as_micros());
        passing += usize::from(answers.iter().any(Answer::passes));
    }
    times.sort_unstable();
    figure(&format!("{what} count"), times.len());
    figure(&format!("{what} passing"), passing);
    figure(&format!("{what} p50 us"), times[times.len() / 2]);
    figure(&format!("{what} p99 us"), times[times.len() * 99 / 100]);
    figure(&format!("{what} p99.9 us"), times[times.len() * 999 / 1000]);
    figure(&format!("{what} max us"), times.last().copied().unwrap_or(0));
}

/// The same flow, asked between addresses: whose they are has to be found first.
fn by_address(world: &World, number: usize, workloads: usize) -> Flow {
    let flow = flow(number, workloads);
    let address = |party: Party| match party {
        Party::Workload(name) => {
            let addresses = world.leases.workloads.get(&name).into_iter().flatten();
            addresses.copied().nth(number % 2).map_or(Party::Internet, Party::Address)
        }
        other => other,
    };
    Flow { from: address(flow.from), to: address(flow.to), ..flow }
}

/// From a change of a route, of a network ACL and of a subnet until the first answer that knows of it.
fn ways(world: &mut World, workloads: usize) -> anyhow::Result<()> {
    let (mut route_max, mut acl_max, mut subnet_max) = (0, 0, 0);
    for number in 0..CHANGES {
        let flow = flow(number, workloads);
        let start = Instant::now();
        let table = world.fabric.route_tables.get_mut("rt0").context("no table")?;
        let to = format!("198.18.{number}.0/24").parse()?;
        table.routes.push(Route { span: table.span.clone(), to, via: NextHop::Blackhole });
        ask(world, &flow);
        route_max = start.elapsed().as_micros().max(route_max);

        let start = Instant::now();
        let acl = world.fabric.network_acls.get_mut("acl0").context("no ACL")?;
        if let Some(rule) = acl.ingress.first_mut() {
            rule.allows = !rule.allows;
        }
        ask(world, &flow);
        acl_max = start.elapsed().as_micros().max(acl_max);

        let start = Instant::now();
        let subnet = world.fabric.subnets.get_mut("s0-3").context("no subnet")?;
        subnet.public = !subnet.public;
        subnet.network_acl = subnet.public.then(|| "acl0".to_owned());
        // Which nodes take part may follow from it, so that is found anew.
        world.memberships.find_nodes(&world.fabric);
        ask(world, &flow);
        subnet_max = start.elapsed().as_micros().max(subnet_max);
    }
    figure("answer after another route max us", route_max);
    figure("answer after another ACL max us", acl_max);
    figure("answer after another subnet max us", subnet_max);
    Ok(())
}

/// From a change until the first answer that knows of it: of a rule, and of a workload that goes and
/// comes.
fn changes(world: &mut World, workloads: usize) -> anyhow::Result<()> {
    let (mut rule_max, mut workload_max, mut whole_max) = (0, 0, 0);
    for number in 0..CHANGES {
        let flow = flow(number, workloads);
        let start = Instant::now();
        let group = world.fabric.security_groups.get_mut("g1").context("no group")?;
        let port = u16::try_from(20_000 + number)?;
        group.ingress.push(GroupRule {
            span: group.span.clone(),
            protocol: Protocol::Tcp,
            ports: vec![PortRange { first: port, last: port }],
            icmp_types: Vec::new(),
            peer: Peer::All,
        });
        ask(world, &flow);
        rule_max = start.elapsed().as_micros().max(rule_max);

        let name = format!("w{number}");
        let start = Instant::now();
        let workload = world.fabric.workloads.remove(&name).context("no workload")?;
        let network = world.fabric.network_of(&workload).clone();
        world.memberships.remove_workload(&network, &workload.node, &name);
        ask(world, &flow);
        world.memberships.insert_workload(&network, &workload.node, &name);
        world.fabric.workloads.insert(name, workload);
        ask(world, &flow);
        workload_max = start.elapsed().as_micros().max(workload_max);

        let start = Instant::now();
        let peering = world.fabric.peerings.pop_first().context("no peering")?;
        world.memberships.find_nodes(&world.fabric);
        ask(world, &flow);
        world.fabric.peerings.extend([peering]);
        world.memberships.find_nodes(&world.fabric);
        ask(world, &flow);
        whole_max = start.elapsed().as_micros().max(whole_max);
    }
    figure("answer after another rule max us", rule_max);
    figure("answers after another workload max us", workload_max);
    figure("answers after another peering max us", whole_max);
    Ok(())
}

fn ask(world: &World, flow: &Flow) {
    let attachments = BTreeMap::new();
    let answers = reach(&input(world, &attachments), flow).unwrap_or_default();
    std::hint::black_box(answers);
}

fn input<'a>(world: &'a World, attachments: &'a BTreeMap<String, Attachment>) -> PlanInput<'a> {
    PlanInput {
        fabric: &world.fabric,
        fabric_id: 7 << 100,
        leases: &world.leases,
        directory: &world.directory,
        memberships: &world.memberships,
        attachments,
    }
}

fn rules(world: &World) -> usize {
    let groups = world.fabric.security_groups.values();
    let acls = world.fabric.network_acls.values();
    groups.map(|group| group.ingress.len() + group.egress.len()).sum::<usize>()
        + acls.map(|acl| acl.ingress.len() + acl.egress.len()).sum::<usize>()
}

/// Flows inside of networks, between peered ones, between others, and to the internet.
fn flow(number: usize, workloads: usize) -> Flow {
    let from = number * 7919 % workloads;
    let to = match number % 4 {
        0 => Party::Workload(format!("w{}", (from + NETWORKS) % workloads)),
        1 => Party::Workload(format!("w{}", (from + 1) % workloads)),
        2 => Party::Workload(format!("w{}", (from + 7) % workloads)),
        _ => Party::Internet,
    };
    let from = Party::Workload(format!("w{from}"));
    Flow { from, to, protocol: Protocol::Tcp, port: Some(8080) }
}

/// Networks in a ring of peerings, with subnets of different ACLs and ways out.
fn text(workloads: usize) -> String {
    let mut text = String::from("version: 1\nfabric: reach\nregions: { here: {} }\nnetworks:\n");
    for n in 0..NETWORKS {
        let _ = writeln!(text, "  n{n}: {{ cidr: [10.{n}.0.0/16, \"fd00:{n}::/48\"] }}");
    }
    text.push_str("subnets:\n");
    for n in 0..NETWORKS {
        for s in 0..SUBNETS {
            let more = match s {
                0 => ", public: true".to_owned(),
                1 => format!(", nat_gateway: nat{n}"),
                2 => format!(", network_acl: acl{n}"),
                _ => format!(", route_table: rt{n}"),
            };
            let third = s * 32;
            let _ = writeln!(
                text,
                "  s{n}-{s}: {{ network: n{n}, cidr: [10.{n}.{third}.0/19, \"fd00:{n}:0:{s}::/64\"]{more} }}"
            );
        }
    }
    text.push_str("nodes:\n");
    for node in 0..NODES {
        let _ = writeln!(text, "  node-{node}: {{ region: here }}");
    }
    let [mut nat, mut out, mut peerings, mut acls, mut tables] = [const { String::new() }; 5];
    for n in 0..NETWORKS {
        let other = (n + 1) % NETWORKS;
        let _ = writeln!(nat, "  nat{n}: {{ network: n{n}, nodes: [node-{n}, node-{other}] }}");
        let _ = writeln!(out, "  out{n}: {{ network: n{n}, nodes: [node-{n}] }}");
        let _ = writeln!(peerings, "  p{n}: {{ networks: [n{n}, n{other}] }}");
        let _ = writeln!(
            tables,
            "  rt{n}: {{ network: n{n}, routes: [{{ to: 198.51.100.0/24, via: {{ nat_gateway: nat{n} }} }}] }}"
        );
        let _ = writeln!(
            acls,
            "  acl{n}: {{ network: n{n}, ingress: [{{ rule: 10, action: deny, protocol: udp, from: all }}, \
             {{ rule: 20, action: allow, protocol: all, from: all }}], \
             egress: [{{ rule: 10, action: allow, protocol: all, to: all }}] }}"
        );
    }
    let _ = write!(
        text,
        "nat_gateways:\n{nat}internet_gateways:\n{out}peerings:\n{peerings}network_acls:\n{acls}\
         route_tables:\n{tables}"
    );
    text.push_str("security_groups:\n");
    for g in 0..50 {
        let other = (g + 1) % 50;
        let _ = writeln!(
            text,
            "  g{g}: {{ ingress: [{{ protocol: tcp, ports: 8080, from: {{ security_group: g{other} }} }}, \
             {{ protocol: tcp, ports: 8080, from: 10.0.0.0/8 }}], egress: [{{ to: all }}] }}"
        );
    }
    text.push_str("workloads:\n");
    for w in 0..workloads {
        let (n, s, node, g) = (w % NETWORKS, w / NETWORKS % SUBNETS, w % NODES, w % 50);
        let _ = writeln!(
            text,
            "  w{w}: {{ node: node-{node}, subnet: s{n}-{s}, security_groups: [g{g}], \
             attach: {{ serve: {{ tcp: 8080 }} }} }}"
        );
    }
    text
}
