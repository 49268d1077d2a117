//! Flows that routes, gateways, peerings and network ACLs open or close are told before they do.

use netloom_change::{FlowChange, Flows, Passing, flows};
use netloom_model::Fabric;
use netloom_model::fabric::{Party, Protocol};
use netloom_model::lease::{self, Leases};
use netloom_plan::assumed::Assumed;
use netloom_plan::input::Directory;
use netloom_plan::membership::Memberships;
use netloom_plan::reach::allowed::allowed;
use netloom_plan::reach::{Flow, reach};
use netloom_resource::Whole;
use netloom_testkit::random_networks::yaml;
use std::collections::BTreeMap;

const BEFORE: &str = "
version: 1
fabric: shop
regions: { here: {} }
networks: { app: { cidr: 10.1.0.0/16 }, data: { cidr: 10.2.0.0/16 } }
subnets:
  s: { network: app, cidr: 10.1.1.0/24, route_table: out }
  t: { network: data, cidr: 10.2.1.0/24 }
nodes: { one: { region: here, roles: [gateway] }, two: { region: here } }
nat_gateways: { nat: { network: app, nodes: [one] } }
route_tables:
  out:
    network: app
    routes:
      - { to: 0.0.0.0/0, via: { nat_gateway: nat } }
network_acls:
  guard:
    network: data
    ingress: [{ rule: 100, protocol: all, action: allow, from: all }]
    egress: [{ rule: 100, protocol: all, action: allow, to: all }]
security_groups:
  web: { ingress: [{ protocol: tcp, ports: 80, from: all }], egress: [{ protocol: tcp, ports: [80, 443], to: all }] }
workloads:
  web-1: { node: one, subnet: s, security_groups: [web], attach: { serve: { http: 80 } } }
  web-2: { node: two, subnet: s, security_groups: [web], attach: { serve: { http: 80 } } }
  data-1: { node: two, subnet: t, security_groups: [web], attach: { serve: { http: 80 } } }
";
const PEERING: &str = "peerings: { both: { networks: [app, data] } }\n";

fn leases(fabric: &Fabric, before: Option<&Leases>) -> Leases {
    lease::assign(fabric, &before.cloned().unwrap_or_default()).0
}

fn told(before: &Fabric, after: &Fabric) -> Flows {
    let directory = Directory { nodes: BTreeMap::new() };
    let (old, new) = (leases(before, None), leases(after, Some(&leases(before, None))));
    let members = [Memberships::of(before), Memberships::of(after)];
    let whole = |fabric, leases, memberships| Whole {
        fabric,
        fabric_id: 7,
        leases,
        directory: &directory,
        memberships,
        control: &[],
    };
    flows(&whole(before, &old, &members[0]), &whole(after, &new, &members[1]))
}

fn change(from: &str, to: &str) -> Vec<FlowChange> {
    told(&netloom_testkit::fabric(from), &netloom_testkit::fabric(to)).changes
}

fn flow(from: &[&str], to: &str, opened: &[&str], closed: &[&str]) -> FlowChange {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    FlowChange {
        from: owned(from),
        to: to.to_owned(),
        opened: owned(opened),
        closed: owned(closed),
    }
}

#[test]
fn a_peering_opens_what_policy_allows_on_both_sides() {
    let expected = [
        flow(&["web-1", "web-2"], "data-1", &["tcp 80"], &[]),
        flow(&["data-1"], "web-1", &["tcp 80"], &[]),
        flow(&["data-1"], "web-2", &["tcp 80"], &[]),
    ];
    assert_eq!(change(BEFORE, &format!("{BEFORE}{PEERING}")), expected);
}

#[test]
fn a_route_that_goes_closes_the_internet_for_who_has_it() {
    let without = BEFORE.replace("via: { nat_gateway: nat }", "via: blackhole");
    let expected = [flow(&["web-1", "web-2"], "internet", &[], &["tcp 80, 443"])];
    assert_eq!(change(BEFORE, &without), expected);
}

#[test]
fn a_network_acl_closes_what_it_denies_and_answers_too() {
    let peered = format!("{BEFORE}{PEERING}");
    let attached = peered
        .replace("data: { cidr: 10.2.0.0/16 }", "data: { cidr: 10.2.0.0/16, network_acl: guard }");
    assert_eq!(change(&peered, &attached), [], "it allows all");
    let rule = "ingress: [{ rule: 100, protocol: all, action: allow, from: all }]";
    let denies =
        "ingress: [{ rule: 100, protocol: tcp, ports: 1024-65535, action: allow, from: all }]";
    let expected = [flow(&["web-1", "web-2"], "data-1", &[], &["tcp 80"])];
    assert_eq!(change(&attached, &attached.replace(rule, denies)), expected);
    // Without a way for its answers, a call is closed that the ACL lets out.
    let silent = "ingress: [{ rule: 100, protocol: tcp, ports: 80, action: allow, from: all }]";
    let expected = [
        flow(&["data-1"], "web-1", &[], &["tcp 80"]),
        flow(&["data-1"], "web-2", &[], &["tcp 80"]),
    ];
    assert_eq!(change(&attached, &attached.replace(rule, silent)), expected);
}

