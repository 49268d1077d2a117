//! Flows of a fabric: chosen by seed, judged by the engine, built as single packets.

mod packet;

use crate::world::World;
use netloom_lab::underlay::{INTERNET_ADDRESS, INTERNET_ADDRESS_V6};
use netloom_model::fabric::{Name, Party, Protocol};
use netloom_plan::reach::{self, Flow, StepKind};
use netloom_testkit::random_fabric::Dice;
use std::fmt;
use std::net::IpAddr;

pub use packet::answer;

/// Source ports (and ICMP identifiers) begin here; each flow of a fabric has its own.
pub const FIRST_ID: u16 = 20_000;
/// The same where ports matter that clients call from.
pub const FIRST_CLIENT_PORT: u16 = 40_100;

/// Protocols of flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowProtocol {
    /// TCP: a SYN.
    Tcp = 0,
    /// UDP.
    Udp = 1,
    /// ICMP or ICMPv6: an echo request.
    Icmp = 2,
}

/// One packet, what the engine says of it, and what became of it.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What tells its packet from all others.
    pub id: u16,
    /// Who sends.
    pub sender: Party,
    /// Who should receive.
    pub receiver: Party,
    /// Source address of the packet.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Protocol.
    pub protocol: FlowProtocol,
    /// Destination port; 0 for ICMP.
    pub port: u16,
    /// Whether it is a TCP segment from the middle of a connection that nobody began.
    pub middle: bool,
    /// Whether the source address is not the sender's.
    pub spoofed: bool,
    /// Whether sender and receiver are on different nodes.
    pub across_nodes: bool,
    /// What the engine says.
    pub expected: bool,
    /// Where the engine says it ends.
    pub obstacle: Option<StepKind>,
    /// What was seen.
    pub arrived: bool,
    /// The packet as it arrived.
    pub seen: Option<Vec<u8>>,
    /// Whether answers get back, if it arrives.
    pub answer_expected: bool,
    /// Whether the answer got back.
    pub answered: bool,
    /// Whether it is the answer that is looked for.
    pub is_answer: bool,
    /// Where it is sent to, if that is translated to the destination on its way.
    pub called_at: Option<(IpAddr, u16)>,
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} -> {:?} {:?}{} {} from {} to {}: the engine says {}, the packet {}",
            self.sender,
            self.receiver,
            self.protocol,
            if self.middle { " (middle)" } else { "" },
            self.port,
            self.source,
            self.destination,
            if self.expected { "allowed" } else { "denied" },
            if self.arrived { "arrived" } else { "did not arrive" },
        )?;
        if self.arrived {
            let word = |yes: bool| if yes { "is" } else { "is not" };
            write!(
                f,
                "; the answer {} to come back, and {} there",
                word(self.answer_expected),
                word(self.answered)
            )?;
        }
        match self.obstacle {
            Some(kind) => write!(f, " (obstacle: {kind:?})"),
            None => Ok(()),
        }
    }
}

/// Flows between random ends of a fabric.
pub fn choose(world: &World, seed: u64, count: usize) -> Vec<Trial> {
    let mut dice = Dice::new(seed ^ 0x5eed);
    let workloads: Vec<&Name> = world.fabric.workloads.keys().collect();
    let memberships = netloom_plan::membership::Memberships::of(&world.fabric);
    let nodes: Vec<&Name> =
        world.fabric.nodes.keys().filter(|n| memberships.of_node(n).is_some()).collect();
    let mut trials = Vec::new();
    let mut attempts = 0;
    while trials.len() < count && attempts < count * 40 {
        attempts += 1;
        let id = FIRST_ID + u16::try_from(trials.len()).unwrap_or(0);
        trials.extend(one(world, &mut dice, &workloads, &nodes, id));
    }
    trials
}

