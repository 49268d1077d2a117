//! Real packets against `explain`: what a node is to send, and whether both say the same.

use crate::world::World;
use netloom_api::{FlowTried, TestConnectivity};
use netloom_model::Fabric;
use netloom_model::diagnostic::nearest;
use netloom_model::fabric::{Attach, Name, NoTransport, Party, Protocol, ServeKind, Transport};
use netloom_model::special::Special;
use netloom_plan::names;
use netloom_plan::reach::{self, Answer, Flow, Step, Unanswerable};
use netloom_resource::trial::{FLOWS_MAX, Seen, Trial};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

/// What is to be tried, and what `explain` says of it.
#[derive(Debug)]
pub(crate) struct Question {
    /// The node that sends.
    pub(crate) node: Name,
    /// What it sends, in the order of the answers.
    pub(crate) trials: Vec<Trial>,
    asked: Vec<(Transport, Answer)>,
    /// Whether the other end is none of the fabric's, so that its silence is no fault of ours.
    is_outside: bool,
}

/// The address of the host that stands for the internet in labs (TEST-NET-3, RFC 5737).
const INTERNET_OF_LABS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

/// Why nothing is tried, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) message: String,
    pub(crate) solution: String,
}

fn refusal<T>(message: String, solution: &str) -> Result<T, Refusal> {
    Err(Refusal { message, solution: solution.to_owned() })
}

impl Question {
    /// Asks `explain` of each flow.
    pub(crate) fn new(world: &World, wanted: &TestConnectivity) -> Result<Self, Refusal> {
        let fabric = &world.accepted.fabric;
        let (from, to) = (party(fabric, &wanted.from)?, party(fabric, &wanted.to)?);
        let node = sender(fabric, &from)?;
        callable(&from, &to, wanted)?;
        let transports = transports(fabric, &to, &wanted.flows)?;
        let input = world.input();
        let mut asked = Vec::new();
        for (protocol, port) in transports {
            let flow = Flow { from: from.clone(), to: to.clone(), protocol, port };
            let answers = reach::reach(&input, &flow).or_else(|why| unanswerable(&why, wanted))?;
            asked.extend(answers.into_iter().map(|answer| ((protocol, port), answer)));
        }
        if asked.len() > FLOWS_MAX {
            let message = format!("these are {} flows, and {FLOWS_MAX} at once", asked.len());
            return refusal(message, "ask about fewer ports at a time");
        }
        let trials = asked.iter().map(|(transport, answer)| trial(*transport, answer)).collect();
        let is_outside = matches!(to, Party::Address(address) if !is_ours(world, address));
        Ok(Self { node, trials, asked, is_outside })
    }

    /// Compares what was seen with what `explain` says; nothing if that is not what was asked about.
    pub(crate) fn compare(&self, seen: &[Seen]) -> Option<Vec<FlowTried>> {
        let compared = self.asked.iter().zip(seen).map(|((transport, answer), seen)| {
            let (word, detail) = told(seen);
            FlowTried {
                flow: words(*transport),
                source: answer.source.to_string(),
                destination: answer.destination.to_string(),
                allowed: answer.passes(),
                obstacle: answer.obstacle().map(obstacle),
                seen: word.to_owned(),
                detail: detail.to_owned(),
                agrees: agrees(answer.passes(), seen, transport.0, self.is_outside),
            }
        });
        (seen.len() == self.asked.len()).then(|| compared.collect())
    }
}

/// Whether both say the same, where that can be told. A host that refuses has been reached: what a fabric denies
/// is prohibited or lost. Datagrams are answered by nobody who has no reason to, nor are strangers.
fn agrees(allowed: bool, seen: &Seen, protocol: Protocol, is_outside: bool) -> Option<bool> {
    match seen {
        Seen::Answered { .. } | Seen::Refused { .. } => Some(allowed),
        Seen::Silent { .. } | Seen::Stopped { .. } if !allowed => Some(true),
        Seen::Silent { .. } if protocol == Protocol::Udp => None,
        Seen::Silent { .. } | Seen::Stopped { .. } if is_outside => None,
        Seen::Silent { .. } | Seen::Stopped { .. } => Some(false),
        Seen::Untried { .. } => None,
    }
}

fn told(seen: &Seen) -> (&'static str, &str) {
    match seen {
        Seen::Answered { detail } => ("answered", detail),
        Seen::Refused { detail } => ("refused", detail),
        Seen::Silent { detail } => ("silent", detail),
        Seen::Stopped { detail } => ("stopped", detail),
        Seen::Untried { detail } => ("untried", detail),
    }
}

fn obstacle(step: &Step) -> String {
    match &step.span {
        Some(span) => format!("{} [{span}]", step.finding),
        None => step.finding.clone(),
    }
}

