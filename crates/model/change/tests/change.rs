//! What is told before a change is what the change does.

use netloom_change::{FlowChange, NODES_MAX, Passing, flows, operations};
use netloom_model::Fabric;
use netloom_model::fabric::Party;
use netloom_model::lease::{self, Leases};
use netloom_plan::input::{Directory, NodeEntry, PlanInput};
use netloom_plan::membership::Memberships;
use netloom_plan::reach::allowed::allowed;
use netloom_resource::Whole;
use netloom_testkit::random_fabric::{Size, yaml};
use std::collections::BTreeMap;

struct World {
    fabric: Fabric,
    leases: Leases,
    directory: Directory,
    memberships: Memberships,
}

impl World {
    fn of(fabric: Fabric, before: Option<&Self>) -> Self {
        let (leases, _) =
            lease::assign(&fabric, &before.map(|before| before.leases.clone()).unwrap_or_default());
        let entry = |name: &String| {
            let key = |network: &String| (network.clone(), [7; 32]);
            let entry = NodeEntry {
                public_keys: fabric.networks.keys().map(key).collect(),
                endpoint: Some(([192, 0, 2, 1], 51820).into()),
                local_endpoint: None,
                has_aes_gcm: false,
            };
            (name.clone(), entry)
        };
        let directory = Directory { nodes: fabric.nodes.keys().map(entry).collect() };
        Self { memberships: Memberships::of(&fabric), fabric, leases, directory }
    }

    fn whole(&self) -> Whole<'_> {
        Whole {
            fabric: &self.fabric,
            fabric_id: 0xabcd << 112,
            leases: &self.leases,
            directory: &self.directory,
            memberships: &self.memberships,
            control: &[],
        }
    }

    /// What may pass, by the engine that answers `explain`; nothing for ends that are not there.
    fn may_pass(&self, from: &str, to: &str) -> Option<Passing> {
        let input = PlanInput {
            fabric: &self.fabric,
            fabric_id: 0xabcd << 112,
            leases: &self.leases,
            directory: &self.directory,
            memberships: &self.memberships,
            attachments: &BTreeMap::new(),
        };
        let party = |name: &str| self.fabric.party(name);
        let (Some(from), Some(to)) = (party(from), party(to)) else {
            return Some(Passing::default());
        };
        let Ok(pairs) = allowed(&input, &from, &to) else { return Some(Passing::default()) };
        let same_stack = |party: &Party| match party {
            Party::Node(name) => Some(name.clone()),
            Party::Workload(name) => {
                let workload = &self.fabric.workloads[name];
                workload.is_host().then(|| workload.node.clone())
            }
            _ => None,
        };
        // On one stack policy decides nothing; and where there is no way, neither.
        let own = same_stack(&from);
        if own.is_some() && own == same_stack(&to) || pairs.iter().any(|one| one.obstacle.is_some())
        {
            return None;
        }
        let mut passing = Passing::default();
        pairs.iter().for_each(|pair| passing.add(pair.source.is_ipv6(), &pair.transports));
        Some(passing)
    }
}

const BEFORE: &str = "
version: 1
fabric: shop
regions: { here: {} }
networks: { app: { cidr: 10.1.0.0/16 }, far: { cidr: 10.9.0.0/16 } }
subnets: { s: { network: app, cidr: 10.1.1.0/24 }, t: { network: far, cidr: 10.9.1.0/24 } }
nodes: { one: { region: here }, two: { region: here }, three: { region: here } }
security_groups:
  web: { ingress: [{ protocol: tcp, ports: 80, from: all }], egress: [{ to: all }] }
  db: { ingress: [{ protocol: tcp, ports: 5432, from: { security_group: web } }] }
workloads:
  web-1: { node: one, subnet: s, security_groups: [web], attach: { serve: { http: 80 } } }
  db-1: { node: two, subnet: s, security_groups: [db], attach: { serve: { tcp: 5432 } } }
  far-1: { node: three, subnet: t, security_groups: [web], attach: { serve: { http: 80 } } }
