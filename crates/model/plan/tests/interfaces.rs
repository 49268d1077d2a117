//! Workloads with further interfaces: families that only such an interface has.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use netloom_model::Fabric;
use netloom_model::fabric::Protocol;
use netloom_plan::assumed::Assumed;
use netloom_plan::reach::allowed::allowed;
use netloom_plan::reach::change::altering;
use netloom_plan::reach::matrix::{Kind, matrix};
use netloom_plan::reach::{Answer, Flow, Unanswerable, reach};
use netloom_state::host::{Route, RouteKind};

/// `multi` is IPv4 in `c`, and by its second interface both in `a`.
const FABRIC: &str = r#"version: 1
fabric: shop
regions: { west: {} }
nodes: { n1: { region: west }, n2: { region: west } }
networks:
  a: { cidr: [10.0.0.0/16, "fd00:a::/48"] }
  c: { cidr: 10.3.0.0/16 }
subnets:
  both: { network: a, cidr: [10.0.2.0/24, "fd00:a:0:2::/64"] }
  six: { network: a, cidr: "fd00:a:0:6::/64" }
  four: { network: c, cidr: 10.3.1.0/24 }
security_groups:
  any: { ingress: [{ protocol: tcp, from: all }], egress: [{ to: all }] }
  shut: { ingress: [{ protocol: tcp, ports: 80, from: "fd00:a:0:2::/64" }] }
workloads:
  s6: { node: n1, subnet: six, security_groups: [any], attach: { serve: { tcp: 80 } } }
  shy: { node: n1, subnet: six, security_groups: [shut], attach: { serve: { tcp: 80 } } }
  multi:
    node: n2
    subnet: four
    security_groups: [any]
    interfaces: { x: { subnet: both, security_groups: [any] } }
    attach: { serve: { tcp: 80 } }
"#;

fn flow(fabric: &Fabric, from: &str, to: &str, port: u16) -> Flow {
    let party = |name: &str| fabric.party(name).unwrap();
    Flow { from: party(from), to: party(to), protocol: Protocol::Tcp, port: Some(port) }
}

#[test]
fn a_workload_calls_by_the_interface_that_alone_has_the_family() {
    let fabric = netloom_testkit::fabric(FABRIC);
    let world = Assumed::of(&fabric);
    let input = world.input(&fabric);
    let second = input.addresses("multi-x").iter().find(|one| one.is_ipv6()).copied().unwrap();
    for (to, port, passes) in [("s6", 80, true), ("shy", 80, true), ("shy", 81, false)] {
        let flow = flow(&fabric, "multi", to, port);
        let answers = reach(&input, &flow).unwrap();
        let [answer] = &answers[..] else { panic!("{answers:?}") };
        assert_eq!((answer.source, answer.passes()), (second, passes), "{flow:?}");
        assert!(altering(&input, &flow, answer).is_some(), "{flow:?}");
        let sets = allowed(&input, &flow.from, &flow.to).unwrap();
        assert_eq!(sets.len(), 1, "{sets:?}");
        assert!(sets[0].source == second && !sets[0].transports.is_empty(), "{sets:?}");
    }
    // Its name answers with its own addresses only, and no interface of it leads out.
    for (from, to) in [("s6", "multi"), ("multi", "2001:db8:7::1"), ("10.3.1.4", "s6")] {
        let answers = reach(&input, &flow(&fabric, from, to, 80));
        assert_eq!(answers, Err(Unanswerable::NoCommonFamily), "{from} -> {to}");
    }
}

#[test]
fn the_matrix_has_the_family_of_a_further_interface() {
    let fabric = netloom_testkit::fabric(FABRIC);
    let world = Assumed::of(&fabric);
    let found = matrix(&world.input(&fabric));
    let class = |name: &str| {
        let has = |member: &String| member == name;
        found.classes.iter().position(|one| one.members.iter().any(has)).unwrap()
    };
    let cell = &found.cells[&(class("multi"), class("s6"))];
    assert!(cell.v4.is_none() && cell.v6.as_ref().is_some_and(|set| !set.is_empty()), "{cell:?}");
    let back = &found.cells[&(class("s6"), class("multi"))];
    assert!(back.v6.is_none(), "{back:?}");
    assert!(found.classes.iter().any(|one| one.kind == Kind::Internet));
}

#[test]
fn a_family_that_the_first_interface_lacks_takes_no_way_by_it() {
    // The first interface's network has IPv6, its subnet has none: the second leads there.
    let fabric = netloom_testkit::fabric(
        &FABRIC
            .replace("subnet: four\n", "subnet: old\n")
            .replace("  four: {", "  old: { network: a, cidr: 10.0.9.0/24 }\n  four: {"),
    );
    let world = Assumed::of(&fabric);
    let input = world.input(&fabric);
    let plan = netloom_plan::plan(&input, "n2").unwrap();
    let namespace = &plan.workloads["multi"].namespace;
    let routes = &plan.host.namespaces[namespace].routes;
    let to_network = |text: &str| -> Vec<RouteKind> {
        let is_main = |route: &&Route| route.table == 254 && route.destination.to_string() == text;
        routes.iter().filter(is_main).map(|route| route.kind.clone()).collect()
    };
    let is_by = |kind: &RouteKind, name: &str| matches!(kind, RouteKind::Unicast { link, .. } if link == name);
    let (six, four) = (to_network("fd00:a::/48"), to_network("10.0.0.0/16"));
    assert!(matches!(&six[..], [one] if is_by(one, "if-x")), "{routes:?}");
    assert!(matches!(&four[..], [one] if is_by(one, "eth0")), "{routes:?}");
    let answers = reach(&input, &flow(&fabric, "multi", "s6", 80)).unwrap();
    assert!(answers.iter().all(Answer::passes), "{answers:?}");
}
