//! The smallest changes that alter an answer: each is needed, and together they do, for random fabrics.

use netloom_model::Fabric;
use netloom_model::fabric::{Party, Protocol};
use netloom_plan::assumed::Assumed;
use netloom_plan::input::PlanInput;
use netloom_plan::membership::Memberships;
use netloom_plan::reach::change::{Change, altering};
use netloom_plan::reach::{self, Answer, Flow};
use netloom_testkit::random_fabric::Dice;
use std::collections::BTreeSet;

fn with(fabric: &Fabric, changes: &[Change]) -> Fabric {
    let mut changed = fabric.clone();
    changes.iter().for_each(|change| change.apply(&mut changed));
    changed
}

/// Whether a flow passes between the addresses of an answer once the fabric is another.
fn passes(input: &PlanInput<'_>, fabric: &Fabric, flow: &Flow, answer: &Answer) -> bool {
    let memberships = Memberships::of(fabric);
    let input = PlanInput { fabric, memberships: &memberships, ..*input };
    let answers = reach::reach(&input, flow).unwrap_or_default();
    let same = |one: &&Answer| one.source == answer.source && one.destination == answer.destination;
    answers.iter().find(same).is_some_and(Answer::passes)
}

fn kind(change: &Change) -> &'static str {
    match change {
        Change::AddGroupRule { .. } => "rule",
        Change::RemoveGroupRule { .. } => "rule away",
        Change::AddAclRule { .. } => "acl",
        Change::AddGroup { .. } => "group",
        Change::AddRoute { .. } => "route",
        Change::AddRouteTable { .. } => "table",
        Change::ActivatePeering { .. } => "activate",
        Change::AddPeering { .. } => "peering",
        Change::AddGateway { .. } => "gateway",
        Change::Publish { .. } => "publish",
    }
}

/// A fabric with less in it than it could have: now and then gateways, peerings and groups are missing.
fn stripped(seed: u64) -> Fabric {
    let mut fabric = netloom_testkit::fabric(&netloom_testkit::random_networks::yaml(seed));
    let mut dice = Dice::new(seed ^ 0x51);
    if dice.one_in(3) {
        let tables = fabric.route_tables.values_mut();
        tables.for_each(|table| table.routes.clear());
        fabric.subnets.values_mut().for_each(|subnet| subnet.nat_gateway = None);
        fabric.gateways.clear();
        fabric.peerings.clear();
    }
    for workload in fabric.workloads.values_mut() {
        if dice.one_in(6) {
            workload.security_groups.clear();
        }
    }
    fabric
}

#[test]
fn what_is_suggested_alters_the_answer_and_each_change_is_needed() {
    let (mut kinds, mut denied, mut opened, mut closed) = (BTreeSet::new(), 0, 0, [0, 0]);
    for seed in 0..60 {
        let fabric = stripped(seed);
        let world = Assumed::of(&fabric);
        let input = world.input(&fabric);
        let mut dice = Dice::new(seed);
        let mut ends: Vec<Party> = fabric.workloads.keys().cloned().map(Party::Workload).collect();
        ends.extend(fabric.nodes.keys().cloned().map(Party::Node));
        ends.extend([Party::Internet, Party::Address("198.51.100.7".parse().unwrap())]);
        for _ in 0..30 {
            let (from, to) = (dice.pick(&ends).clone(), dice.pick(&ends).clone());
            let protocol = *dice.pick(&[Protocol::Tcp, Protocol::Udp, Protocol::Icmp]);
            let port = (protocol != Protocol::Icmp).then(|| *dice.pick(&[53, 80, 443]));
            let flow = Flow { from, to, protocol, port };
            for answer in reach::reach(&input, &flow).into_iter().flatten() {
                denied += usize::from(!answer.passes());
                let Some(changes) = altering(&input, &flow, &answer) else { continue };
                let words: Vec<String> = changes.iter().map(ToString::to_string).collect();
                let changed = with(&fabric, &changes);
                let now = passes(&input, &changed, &flow, &answer);
                assert_ne!(now, answer.passes(), "seed {seed}: {flow:?} {words:#?} {answer:#?}");
                kinds.extend(changes.iter().map(kind));
                for without in 0..changes.len() {
                    let mut fewer = changes.clone();
                    fewer.remove(without);
                    let now = passes(&input, &with(&fabric, &fewer), &flow, &answer);
                    assert_eq!(now, answer.passes(), "seed {seed}: {flow:?} {words:#?}");
                }
                if answer.passes() {
                    closed[usize::from(changes.len() > 1)] += 1;
                } else {
                    opened += 1;
                }
            }
        }
    }
    assert_eq!(kinds.len(), 10, "{kinds:?}");
    assert!(closed[0] > 0 && closed[1] > 0, "{closed:?}: by one change, by several");
    assert!(opened * 100 > denied * 60, "{opened} of {denied} have a change that opens them");
}