";

fn change(from: &str, to: &str) -> (World, World) {
    let before = World::of(netloom_testkit::fabric(from), None);
    let after = World::of(netloom_testkit::fabric(to), Some(&before));
    (before, after)
}

#[test]
fn a_closed_port_is_told_and_only_the_nodes_that_it_concerns() {
    let (before, after) = change(BEFORE, &BEFORE.replace("ports: 5432", "ports: 5433"));
    let found = flows(&before.whole(), &after.whole());
    let expected = FlowChange {
        from: vec!["web-1".into()],
        to: "db-1".into(),
        opened: vec!["tcp 5433".into()],
        closed: vec!["tcp 5432".into()],
    };
    assert_eq!(found.changes, [expected]);
    let nodes = operations(&before.whole(), &after.whole(), NODES_MAX).nodes;
    assert_eq!(nodes.keys().collect::<Vec<_>>(), ["two"]);
    assert_eq!(nodes["two"].started, Vec::<String>::new());
    assert!(nodes["two"].operations.iter().all(|text| text.contains("table")), "{nodes:?}");
}

#[test]
fn a_new_workload_opens_its_flows_and_reaches_its_network_only() {
    let line = "  web-2: { node: two, subnet: s, security_groups: [web], attach: { serve: { http: 80 } } }\n";
    let (before, after) = change(BEFORE, &format!("{BEFORE}{line}"));
    let found = flows(&before.whole(), &after.whole());
    let to = |to: &str, opened: &str, from: &[&str]| FlowChange {
        from: from.iter().map(|name| (*name).to_owned()).collect(),
        to: to.into(),
        opened: vec![opened.into()],
        closed: vec![],
    };
    // db-1 has no egress; nodes have IPv6 addresses only, and these workloads have none.
    assert_eq!(
        found.changes,
        [
            to("db-1", "tcp 5432", &["web-2"]),
            to("web-1", "tcp 80", &["web-2"]),
            to("web-2", "tcp 80", &["web-1"]),
        ]
    );
    let nodes = operations(&before.whole(), &after.whole(), NODES_MAX).nodes;
    assert_eq!(nodes.keys().collect::<Vec<_>>(), ["one", "two"], "three is not concerned");
    let fewer = operations(&before.whole(), &after.whole(), 1);
    assert_eq!((fewer.nodes.len(), fewer.not_planned), (1, 1));
    assert_eq!(nodes["two"].started, ["web-2"]);
    assert_eq!(nodes["one"].peers, [("app".to_owned(), "two".to_owned())]);
    assert_eq!(nodes["one"].names, ["app"]);
}

#[test]
fn nothing_changes_where_only_the_text_does() {
    let (before, after) = change(BEFORE, &BEFORE.replace("\nnodes:", "\n\n# moved\n\nnodes:"));
    assert_eq!(flows(&before.whole(), &after.whole()).changes, []);
    assert!(operations(&before.whole(), &after.whole(), NODES_MAX).nodes.is_empty());
}

#[test]
fn flows_are_those_that_explain_would_answer_otherwise() {
    let mut compared = 0;
    for seed in 0..80 {
        let before = World::of(
            netloom_testkit::fabric(&yaml(seed, Size { peers_max: 3, ..Size::default() })),
            None,
        );
        let mut fabric = before.fabric.clone();
        // Take a rule away, and a workload.
        if let Some(group) = fabric.security_groups.values_mut().find(|g| !g.ingress.is_empty()) {
            group.ingress.remove(0);
        }
        let gone = fabric.workloads.keys().next().unwrap().clone();
        fabric.workloads.remove(&gone);
        let after = World::of(fabric, Some(&before));
        let told = flows(&before.whole(), &after.whole());
        let mut by_pair: BTreeMap<(&str, &str), &FlowChange> = BTreeMap::new();
        for change in &told.changes {
            by_pair.extend(
                change.from.iter().map(|from| ((from.as_str(), change.to.as_str()), change)),
            );
        }
        let ends = before.fabric.workloads.keys().chain(before.fabric.nodes.keys());
        for from in ends.clone() {
            for to in ends.clone().filter(|to| *to != from) {
                let (Some(was), Some(is)) = (before.may_pass(from, to), after.may_pass(from, to))
                else {
                    continue;
                };
                let known = by_pair.get(&(from.as_str(), to.as_str()));
                let (opened, closed) = known
                    .map(|change| (change.opened.clone(), change.closed.clone()))
                    .unwrap_or_default();
                assert_eq!(opened, is.beyond(&was), "{seed}: {from} {to}");
                assert_eq!(closed, was.beyond(&is), "{seed}: {from} {to}");
                compared += 1;
            }
        }
    }
    assert!(compared > 1_000, "{compared} pairs compared");
}

