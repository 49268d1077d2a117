//! Flows over peerings, gateways and edges: there, and their answers back.

use crate::flow::{self, FIRST_CLIENT_PORT, FlowProtocol, Trial};
use crate::world::World;
use netloom_lab::underlay::INTERNET_ADDRESS;
use netloom_model::fabric::{Name, Party};
use netloom_testkit::random_fabric::Dice;
use std::net::{IpAddr, Ipv4Addr};

/// A host of the local network behind the last node: its region's router.
const LOCAL_HOST: u8 = 1;

/// Flows between random workloads, and from them to what is outside.
pub fn choose(world: &World, seed: u64, count: usize) -> Vec<Trial> {
    let mut dice = Dice::new(seed ^ 0xbe7);
    let workloads: Vec<&Name> = world.fabric.workloads.keys().collect();
    let outside = outside(world);
    let mut trials = Vec::new();
    let mut attempts = 0;
    while trials.len() < count && attempts < count * 40 {
        attempts += 1;
        let id = FIRST_CLIENT_PORT + u16::try_from(trials.len()).unwrap_or(0);
        trials.extend(one(world, &mut dice, &workloads, &outside, id));
    }
    trials
}

/// Addresses outside of every network: one of the internet, and of the local network behind a node.
fn outside(world: &World) -> Vec<IpAddr> {
    let mut all = vec![IpAddr::from(INTERNET_ADDRESS)];
    for one in world.fabric.nodes.values().flat_map(|node| &node.advertise) {
        if let IpAddr::V4(first) = one.reached_as().addr() {
            let [a, b, c, _] = first.octets();
            all.push(Ipv4Addr::new(a, b, c, LOCAL_HOST).into());
        }
    }
    all
}

fn one(
    world: &World,
    dice: &mut Dice,
    workloads: &[&Name],
    outside: &[IpAddr],
    id: u16,
) -> Option<Trial> {
    const PORTS: [u16; 6] = [53, 80, 80, 443, 1024, 40_000];
    let sender = Party::Workload((*dice.pick(workloads)).clone());
    let is_outside = dice.one_in(4);
    let receiver = if is_outside {
        Party::Address(*dice.pick(outside))
    } else {
        Party::Workload((*dice.pick(workloads)).clone())
    };
    let ipv6 = !is_outside && dice.one_in(3);
    let from = world.address(&sender, ipv6)?;
    let to = match &receiver {
        Party::Address(address) => *address,
        other => world.address(other, ipv6)?,
    };
    if from == to || sender == receiver {
        return None;
    }
    let protocols = [FlowProtocol::Tcp, FlowProtocol::Tcp, FlowProtocol::Udp, FlowProtocol::Icmp];
    let protocol = *dice.pick(&protocols);
    let port = if protocol == FlowProtocol::Icmp { 0 } else { *dice.pick(&PORTS) };
    let across_nodes = world.node_of(&sender) != world.node_of(&receiver);
    let trial = Trial {
        id,
        sender,
        receiver,
        source: from,
        destination: to,
        protocol,
        port,
        middle: false,
        spoofed: false,
        across_nodes,
        expected: false,
        obstacle: None,
        arrived: false,
        seen: None,
        answer_expected: false,
        answered: false,
        is_answer: false,
        called_at: None,
    };
    // An interface of the same workload is in the same namespace.
    let trial = flow::judged(world, trial)?;
    (!world.share_a_namespace(&trial.sender, &trial.receiver)).then_some(trial)
}
