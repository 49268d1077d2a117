//! Plans of random fabrics: idempotent, deterministic, and of one mind with the reachability engine.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use netloom_model::fabric::{Party, Protocol};
use netloom_model::lease::{self, Leases};
use netloom_model::{Fabric, Severity};
use netloom_plan::input::{Directory, NodeEntry, PlanInput};
use netloom_plan::membership::Memberships;
use netloom_plan::{NodePlan, plan, reach};
use netloom_state::{HostState, diff};
use netloom_testkit::random_fabric::{Dice, Size, yaml};
use std::collections::BTreeMap;

struct World {
    fabric: Fabric,
    leases: Leases,
    directory: Directory,
}

impl World {
    fn new(fabric: Fabric) -> Self {
        let (leases, refused) = lease::assign(&fabric, &Leases::default());
        assert!(refused.is_empty(), "{refused:?}");
        let entry = |(index, name): (usize, &String)| {
            let key = [u8::try_from(index).unwrap(); 32];
            let public_keys =
                fabric.networks.keys().map(|network| (network.clone(), key)).collect();
            let endpoint = Some(format!("192.0.2.{}:51820", index + 1).parse().unwrap());
            (name.clone(), NodeEntry { public_keys, endpoint, ..NodeEntry::default() })
        };
        let nodes = fabric.nodes.keys().enumerate().map(entry).collect();
        Self { fabric, leases, directory: Directory { nodes } }
    }

    fn random(seed: u64) -> Self {
        Self::new(netloom_testkit::fabric(&yaml(seed, Size { peers_max: 3, ..Size::default() })))
    }

