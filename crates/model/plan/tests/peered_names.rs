//! Names of peered networks: only those, and only addresses to which packets really take the peering.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use netloom_model::Fabric;
use netloom_model::fabric::{Name, Party, Protocol};
use netloom_plan::NodePlan;
use netloom_plan::assumed::Assumed;
use netloom_plan::names::{Names, View};
use netloom_plan::naming::peering_link;
use netloom_plan::reach::{Flow, reach};
use netloom_state::host::RouteKind;
use netloom_testkit::random_networks::yaml;
use std::collections::BTreeMap;
use std::net::IpAddr;

fn plans(fabric: &Fabric) -> BTreeMap<Name, NodePlan> {
    let world = Assumed::of(fabric);
    let input = world.input(fabric);
    let plan = |node: &Name| (node.clone(), netloom_plan::plan(&input, node).unwrap());
    fabric.nodes.keys().map(plan).collect()
}

/// What the resolver at an address answers of peered networks.
fn view<'a>(plan: &'a NodePlan, network: &str, resolver: &str) -> &'a View {
    let resolver: IpAddr = resolver.parse().unwrap();
    let mut views = plan.networks[network].views.iter();
    views.find(|view| view.resolvers.contains(&resolver)).unwrap()
}

/// Names and the addresses that they are answered with.
fn answers(view: &View) -> Vec<String> {
    let all = view.peered.iter().flat_map(|names: &Names| &names.addresses);
    let words = |addresses: &[IpAddr]| {
        addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    all.map(|(name, addresses)| format!("{name} {}", words(addresses)).trim().to_owned()).collect()
}

/// The link that a packet from a subnet of a network to an address takes out of the network on a node.
fn link(plan: &NodePlan, network: &str, from: IpAddr, to: IpAddr) -> Option<String> {
    let state = &plan.host.namespaces[&plan.networks[network].namespace];
    let mut rules = state.rules.iter().filter(|rule| {
        rule.ipv6 == to.is_ipv6() && rule.from.is_some_and(|prefix| prefix.contains(&from))
    });
    let table = rules.next()?.table;
    let routes = state.routes.iter().filter(|route| route.table == table);
    let holding = routes.filter(|route| route.destination.contains(&to));
    match &holding.max_by_key(|route| route.destination.prefix_len())?.kind {
        RouteKind::Unicast { link, .. } => Some(link.clone()),
        _ => None,
    }
}

#[test]
fn an_address_is_answered_exactly_where_the_plan_routes_it_into_the_peered_network() {
    let (mut answered, mut left_out) = (0, 0);
    for seed in 0..200 {
        let fabric = netloom_testkit::fabric(&yaml(seed));
        let world = Assumed::of(&fabric);
        let input = world.input(&fabric);
        for (node, plan) in plans(&fabric) {
            for (network, planned) in &plan.networks {
                let mut listening: Vec<IpAddr> =
                    planned.views.iter().flat_map(|view| view.resolvers.clone()).collect();
                let mut expected = planned.resolver_addresses.clone();
                listening.sort_unstable();
                expected.sort_unstable();
                assert_eq!(listening, expected, "seed {seed}, {node}, {network}");
                for (name, workload) in &fabric.workloads {
                    let other = fabric.network_of(workload);
                    let whole = format!("{name}.{other}.internal");
                    for (view, resolver) in planned
                        .views
                        .iter()
                        .flat_map(|view| view.resolvers.iter().map(move |at| (view, *at)))
                        .filter(|_| other != network)
                    {
                        let known = view.peered.iter().find_map(|one| one.addresses.get(&whole));
                        for address in input.addresses(name) {
                            // Who has asked calls from an address of the same family.
                            let subnet = fabric.subnets.values().find(|subnet| {
                                subnet.network == *network
                                    && subnet.cidrs.iter().any(|cidr| cidr.contains(&resolver))
                            });
                            let from = subnet
                                .unwrap()
                                .cidrs
                                .iter()
                                .find(|cidr| cidr.addr().is_ipv6() == address.is_ipv6());
                            let taken =
                                from.and_then(|from| link(&plan, network, from.addr(), *address));
                            let is_routed = taken == Some(peering_link(other));
                            let is_answered =
                                known.is_some_and(|addresses| addresses.contains(address));
                            assert_eq!(
                                is_answered, is_routed,
                                "seed {seed}, {node}: {whole} {address} at {resolver} of {network}"
                            );
                            *(if is_answered { &mut answered } else { &mut left_out }) += 1;
                        }
                    }
                }
            }
        }
    }
    assert!(answered > 500 && left_out > 500, "{answered} answered, {left_out} left out");
}

/// A hub `ops` that is peered with three networks, two of which have the same prefixes; one that waits;
/// one that is peered with `app` alone.
const HUB: &str = "
version: 1
fabric: hub
regions: { here: {} }
networks:
  ops: { cidr: [10.1.0.0/16, \"fd00:1::/48\"] }
  app: { cidr: [10.2.0.0/16, \"fd00:2::/48\"], dns: { domain: app.example } }
  left: { cidr: 10.3.0.0/16 }
  right: { cidr: 10.3.0.0/16 }
  later: { cidr: 10.4.0.0/16 }
  far: { cidr: 10.5.0.0/16 }
peerings:
  ops-app: { networks: [ops, app] }
  ops-left: { networks: [ops, left], routes: manual }
  ops-right: { networks: [ops, right], routes: manual }
  ops-later: { networks: [ops, later], status: pending }
  app-far: { networks: [app, far] }
route_tables:
  to-left: { network: ops, routes: [{ to: 10.3.0.0/16, via: { peering: ops-left } }] }
  to-both:
    network: ops
    routes:
      - { to: 10.3.0.0/16, via: { peering: ops-left } }
      - { to: 10.3.9.0/24, via: { peering: ops-right } }
      - { to: 10.2.0.0/17, via: blackhole }
subnets:
  ops-one: { network: ops, cidr: [10.1.1.0/24, \"fd00:1:0:1::/64\"], route_table: to-left }
  ops-two: { network: ops, cidr: 10.1.2.0/24, route_table: to-both }
  ops-three: { network: ops, cidr: [10.1.3.0/24, \"fd00:1:0:3::/64\"] }
  app-one: { network: app, cidr: [10.2.1.0/24, \"fd00:2:0:1::/64\"] }
  left-one: { network: left, cidr: 10.3.1.0/24 }
  left-nine: { network: left, cidr: 10.3.9.0/24 }
  right-nine: { network: right, cidr: 10.3.9.0/24 }
  later-one: { network: later, cidr: 10.4.1.0/24 }
  far-one: { network: far, cidr: 10.5.1.0/24 }
nodes: { one: { region: here } }
security_groups: { open: { ingress: [{ from: all }], egress: [{ to: all }] } }
workloads:
  a: { node: one, subnet: ops-one, address: 10.1.1.10, security_groups: [open], attach: { serve: { tcp: 80 } } }
  b: { node: one, subnet: ops-two, security_groups: [open], attach: { serve: { tcp: 80 } } }
  c: { node: one, subnet: ops-three, security_groups: [open], attach: { serve: { tcp: 80 } } }
  web: { node: one, subnet: app-one, address: [10.2.1.10, \"fd00:2:0:1::10\"], labels: { app: web }, security_groups: [open], attach: { serve: { tcp: 80 } } }
  l1: { node: one, subnet: left-one, address: 10.3.1.10, labels: { app: side }, security_groups: [open], attach: { serve: { tcp: 80 } } }
  l9: { node: one, subnet: left-nine, address: 10.3.9.10, labels: { app: side }, security_groups: [open], attach: { serve: { tcp: 80 } } }
  r9: { node: one, subnet: right-nine, address: 10.3.9.10, labels: { app: side }, security_groups: [open], attach: { serve: { tcp: 80 } } }
  late: { node: one, subnet: later-one, security_groups: [open], attach: { serve: { tcp: 80 } } }
  far: { node: one, subnet: far-one, security_groups: [open], attach: { serve: { tcp: 80 } } }
services:
  side: { namespace: svc, port: 80, select: { app: side } }
";

#[test]
fn each_subnet_is_answered_what_its_ways_lead_to() {
    let fabric = netloom_testkit::fabric(HUB);
    let plan = &plans(&fabric)["one"];
    for (resolver, expected) in [
        // Left, of the two that have the same prefixes.
        (
            "10.1.1.2",
            [
                "web.app.example 10.2.1.10 fd00:2:0:1::10",
                "l1.left.internal 10.3.1.10",
                "l9.left.internal 10.3.9.10",
                "side.svc.left.internal 10.3.1.10 10.3.9.10",
                "r9.right.internal",
            ]
            .as_slice(),
        ),
        // A part of right; nothing of app, to which this subnet has no way; no IPv6.
        (
            "10.1.2.2",
            &[
                "web.app.example",
                "l1.left.internal 10.3.1.10",
                "l9.left.internal",
                "side.svc.left.internal 10.3.1.10",
                "r9.right.internal 10.3.9.10",
                "side.svc.right.internal 10.3.9.10",
            ],
        ),
        // Only what needs no table.
        (
            "10.1.3.2",
            &[
                "web.app.example 10.2.1.10 fd00:2:0:1::10",
                "l1.left.internal",
                "l9.left.internal",
                "r9.right.internal",
            ],
        ),
    ] {
        assert_eq!(answers(view(plan, "ops", resolver)), expected, "{resolver}");
    }
    let of_app = answers(view(plan, "app", "10.2.1.2"));
    assert!(of_app.contains(&"far.far.internal 10.5.1.4".to_owned()), "{of_app:?}");
    assert!(of_app.contains(&"a.ops.internal 10.1.1.10 fd00:1:0:1::4".to_owned()), "{of_app:?}");
    assert!(!of_app.iter().any(|name| name.contains("left")), "never transitive: {of_app:?}");
    assert_eq!(answers(view(plan, "later", "10.4.1.2")), Vec::<String>::new());
}

#[test]
fn services_and_reverse_names_are_those_that_can_be_reached() {
    let fabric = netloom_testkit::fabric(HUB);
    let plan = &plans(&fabric)["one"];
    let view = view(plan, "ops", "10.1.2.2");
    let targets: Vec<&str> = view
        .peered
        .iter()
        .flat_map(|names| names.services.values().flatten())
        .map(|place| place.target.as_str())
        .collect();
    assert_eq!(targets, ["l1.left.internal", "r9.right.internal"]);
    let reverse: Vec<&str> = view
        .peered
        .iter()
        .filter_map(|names| names.reverse.get(&[10, 3, 9, 10].into()))
        .map(String::as_str)
        .collect();
    assert_eq!(reverse, ["r9.right.internal"]);
}

#[test]
fn explain_says_whether_the_name_is_resolved() {
    let fabric = netloom_testkit::fabric(HUB);
    let world = Assumed::of(&fabric);
    let input = world.input(&fabric);
    for (from, to, expected) in [
        ("a", "web", "web.app.example is 10.2.1.10"),
        ("a", "b", "b.ops.internal is 10.1.2.4"),
        (
            "a",
            "r9",
            "r9.right.internal is 10.3.9.10, which the resolver of `ops-one` does not say: no \
                     route of the subnet leads there by a peering",
        ),
    ] {
        let workload = |name: &str| Party::Workload(name.to_owned());
        let (from, to, protocol) = (workload(from), workload(to), Protocol::Tcp);
        let answers = reach(&input, &Flow { from, to, protocol, port: Some(80) }).unwrap();
        assert_eq!(answers[0].steps[0].finding, expected);
    }
}

#[test]
fn what_a_networks_resolvers_ask_is_what_it_names_but_for_its_own() {
    for (named, asked) in [
        ("", [].as_slice()),
        ("dns: { resolvers: [9.9.9.9, \"2620:fe::fe\"] }", &["9.9.9.9", "2620:fe::fe"]),
        // AWS's word for the network's own, and one of a subnet: they are not asked by themselves.
        ("dns: { resolvers: [10.1.0.2, 10.1.1.2, 9.9.9.9] }", &["9.9.9.9"]),
        ("dns: { resolvers: [10.1.0.2] }", &[]),
    ] {
        let text = HUB.replace("\"fd00:1::/48\"] }", &format!("\"fd00:1::/48\"], {named} }}"));
        let plan = &plans(&netloom_testkit::fabric(&text))["one"];
        let forwarders = &plan.networks["ops"].names.forwarders;
        let words: Vec<String> = forwarders.iter().map(ToString::to_string).collect();
        assert_eq!(words, asked, "{named}");
        assert_eq!(plan.networks["app"].names.forwarders, [] as [IpAddr; 0]);
    }
}