#[test]
fn operations_are_those_between_whole_plans_of_every_node() {
    let mut compared = 0;
    for seed in 0..120 {
        let before = World::of(
            netloom_testkit::fabric(&yaml(seed, Size { peers_max: 3, ..Size::default() })),
            None,
        );
        let mut fabric = before.fabric.clone();
        let pick = usize::try_from(seed).unwrap();
        let workload = fabric.workloads.keys().nth(pick % fabric.workloads.len()).unwrap().clone();
        let node = fabric.nodes.keys().nth(pick % fabric.nodes.len()).unwrap().clone();
        match seed % 4 {
            0 => drop(fabric.workloads.remove(&workload)),
            1 => fabric.workloads.get_mut(&workload).unwrap().node = node,
            2 => fabric.workloads.get_mut(&workload).unwrap().security_groups.clear(),
            _ => fabric.security_groups.values_mut().for_each(|group| group.egress.clear()),
        }
        let after = World::of(fabric, Some(&before));
        let told = operations(&before.whole(), &after.whole(), usize::MAX);
        for node in before.fabric.nodes.keys() {
            let host = |world: &World| {
                let whole = world.whole();
                let input = PlanInput {
                    fabric: whole.fabric,
                    fabric_id: whole.fabric_id,
                    leases: whole.leases,
                    directory: whole.directory,
                    memberships: whole.memberships,
                    attachments: &BTreeMap::new(),
                };
                netloom_plan::plan(&input, node).unwrap().host
            };
            let expected = netloom_state::diff(&host(&after), &host(&before));
            let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
            let found = told.nodes.get(node).map(|change| change.operations.clone());
            assert_eq!(found.unwrap_or_default(), expected, "{seed}: {node}");
            compared += expected.len();
        }
    }
    assert!(compared > 500, "{compared} operations compared");
}

#[test]
fn leases_are_kept() {
    let (before, after) = change(BEFORE, &BEFORE.replace("web-1:", "a-first: { node: two, subnet: s, security_groups: [web], attach: { serve: { http: 80 } } }\n  web-1:"));
    assert_eq!(before.leases.workloads["web-1"], after.leases.workloads["web-1"]);
    let none = Leases::default();
    assert_ne!(none.workloads.get("web-1"), before.leases.workloads.get("web-1"));
}

#[test]
fn a_peer_that_gets_its_key_is_told_on_its_node_alone() {
    let peer = |key: &str| {
        let attach = format!("attach: {{ wireguard: {{ {key} }} }}");
        format!("{BEFORE}  phone: {{ node: one, subnet: s, security_groups: [web], {attach} }}\n")
    };
    let key = format!("public_key: \"{}E=\"", "A".repeat(42));
    let (before, after) = change(&peer(""), &peer(&key));
    let nodes = operations(&before.whole(), &after.whole(), NODES_MAX).nodes;
    assert_eq!(nodes.keys().collect::<Vec<_>>(), ["one"], "others know it by its addresses");
    assert_eq!(nodes["one"].peers, [("app".to_owned(), "phone".to_owned())]);
    // Policy is what it was: it let flows through before there was a way for them.
    assert_eq!(flows(&before.whole(), &after.whole()).changes, []);
}