    fn with<T>(&self, f: impl FnOnce(&PlanInput<'_>) -> T) -> T {
        f(&PlanInput {
            fabric: &self.fabric,
            fabric_id: 0x1234 << 112,
            leases: &self.leases,
            directory: &self.directory,
            memberships: &Memberships::of(&self.fabric),
            attachments: &BTreeMap::new(),
        })
    }

    fn plan(&self, node: &str) -> NodePlan {
        self.with(|input| plan(input, node)).unwrap()
    }
}

fn applied(desired: &HostState, observed: &HostState) -> HostState {
    let mut state = observed.clone();
    for operation in diff(desired, observed) {
        netloom_state::apply::apply(&mut state, &operation);
    }
    state
}

#[test]
fn applying_a_plan_leaves_nothing_to_do_from_nothing_and_from_any_other_plan() {
    for seed in 0..120 {
        let (one, two) = (World::random(seed), World::random(seed + 10_000));
        let (first, second) = (one.plan("node0").host, two.plan("node0").host);
        let from_nothing = applied(&first, &HostState::default());
        assert_eq!(diff(&first, &from_nothing), vec![], "seed {seed}, from nothing");
        let changed = applied(&second, &from_nothing);
        assert_eq!(diff(&second, &changed), vec![], "seed {seed}, from another plan");
        let gone = applied(&HostState::default(), &changed);
        assert_eq!(diff(&HostState::default(), &gone), vec![], "seed {seed}, removal");
    }
}

#[test]
fn a_plan_is_the_same_each_time() {
    for seed in 0..40 {
        assert_eq!(World::random(seed).plan("node0"), World::random(seed).plan("node0"));
    }
}

#[test]
fn no_link_comes_up_before_the_tables_of_its_namespace_are_in_force() {
    for seed in 0..60 {
        let desired = World::random(seed).plan("node0").host;
        let operations = diff(&desired, &HostState::default());
        let last_table = operations
            .iter()
            .rposition(|op| matches!(op, netloom_state::Operation::ChangeTable { .. }));
        let first_up = operations.iter().position(|op| {
            matches!(op, netloom_state::Operation::SetLinkUp { up: true, end } if end.link != "lo")
        });
        if let (Some(table), Some(up)) = (last_table, first_up) {
            assert!(table < up, "seed {seed}");
        }
    }
}

#[test]
fn one_more_workload_with_known_groups_changes_elements_only() {
    let text = yaml(7, Size { workloads_max: 2, ..Size::default() });
    let before = World::new(netloom_testkit::fabric(&text));
    let line = text.lines().find(|line| line.starts_with("  w0:")).unwrap();
    let more = format!("{text}{}\n", line.replacen("w0", "w9", 1));
    let after = World::new(netloom_testkit::fabric(&more));
    let node = &before.fabric.workloads["w0"].node;
    let (old, new) = (before.plan(node).host, after.plan(node).host);
    for operation in diff(&new, &old) {
        if let netloom_state::Operation::ChangeTable { changes, .. } = operation {
            use netloom_state::nft::Change;
            for change in changes {
                assert!(
                    matches!(change, Change::AddElements { .. } | Change::DeleteElements { .. }),
                    "{change:?}"
                );
            }
        }
    }
}

#[test]
fn the_quickstart_keeps_its_own_promises() {
    let text = include_str!("../../../../examples/quickstart.yaml");
    let loaded = netloom_model::load(&["q.yaml".to_owned()], |_| Ok(text.as_bytes().to_vec()));
    let warnings: Vec<_> =
        loaded.diagnostics.iter().filter(|d| d.severity == Severity::Warning).collect();
    assert!(warnings.is_empty(), "{warnings:?}");
    let mut world = World::new(loaded.fabric.unwrap());
    world.directory.nodes.get_mut("pi").unwrap().endpoint = None;
    for test in world.fabric.tests.clone() {
        let flow =
            reach::Flow { from: test.from, to: test.to, protocol: test.protocol, port: test.port };
        let answers = world.with(|input| reach::reach(input, &flow)).unwrap();
        let expected = test.expect == netloom_model::fabric::Expectation::Allow;
        // A flow is allowed if it passes over one family, and denied if over none.
        let passes = answers.iter().any(reach::Answer::passes);
        assert_eq!(passes, expected, "{flow:?}: {answers:#?}");
    }
}

#[test]
fn every_denial_names_its_cause_and_a_remedy() {
    for seed in 0..60 {
        let world = World::random(seed);
        let names: Vec<String> = world.fabric.workloads.keys().cloned().collect();
        let mut dice = Dice::new(seed);
        for _ in 0..20 {
            let flow = reach::Flow {
                from: Party::Workload(dice.pick(&names).clone()),
                to: Party::Workload(dice.pick(&names).clone()),
                protocol: *dice.pick(&[Protocol::Tcp, Protocol::Udp, Protocol::Icmp]),
                port: Some(80),
            };
            for answer in world.with(|input| reach::reach(input, &flow)).into_iter().flatten() {
                if let Some(obstacle) = answer.obstacle() {
                    assert!(obstacle.remedy.is_some() && obstacle.span.is_some(), "{obstacle:?}");
                    assert_eq!(answer.steps.last(), Some(obstacle), "nothing follows a stop");
                }
            }
        }
    }
}

#[test]
fn the_border_of_a_subnet_is_asked_before_the_groups_as_the_kernel_does() {
    use netloom_plan::reach::StepKind;
    let text = |rule: &str| {
        format!(
            "version: 1\nfabric: f\nregions: {{ r: {{ zones: [a] }} }}\nnodes: {{ n: {{ region: r }} }}\n\
             networks: {{ app: {{ cidr: 10.0.0.0/16 }} }}\nsubnets:\n  \
             one: {{ network: app, cidr: 10.0.1.0/24, network_acl: edge }}\n  \
             two: {{ network: app, cidr: 10.0.2.0/24 }}\n\
             network_acls: {{ edge: {{ network: app, egress: [{rule}] }} }}\n\
             security_groups: {{ shut: {{ ingress: [{{ from: all }}] }} }}\n\
             workloads:\n  a: {{ node: n, subnet: one, security_groups: [shut], attach: &s {{ serve: {{ tcp: 80 }} }} }}\n  \
             b: {{ node: n, subnet: two, security_groups: [shut], attach: *s }}\n"
        )
    };
    let steps = |rule: &str| {
        let world = World::new(netloom_testkit::fabric(&text(rule)));
        let [from, to] = ["a", "b"].map(|name| Party::Workload(name.to_owned()));
        let flow = reach::Flow { from, to, protocol: Protocol::Tcp, port: Some(80) };
        let answers = world.with(|input| reach::reach(input, &flow)).unwrap();
        answers[0].steps.iter().map(|step| (step.kind, step.passes)).collect::<Vec<_>>()
    };
    let name = (StepKind::Name, true);
    assert_eq!(steps(""), [name, (StepKind::AclEgress, false)], "both deny");
    let all = "{ rule: 1, action: allow, protocol: all, to: all }";
    assert_eq!(steps(all), [name, (StepKind::AclEgress, true), (StepKind::Egress, false)]);
}

#[test]
fn a_subnets_own_addresses_answer_dns_and_echo_whatever_policy_says() {
    use netloom_plan::reach::allowed::allowed;
    use netloom_policy::packet_set::transport;
    let world = World::new(netloom_testkit::fabric(
        "version: 1\nfabric: f\nregions: { r: { zones: [a] } }\n\
         nodes: { n: { region: r }, m: { region: r } }\n\
         networks: { app: { cidr: [10.0.0.0/16] } }\n\
         subnets: { one: { network: app, cidr: [10.0.1.0/24] }, two: { network: app, cidr: [10.0.2.0/24] } }\n\
         workloads:\n  a: { node: n, subnet: one, attach: &s { serve: { tcp: 80 } } }\n  \
         b: { node: m, subnet: two, attach: *s }\n",
    ));
    for (to, protocol, port, passes) in [
        ("10.0.1.1", Protocol::Icmp, None, true),
        ("10.0.1.2", Protocol::Udp, Some(53), true),
        ("10.0.1.2", Protocol::Tcp, Some(53), true),
        ("10.0.1.2", Protocol::Tcp, Some(80), false),
        // The other subnet has no workload on the node, and so no resolver there.
        ("10.0.2.2", Protocol::Udp, Some(53), false),
    ] {
        let (from, to) = (Party::Workload("a".to_owned()), Party::Address(to.parse().unwrap()));
        let flow = reach::Flow { from, to, protocol, port };
        let (answers, sets) =
            world.with(|input| (reach::reach(input, &flow), allowed(input, &flow.from, &flow.to)));
        assert_eq!(answers.unwrap()[0].passes(), passes, "{flow:?}");
        let number = match protocol {
            Protocol::Tcp => transport(6, port.unwrap()),
            Protocol::Udp => transport(17, port.unwrap()),
            Protocol::Icmp | Protocol::All => transport(1, 8 << 8),
        };
        assert_eq!(sets.unwrap()[0].transports.contains(number), passes, "{flow:?}");
    }
}

#[test]
fn the_set_of_what_may_pass_holds_exactly_the_flows_that_pass() {
    use netloom_plan::reach::allowed::allowed;
    use netloom_policy::packet_set::transport;
    for seed in 0..60 {
        let world = World::random(seed);
        let mut dice = Dice::new(seed);
        let mut ends: Vec<Party> =
            world.fabric.workloads.keys().cloned().map(Party::Workload).collect();
        ends.extend(world.fabric.nodes.keys().cloned().map(Party::Node));
        for _ in 0..40 {
            let (from, to) = (dice.pick(&ends).clone(), dice.pick(&ends).clone());
            if from == to {
                continue;
            }
            let port = *dice.pick(&[1, 52, 53, 80, 443, 8080, 65535]);
            let (protocol, number) = *dice.pick(&[(Protocol::Tcp, 6u8), (Protocol::Udp, 17)]);
            let flow = reach::Flow { from, to, protocol, port: Some(port) };
            let (answers, sets) = world
                .with(|input| (reach::reach(input, &flow), allowed(input, &flow.from, &flow.to)));
            for answer in answers.into_iter().flatten() {
                let set = sets.as_ref().unwrap().iter().find(|set| {
                    set.source == answer.source && set.destination == answer.destination
                });
                let inside = set.unwrap().transports.contains(transport(number, port));
                assert_eq!(inside, answer.passes(), "seed {seed}: {flow:?}");
            }
        }
    }
}

/// Addresses of workloads, and one in each prefix behind a peer that is no longer prefix's.
fn ends(world: &World) -> Vec<(&String, std::net::IpAddr)> {
    let mut ends: Vec<(&String, std::net::IpAddr)> = Vec::new();
    for (name, workload) in world.fabric.workloads.iter().filter(|(_, one)| !one.is_host()) {
        ends.extend(world.leases.workloads[name].iter().map(|address| (name, *address)));
        // The last address of a prefix is nobody's own here, but may lie in a longer one.
        let last = workload.advertise.iter().map(|prefix| (name, prefix.broadcast()));
        ends.extend(last.filter(|(name, address)| {
            let holding =
                world.fabric.workloads.iter().flat_map(|(other, one)| {
                    one.advertise.iter().map(move |prefix| (other, prefix))
                });
            let holding = holding.filter(|(_, prefix)| prefix.contains(address));
            let owner = holding.max_by_key(|(_, prefix)| prefix.prefix_len());
            owner.is_some_and(|(owner, _)| owner == *name)
        }));
    }
    ends
}

/// What the nodes of two ends let pass is what the reachability engine says, for stock peers and what
/// is behind them too.
#[test]
fn the_tables_of_both_nodes_are_of_one_mind_with_the_engine() {
    use netloom_policy::packet_set::transport;
    let (mut peers, mut behind, mut passed) = (0, 0, 0);
    for seed in 0..150 {
        let world = World::random(seed);
        let plans: BTreeMap<&String, NodePlan> =
            world.fabric.nodes.keys().map(|node| (node, world.plan(node))).collect();
        let mut dice = Dice::new(seed);
        let ends = ends(&world);
        for _ in 0..60 {
            let ((from, source), (to, destination)) = (*dice.pick(&ends), *dice.pick(&ends));
            let [one, two] = [from, to].map(|name| &world.fabric.workloads[name]);
            let network = world.fabric.network_of(one);
            if from == to
                || source.is_ipv4() != destination.is_ipv4()
                || world.fabric.network_of(two) != network
                || [one, two]
                    .iter()
                    .any(|one| one.stock_peer().is_some_and(|p| p.public_key.is_none()))
            {
                continue;
            }
            let port = *dice.pick(&[1, 53, 80, 443, 65535]);
            let flow = reach::Flow {
                from: Party::Address(source),
                to: Party::Address(destination),
                protocol: Protocol::Tcp,
                port: Some(port),
            };
            // Where networks overlap, an address alone does not say whose it is.
            let named = |party: Party, name: &String, address| match world.fabric.networks.len() {
                1 => party,
                _ if world.leases.workloads[name].contains(&address) => {
                    Party::Workload(name.clone())
                }
                _ => party,
            };
            let flow = reach::Flow {
                from: named(flow.from.clone(), from, source),
                to: named(flow.to.clone(), to, destination),
                ..flow
            };
            let answers = world.with(|input| reach::reach(input, &flow)).unwrap();
            let Some(answer) = answers
                .iter()
                .find(|answer| answer.source == source && answer.destination == destination)
            else {
                continue;
            };
            let number = transport(6, port);
            let allows = |node: &String| {
                plans[node].networks[network].policy.allows(source, destination, number)
            };
            let both = allows(&one.node) && allows(&two.node);
            assert_eq!(both, answer.passes(), "seed {seed}: {flow:?} {answer:#?}");
            peers += usize::from(one.stock_peer().or_else(|| two.stock_peer()).is_some());
            let own = |name: &String, address| world.leases.workloads[name].contains(address);
            behind += usize::from(!own(from, &source) || !own(to, &destination));
            passed += usize::from(both);
        }
    }
    assert!(peers > 200 && behind > 50 && passed > 100, "{peers} {behind} {passed}");
}
