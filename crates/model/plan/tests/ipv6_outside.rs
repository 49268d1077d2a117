//! IPv6 that leaves the fabric as it is: who gets what comes back, where two networks have one prefix.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use netloom_model::Fabric;
use netloom_model::fabric::{Party, Protocol};
use netloom_plan::assumed::Assumed;
use netloom_plan::outer_v6::{owner, prefixes};
use netloom_plan::reach::{Flow, Step, StepKind, reach};
use netloom_state::Namespace;
use netloom_state::host::RouteKind;
use std::net::IpAddr;

/// `one` and `two` have one prefix, and a gateway each on `edge`; `three` is alone, and `gone` lets out only.
const FABRIC: &str = "
version: 1
fabric: outside
regions: { here: {} }
networks:
  one: { cidr: [10.1.0.0/16, \"fd00:1::/48\"] }
  two: { cidr: [10.2.0.0/16, \"fd00:1::/48\"] }
  three: { cidr: [10.3.0.0/16, \"fd00:3::/48\"] }
internet_gateways:
  one: { network: one, nodes: [edge] }
  two: { network: two, nodes: [edge] }
  three: { network: three, nodes: [other] }
  gone: { network: three, nodes: [edge], egress_only: true }
route_tables:
  gone: { network: three, routes: [{ to: \"::/0\", via: { internet_gateway: gone } }] }
subnets:
  a: { network: one, cidr: [10.1.1.0/24, \"fd00:1:0:1::/64\"], public: true }
  b: { network: two, cidr: [10.2.1.0/24, \"fd00:1:0:1::/64\"], public: true }
  c: { network: three, cidr: [10.3.1.0/24, \"fd00:3:0:1::/64\"], public: true }
  d: { network: three, cidr: [10.3.2.0/24, \"fd00:3:0:2::/64\"], route_table: gone }
nodes: { edge: { region: here }, other: { region: here } }
security_groups: { open: { ingress: [{ from: all }], egress: [{ to: all }] } }
workloads:
  wa: { node: other, subnet: a, security_groups: [open], attach: { serve: { tcp: 80 } } }
  wb: { node: other, subnet: b, security_groups: [open], attach: { serve: { tcp: 80 } } }
  wc: { node: other, subnet: c, security_groups: [open], attach: { serve: { tcp: 80 } } }
  wd: { node: edge, subnet: d, security_groups: [open], attach: { serve: { tcp: 80 } } }
";

/// What decides a flow between a workload and the internet over IPv6, and whether it passes.
fn last(fabric: &Fabric, from: Party, to: Party) -> Step {
    let world = Assumed::of(fabric);
    let flow = Flow { from, to, protocol: Protocol::Tcp, port: Some(80) };
    let answers = reach(&world.input(fabric), &flow).unwrap();
    let answer = answers.into_iter().find(|answer| answer.source.is_ipv6()).unwrap();
    answer.steps.last().unwrap().clone()
}

fn workload(name: &str) -> Party {
    Party::Workload(name.to_owned())
}

#[test]
fn one_of_two_networks_with_a_prefix_gets_what_comes_from_outside() {
    let fabric = netloom_testkit::fabric(FABRIC);
    for (name, out, into) in [
        ("wa", None, None),
        ("wb", Some(StepKind::Answer), Some(StepKind::Gateway)),
        ("wc", None, None),
        ("wd", None, Some(StepKind::Route)),
    ] {
        for (from, to, expected) in
            [(workload(name), Party::Internet, out), (Party::Internet, workload(name), into)]
        {
            let step = last(&fabric, from, to);
            let stopped = (!step.passes).then_some(step.kind);
            assert_eq!(stopped, expected, "{name}: {}", step.finding);
        }
    }
    let finding = last(&fabric, workload("wb"), Party::Internet).finding;
    assert!(finding.contains("is in `one`"), "{finding}");
}

#[test]
fn the_stack_of_a_gateways_node_has_one_way_for_each_prefix() {
    let fabric = netloom_testkit::fabric(FABRIC);
    let world = Assumed::of(&fabric);
    let input = world.input(&fabric);
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    assert_eq!(owner(&input, "edge", address("fd00:1:0:1::4")).unwrap(), "one");
    assert_eq!(owner(&input, "edge", address("fd00:9::1")), None);
    assert_eq!(prefixes(&input, "edge", "one"), ["fd00:1::/48".parse().unwrap()]);
    assert_eq!(prefixes(&input, "edge", "two"), []);
    // The stack is in `three` itself, by `wd`, and has its way there.
    assert_eq!(prefixes(&input, "edge", "three"), []);
    let plan = netloom_plan::plan(&input, "edge").unwrap();
    let host = &plan.host.namespaces[&Namespace::Host];
    for (prefix, own) in [("fd00:1::/48", "one"), ("fd00:3::/48", "three")] {
        let to = prefix.parse().unwrap();
        let ways: Vec<&RouteKind> = host
            .routes
            .iter()
            .filter(|route| route.destination == to && route.kind != RouteKind::Unreachable)
            .map(|route| &route.kind)
            .collect();
        assert_eq!(ways.len(), 1, "{own}: {ways:?}");
    }
    assert_eq!(host.sysctls["net/ipv6/conf/all/forwarding"], "1");
}

/// `pi` leads to a prefix for `one` and `two`, which have one prefix.
#[test]
fn what_is_behind_a_node_answers_one_of_two_networks_with_a_prefix() {
    let behind =
        "pi: { region: here, advertise: { cidr: \"fd00:44::/64\", networks: [one, two] } }";
    let text =
        FABRIC.replace("other: { region: here }", &format!("other: {{ region: here }}, {behind}"));
    let fabric = netloom_testkit::fabric(&text);
    let there = || Party::Address("fd00:44::9".parse().unwrap());
    for (name, stopped) in [("wa", None), ("wb", Some(StepKind::Answer))] {
        let step = last(&fabric, workload(name), there());
        assert_eq!((!step.passes).then_some(step.kind), stopped, "{name}: {}", step.finding);
    }
    let world = Assumed::of(&fabric);
    let input = world.input(&fabric);
    let plan = netloom_plan::plan(&input, "pi").unwrap();
    let host = &plan.host.namespaces[&Namespace::Host];
    let to = "fd00:1::/48".parse().unwrap();
    let ways = host.routes.iter().filter(|route| route.destination == to);
    let ways = ways.filter(|route| route.kind != RouteKind::Unreachable).count();
    assert_eq!((ways, host.sysctls["net/ipv6/conf/all/forwarding"].as_str()), (1, "1"));
    // A gateway there is asked first, whatever the network is called.
    let gateway = "two: { network: two, nodes: [edge] }";
    let both = text.replace(gateway, "two: { network: two, nodes: [pi] }");
    let fabric = netloom_testkit::fabric(&both);
    let world = Assumed::of(&fabric);
    let address = "fd00:1:0:1::4".parse().unwrap();
    assert_eq!(owner(&world.input(&fabric), "pi", address).unwrap(), "two");
}