#[test]
fn a_port_that_is_published_opens_what_is_called_behind_it() {
    let before = BEFORE.replace("route_table: out", "public: true").replace(
        "ingress: [{ protocol: tcp, ports: 80,",
        "ingress: [{ protocol: tcp, ports: 1-1023,",
    ) + "internet_gateways: { igw: { network: app, nodes: [one] } }\n";
    let after = before
        .replace("web-1: { node: one,", "web-1: { node: one, publish: [{ port: 8080, to: 80 }],");
    let expected = [flow(&["internet"], "web-1", &["tcp 8080"], &[])];
    assert_eq!(change(&before, &after), expected);
    let moved = after.replace("port: 8080", "port: 8081");
    let expected = [flow(&["internet"], "web-1", &["tcp 8081"], &["tcp 8080"])];
    assert_eq!(change(&after, &moved), expected);
}

/// What may pass between workloads, by the engine that answers `explain`; nothing for one that is not there.
fn may_pass(fabric: &Fabric, assumed: &Assumed, from: &str, to: &str) -> Passing {
    let pairs = match (fabric.party(from), fabric.party(to)) {
        (Some(from), Some(to)) => allowed(&assumed.input(fabric), &from, &to).unwrap_or_default(),
        _ => Vec::new(),
    };
    let mut passing = Passing::default();
    pairs.iter().for_each(|pair| passing.add(pair.source.is_ipv6(), &pair.transports));
    passing
}

fn reaches(fabric: &Fabric, assumed: &Assumed, from: &Party, to: &Party, port: u16) -> bool {
    let flow =
        Flow { from: from.clone(), to: to.clone(), protocol: Protocol::Tcp, port: Some(port) };
    let answers = reach(&assumed.input(fabric), &flow).unwrap_or_default();
    answers.iter().any(|answer| answer.passes())
}

/// Takes something away that decides about ways.
fn lessened(fabric: &Fabric, seed: u64) -> Fabric {
    let mut fabric = fabric.clone();
    match seed % 4 {
        0 => drop(fabric.peerings.pop_first()),
        1 => fabric.network_acls.values_mut().take(1).for_each(|acl| drop(acl.ingress.pop())),
        2 => fabric.route_tables.values_mut().take(1).for_each(|table| drop(table.routes.pop())),
        _ => fabric.security_groups.values_mut().take(1).for_each(|one| drop(one.ingress.pop())),
    }
    fabric
}

#[test]
fn flows_are_those_that_explain_would_answer_otherwise() {
    let (mut changed, mut beyond) = (0, 0);
    for seed in 0..120 {
        let before = netloom_testkit::fabric(&yaml(seed));
        let after = lessened(&before, seed);
        let found = told(&before, &after);
        assert_eq!(found.not_compared, 0, "{seed}");
        let change = |from: &str, to: &str| {
            let of_pair =
                |one: &&FlowChange| one.to == to && one.from.iter().any(|name| name == from);
            let change = found.changes.iter().find(of_pair);
            change.map(|one| (one.opened.clone(), one.closed.clone())).unwrap_or_default()
        };
        let old = leases(&before, None);
        let sides = [
            (&before, Assumed::with(&before, old.clone())),
            (&after, Assumed::with(&after, leases(&after, Some(&old)))),
        ];
        for from in before.workloads.keys() {
            for to in before.workloads.keys().filter(|to| *to != from) {
                let [was, is] = [0, 1].map(|at| may_pass(sides[at].0, &sides[at].1, from, to));
                let expected = (is.beyond(&was), was.beyond(&is));
                assert_eq!(change(from, to), expected, "{seed}: {from} {to}");
                changed += usize::from(was != is);
            }
            let own = Party::Workload(from.clone());
            for port in [80, 443, 9_999] {
                for (one, other, names) in [
                    (&own, &Party::Internet, (from.as_str(), "internet")),
                    (&Party::Internet, &own, ("internet", from.as_str())),
                ] {
                    let [was, is] =
                        [0, 1].map(|at| reaches(sides[at].0, &sides[at].1, one, other, port));
                    let (opened, closed) = change(names.0, names.1);
                    assert!(
                        was == is || !opened.is_empty() || !closed.is_empty(),
                        "{seed}: {names:?}"
                    );
                    beyond += usize::from(was != is);
                }
            }
        }
    }
    assert!(changed > 100 && beyond > 10, "{changed} pairs and {beyond} flows beyond changed");
}
