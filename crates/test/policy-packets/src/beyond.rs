//! Flows over peerings, gateways and edges: there, and their answers back.

use crate::flow::{self, FIRST_CLIENT_PORT, FlowProtocol, Trial};
use crate::world::{World, behind_workloads};
use netloom_lab::underlay::{INTERNET_ADDRESS, INTERNET_ADDRESS_V6};
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
        trials.extend(match dice.one_in(6) {
            true => from_outside(world, &mut dice, &workloads, id),
            false => one(world, &mut dice, &workloads, &outside, id),
        });
    }
    trials
}

/// Addresses outside of every network: one of the internet, of the local network behind a node, and of what is behind
/// workloads.
fn outside(world: &World) -> Vec<IpAddr> {
    let mut all = vec![IpAddr::from(INTERNET_ADDRESS), INTERNET_ADDRESS_V6.into()];
    all.extend(behind_workloads(&world.fabric).map(|(_, address)| address));
    for one in world.fabric.nodes.values().flat_map(|node| &node.advertise) {
        if let IpAddr::V4(first) = one.reached_as().addr() {
            let [a, b, c, _] = first.octets();
            all.push(Ipv4Addr::new(a, b, c, LOCAL_HOST).into());
        }
    }
    all
}

/// Whether no other network has the prefixes of an end's: who is outside could not know which is meant.
fn has_prefix_alone(world: &World, end: &Party) -> bool {
    let fabric = &world.fabric;
    let Party::Workload(name) = end else { return true };
    let Some(workload) = fabric.workloads.get(name) else { return true };
    let own = fabric.network_of(workload);
    let others = fabric.networks.iter().filter(|(name, _)| *name != own);
    let cidrs = &fabric.networks[own].cidrs;
    !others.flat_map(|(_, other)| &other.cidrs).any(|cidr| cidrs.contains(cidr))
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
    let ipv6 = match &receiver {
        Party::Address(address) => address.is_ipv6(),
        _ => dice.one_in(3),
    };
    let from = world.address(&sender, ipv6)?;
    if is_outside && ipv6 && !has_prefix_alone(world, &sender) {
        return None;
    }
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
    let trial = trial(world, id, [(sender, from), (receiver, to)], (protocol, port));
    // An interface of the same workload is in the same namespace.
    let trial = flow::judged(world, trial)?;
    (!world.share_a_namespace(&trial.sender, &trial.receiver)).then_some(trial)
}

/// Whether the network of an end knows another one as somebody: of its own or a peered network, or a node.
fn is_known_to(world: &World, end: &Party, other: &Party) -> bool {
    let network = |party: &Party| match party {
        Party::Workload(name) => {
            world.fabric.workloads.get(name).map(|one| world.fabric.network_of(one))
        }
        _ => None,
    };
    let (Some(own), Some(theirs)) = (network(end), network(other)) else { return true };
    own == theirs || world.fabric.peers_of(own).any(|(.., peer)| peer == theirs)
}

/// A call from the internet over IPv6, which nobody translates; now and then with the source address of a
/// workload or a node, which comes in nowhere.
fn from_outside(world: &World, dice: &mut Dice, workloads: &[&Name], id: u16) -> Option<Trial> {
    let receiver = Party::Workload((*dice.pick(workloads)).clone());
    if !has_prefix_alone(world, &receiver) {
        return None;
    }
    let to = world.address(&receiver, true)?;
    let nodes: Vec<&Name> = world.fabric.nodes.keys().collect();
    let forged = match dice.below(4) {
        0 => Some(Party::Workload((*dice.pick(workloads)).clone())),
        1 => Some(Party::Node((*dice.pick(&nodes)).clone())),
        _ => None,
    };
    // Those of networks that are not peered are nobody's here, and in no group.
    let forged = forged.filter(|other| is_known_to(world, &receiver, other));
    let inside = forged.and_then(|other| world.address(&other, true));
    let from = inside.unwrap_or_else(|| INTERNET_ADDRESS_V6.into());
    let sender = Party::Address(INTERNET_ADDRESS_V6.into());
    let flow = *dice.pick(&[
        (FlowProtocol::Tcp, 80),
        (FlowProtocol::Udp, 53),
        (FlowProtocol::Udp, 443),
        (FlowProtocol::Icmp, 0),
    ]);
    let trial = trial(world, id, [(sender, from), (receiver, to)], flow);
    flow::judged(world, Trial { spoofed: inside.is_some(), ..trial })
}

fn trial(
    world: &World,
    id: u16,
    [(sender, source), (receiver, destination)]: [(Party, IpAddr); 2],
    (protocol, port): (FlowProtocol, u16),
) -> Trial {
    Trial {
        id,
        source,
        destination,
        protocol,
        port,
        middle: false,
        spoofed: false,
        across_nodes: world.node_of(&sender) != world.node_of(&receiver),
        sender,
        receiver,
        expected: false,
        obstacle: None,
        arrived: false,
        seen: None,
        answer_expected: false,
        answered: false,
        is_answer: false,
        called_at: None,
    }
}