fn one(
    world: &World,
    dice: &mut Dice,
    workloads: &[&Name],
    nodes: &[&Name],
    id: u16,
) -> Option<Trial> {
    const PORTS: [u16; 11] = [1, 2, 52, 53, 54, 80, 81, 443, 8080, 8081, 65535];
    let sender = end(dice, workloads, nodes);
    let receiver = end(dice, workloads, nodes);
    let ipv6 = dice.one_in(2);
    let (from, to) = (world.address(&sender, ipv6)?, world.address(&receiver, ipv6)?);
    // What two ends of one stack say to each other never meets a link on which it could be seen.
    let same_stack = world.on_stack(&sender)
        && world.on_stack(&receiver)
        && world.node_of(&sender) == world.node_of(&receiver);
    if from == to || sender == receiver || same_stack {
        return None;
    }
    let protocol =
        *dice.pick(&[FlowProtocol::Tcp, FlowProtocol::Tcp, FlowProtocol::Udp, FlowProtocol::Icmp]);
    let port = if protocol == FlowProtocol::Icmp { 0 } else { *dice.pick(&PORTS) };
    // A stack may send from any of its addresses, so only workloads with one of their own forge.
    let spoofed = dice.one_in(8) && !world.on_stack(&sender);
    let source = if spoofed {
        let other = Party::Workload((*dice.pick(workloads)).clone());
        world.address(&other, ipv6).filter(|other| *other != from)?
    } else {
        from
    };
    let across_nodes = world.node_of(&sender) != world.node_of(&receiver);
    let mut trial = Trial {
        id,
        sender,
        receiver,
        source,
        destination: to,
        protocol,
        port,
        middle: protocol == FlowProtocol::Tcp && dice.one_in(8),
        spoofed,
        across_nodes,
        expected: false,
        obstacle: None,
        arrived: false,
        seen: None,
        answer_expected: true,
        answered: false,
        is_answer: false,
        called_at: None,
    };
    judge(world, &mut trial)?;
    Some(trial)
}

fn end(dice: &mut Dice, workloads: &[&Name], nodes: &[&Name]) -> Party {
    if dice.one_in(8) && !nodes.is_empty() {
        return Party::Node((*dice.pick(nodes)).clone());
    }
    Party::Workload((*dice.pick(workloads)).clone())
}

/// The trial with what the engine says of it, if it can be asked.
pub fn judged(world: &World, mut trial: Trial) -> Option<Trial> {
    judge(world, &mut trial)?;
    Some(trial)
}

/// The flow of a trial, as the engine is asked about it.
pub fn flow_of(trial: &Trial) -> Flow {
    Flow {
        from: trial.sender.clone(),
        to: trial.receiver.clone(),
        protocol: match trial.protocol {
            FlowProtocol::Tcp => Protocol::Tcp,
            FlowProtocol::Udp => Protocol::Udp,
            FlowProtocol::Icmp => Protocol::Icmp,
        },
        port: (trial.port != 0).then_some(trial.port),
    }
}

/// Asks the engine.
fn judge(world: &World, trial: &mut Trial) -> Option<()> {
    if trial.spoofed && matches!(trial.sender, Party::Address(_)) {
        // Who is outside is nobody inside.
        (trial.expected, trial.answer_expected) = (false, false);
        return Some(());
    }
    let flow = flow_of(trial);
    let answer = world.with_input(|input| match &trial.sender {
        Party::Workload(sender) if trial.spoofed => {
            reach::reach_spoofed(input, sender, trial.source, &trial.receiver)
        }
        _ => reach::reach(input, &flow)
            .ok()?
            .into_iter()
            .find(|a| a.destination == trial.destination),
    })?;
    // What leaves by a gateway for a local network elsewhere is nobody's out there.
    let leaves = matches!(trial.receiver, Party::Address(_))
        && answer.steps.iter().any(|step| step.kind == StepKind::Gateway);
    let internet = [IpAddr::from(INTERNET_ADDRESS), INTERNET_ADDRESS_V6.into()];
    if leaves && !internet.contains(&trial.destination) {
        return None;
    }
    let obstacle = answer.obstacle().map(|step| step.kind);
    trial.answer_expected = answer.passes();
    trial.expected = matches!(obstacle, None | Some(StepKind::Answer)) && !trial.middle;
    // A middle segment is dropped before policy is asked, and in a counter of its own.
    trial.obstacle = obstacle.filter(|_| !trial.middle);
    trial.source = answer.source;
    Some(())
}

impl Trial {
    /// The answer to it as a trial: the other way round.
    pub(crate) fn turned(&self) -> Self {
        Self {
            sender: self.receiver.clone(),
            receiver: self.sender.clone(),
            obstacle: None,
            is_answer: true,
            ..self.clone()
        }
    }

    pub(crate) fn is_udp(&self) -> bool {
        self.protocol == FlowProtocol::Udp
    }
}