fn party(fabric: &Fabric, name: &str) -> Result<Party, Refusal> {
    if let Some(what) = Special::named(name) {
        return refusal(format!("{name} is {}", what.words()), &what.solution());
    }
    let mut found = names::whom(fabric, name);
    if found.len() > 1 {
        let message = format!("`{name}` is a service of {} workloads", found.len());
        return refusal(message, "name one of them; `netloom explain` tells of all");
    }
    let Some(party) = found.pop() else {
        let names = fabric.workloads.keys().chain(fabric.nodes.keys()).map(String::as_str);
        let near = nearest(name, names).map(|near| format!("; did you mean `{near}`?"));
        let message = format!("there is no workload or node `{name}`{}", near.unwrap_or_default());
        return refusal(message, "`netloom status` names those that there are");
    };
    Ok(party)
}

/// Packets go to an address, and the internet as a whole has none. Control does not know whether it is a lab's.
fn callable(from: &Party, to: &Party, wanted: &TestConnectivity) -> Result<(), Refusal> {
    if from == to {
        let message = format!("`{}` cannot be called from `{}`", wanted.to, wanted.from);
        return refusal(message, "name another workload, a node, or an address");
    }
    if *to != Party::Internet {
        return Ok(());
    }
    let (command, from) = ("netloom network test-connectivity", &wanted.from);
    let (flow, flows) = match &wanted.flows[..] {
        [] => ("443/tcp", "443/tcp".to_owned()),
        [first, ..] => (first.as_str(), wanted.flows.join(" ")),
    };
    Err(Refusal {
        message: "packets cannot be sent to the internet as a whole".to_owned(),
        solution: format!(
            "name an address of a host that should answer; in a lab the host that stands for the internet does: \
             `{command} {from} {INTERNET_OF_LABS} {flows}`. `netloom explain {from} internet:{flow}` says what is allowed"
        ),
    })
}

/// The node that can send as somebody.
fn sender(fabric: &Fabric, from: &Party) -> Result<Name, Refusal> {
    match from {
        Party::Node(name) => Ok(name.clone()),
        Party::Workload(name) => match &fabric.workloads[name] {
            one if one.stock_peer().is_some() => refusal(
                format!("`{name}` is a WireGuard peer of its own, and no node can send as it"),
                "call from the peer itself; `netloom vpn test` tries its tunnel",
            ),
            one => Ok(one.node.clone()),
        },
        Party::Internet | Party::Address(_) => refusal(
            "no node can send as somebody outside".to_owned(),
            "name a workload or a node as the sender; a lab has a host that stands for the internet: \
             `netloom lab exec internet -- netloom connect ADDRESS:PORT`",
        ),
    }
}

/// What is tried: what is named, or an echo request and what the other end is known to serve.
fn transports(fabric: &Fabric, to: &Party, named: &[String]) -> Result<Vec<Transport>, Refusal> {
    if !named.is_empty() {
        let read = |text: &String| {
            let known = fabric.transport(text);
            known.map_err(|NoTransport { message, solution }| Refusal { message, solution })
        };
        return named.iter().map(read).collect();
    }
    let mut all = BTreeSet::new();
    if let Party::Workload(name) = to {
        let one = &fabric.workloads[name];
        all.extend(one.publish.iter().map(|published| (published.protocol, Some(published.to))));
        if let Attach::Serve(servers) = &one.attach {
            let protocol = |kind| match kind {
                ServeKind::Http | ServeKind::Tcp => Protocol::Tcp,
                ServeKind::Udp => Protocol::Udp,
            };
            all.extend(servers.iter().map(|one| (protocol(one.kind), Some(one.port))));
        }
    }
    all.insert((Protocol::Icmp, None));
    Ok(all.into_iter().collect())
}

fn words((protocol, port): Transport) -> String {
    match (protocol, port) {
        (Protocol::Udp, Some(port)) => format!("{port}/udp"),
        (_, Some(port)) => format!("{port}/tcp"),
        (_, None) => "icmp".to_owned(),
    }
}

fn trial((protocol, port): Transport, answer: &Answer) -> Trial {
    let address = answer.destination;
    match (protocol, port) {
        (Protocol::Udp, Some(port)) => Trial::Udp { address, port },
        (_, Some(port)) => Trial::Tcp { address, port },
        (_, None) => Trial::Echo { address },
    }
}

fn is_ours(world: &World, address: IpAddr) -> bool {
    let networks = world.accepted.fabric.networks.values();
    networks.flat_map(|network| &network.cidrs).any(|cidr| cidr.contains(&address))
}

fn unanswerable<T>(why: &Unanswerable, wanted: &TestConnectivity) -> Result<T, Refusal> {
    let (from, to) = (&wanted.from, &wanted.to);
    match why {
        Unanswerable::NoCommonFamily => refusal(
            format!("{from} and {to} have no address of a common family"),
            "give their subnets one each",
        ),
        Unanswerable::Outside => refusal(
            format!("neither {from} nor {to} is in the fabric"),
            "name a workload or a node",
        ),
    }
}

#[cfg(test)]
mod tests;
