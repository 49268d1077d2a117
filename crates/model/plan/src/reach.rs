//! The reachability engine: whether a flow passes, each step of its way, and the line that decides.

pub mod allowed;
mod behind;
mod beyond;
mod borders;
pub mod change;
mod forwarder;
mod interfaces;
pub mod matrix;
mod meeting;
mod name;
mod openings;
mod outside;
mod permission;
mod published;
mod reserved;
mod steps;

use crate::input::PlanInput;
use change::Change;
use netloom_model::fabric::{Name, Party, Protocol};
use netloom_model::span::Span;
use std::net::IpAddr;

/// A flow that is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Who calls.
    pub from: Party,
    /// Who is called.
    pub to: Party,
    /// TCP, UDP or ICMP (`All` is asked as ICMP).
    pub protocol: Protocol,
    /// Destination port of TCP and UDP: the receiver's own, or from outside the one that it is published as.
    pub port: Option<u16>,
}

/// The answer for one pair of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Address that the flow comes from.
    pub source: IpAddr,
    /// Address that it goes to.
    pub destination: IpAddr,
    /// Each step in order; the last one decides.
    pub steps: Vec<Step>,
}

/// One step of a flow's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is asked here.
    pub kind: StepKind,
    /// Whether the flow gets past.
    pub passes: bool,
    /// What was found, in words.
    pub finding: String,
    /// The line of the file that decides.
    pub span: Option<Span>,
    /// What would change the answer, where the flow does not get past.
    pub remedy: Option<String>,
    /// The same as a change of the fabric, where there is one that gets the flow past this step.
    pub change: Option<Change>,
}

/// The steps, in the order of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepKind {
    /// From name to address.
    Name,
    /// Whether the source address is the sender's own.
    SourceCheck,
    /// The network ACL of the sender's subnet.
    AclEgress,
    /// The sender's policy.
    Egress,
    /// Which way the packet takes.
    Route,
    /// The encrypted way between nodes.
    Tunnel,
    /// Where it leaves the fabric, or comes into it.
    Gateway,
    /// The network ACL of the receiver's subnet.
    AclIngress,
    /// The receiver's policy.
    Ingress,
    /// Whether answers find their way back: routes and network ACLs, which remember nothing.
    Answer,
}

impl Answer {
    /// Whether the flow passes.
    pub fn passes(&self) -> bool {
        self.steps.iter().all(|step| step.passes)
    }

    /// The step that stops it.
    pub fn obstacle(&self) -> Option<&Step> {
        self.steps.iter().find(|step| !step.passes)
    }
}

/// Why there is no answer at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswerable {
    /// The two ends have no address of a common family.
    NoCommonFamily,
    /// Neither end is in the fabric.
    Outside,
}

/// Answers for every pair of addresses of one family that the two ends have.
pub fn reach(input: &PlanInput<'_>, flow: &Flow) -> Result<Vec<Answer>, Unanswerable> {
    let sources = interfaces::callers(input, &flow.from);
    let destinations = End::all(input, &flow.to);
    if sources.iter().chain(&destinations).all(|end| end.owner == Owner::Outside) {
        return Err(Unanswerable::Outside);
    }
    let mut answers = Vec::new();
    for source in &sources {
        let same = |end: &&End<'_>| end.address.is_ipv4() == source.address.is_ipv4();
        for destination in destinations.iter().filter(same) {
            if let Some(source) = interfaces::chosen(input, source, destination) {
                answers.push(answer(input, flow, &source, destination));
            }
        }
    }
    if answers.is_empty() { Err(Unanswerable::NoCommonFamily) } else { Ok(answers) }
}

/// Answers for a packet whose source address is `source`, sent by `sender`.
pub fn reach_spoofed(
    input: &PlanInput<'_>,
    sender: &Name,
    source: IpAddr,
    to: &Party,
) -> Option<Answer> {
    let own = input.addresses(sender).contains(&source);
    let destination =
        End::all(input, to).into_iter().find(|end| end.address.is_ipv4() == source.is_ipv4())?;
    let steps = vec![source_check(input, sender, source, own)];
    (!own).then_some(Answer { source, destination: destination.address, steps })
}

/// One address of an end of a flow, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End<'a> {
    address: IpAddr,
    owner: Owner<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner<'a> {
    Workload(&'a Name),
    Node(&'a Name),
    Outside,
}

impl<'a> End<'a> {
    fn all(input: &PlanInput<'a>, party: &Party) -> Vec<Self> {
        match party {
            Party::Workload(name) => {
                let Some((name, _)) = input.fabric.workloads.get_key_value(name) else {
                    return Vec::new();
                };
                let owner = Owner::Workload(name);
                input.addresses(name).iter().map(|&address| End { address, owner }).collect()
            }
            Party::Node(name) => {
                let Some((name, _)) = input.fabric.nodes.get_key_value(name) else {
                    return Vec::new();
                };
                vec![End { address: input.node_address(name).into(), owner: Owner::Node(name) }]
            }
            // Documentation prefixes (RFC 5737, RFC 3849) stand for any host of the internet.
            Party::Internet => ["203.0.113.1", "2001:db8::1"]
                .iter()
                .filter_map(|text| text.parse().ok())
                .map(|address| End { address, owner: Owner::Outside })
                .collect(),
            Party::Address(address) => vec![Self::of_address(input, *address)],
        }
    }

    fn of_address(input: &PlanInput<'a>, address: IpAddr) -> Self {
        let owner = workload_at(input, address)
            .map(Owner::Workload)
            .or_else(|| node_at(input, address).map(Owner::Node))
            .or_else(|| peer_before(input, address).map(Owner::Workload))
            .unwrap_or(Owner::Outside);
        End { address, owner }
    }
}

/// The workload that has an address: looked for only in the networks that may have given it.
fn workload_at<'a>(input: &PlanInput<'a>, address: IpAddr) -> Option<&'a Name> {
    let networks = input.fabric.networks.iter();
    let holding = networks.filter(|(_, one)| one.cidrs.iter().any(|cidr| cidr.contains(&address)));
    let names = holding.flat_map(|(network, _)| input.memberships.workloads_in(network));
    let name = names.filter(|name| input.addresses(name).contains(&address)).min()?;
    input.fabric.workloads.get_key_value(name).map(|(name, _)| name)
}

fn node_at<'a>(input: &PlanInput<'a>, address: IpAddr) -> Option<&'a Name> {
    let IpAddr::V6(address) = address else { return None };
    input.fabric.nodes.keys().find(|name| input.node_address(name) == address)
}

/// The stock peer that an address is behind: what is there is reached through it, and governed as it is.
fn peer_before<'a>(input: &PlanInput<'a>, address: IpAddr) -> Option<&'a Name> {
    let prefixes =
        input.fabric.workloads.iter().flat_map(|(name, workload)| {
            workload.advertise.iter().map(move |prefix| (prefix, name))
        });
    let holding = prefixes.filter(|(prefix, _)| prefix.contains(&address));
    holding.max_by_key(|(prefix, _)| prefix.prefix_len()).map(|(_, name)| name)
}

fn answer(input: &PlanInput<'_>, flow: &Flow, source: &End<'_>, to: &End<'_>) -> Answer {
    let flow = published::as_received(input, flow, source, to);
    let mut walk = steps::Walk::new(input, &flow, source, to);
    walk.run();
    Answer { source: source.address, destination: to.address, steps: walk.steps }
}

/// The first step of a packet with a source address that may not be the sender's own.
fn source_check(input: &PlanInput<'_>, sender: &Name, source: IpAddr, own: bool) -> Step {
    let span = input.fabric.workloads.get(sender).map(|workload| workload.span.clone());
    let finding = if own {
        format!("{source} is an address of `{sender}`")
    } else {
        format!("{source} is not an address of `{sender}`: dropped at its link")
    };
    let remedy = (!own).then(|| "send from the workload's own address".to_owned());
    Step { kind: StepKind::SourceCheck, passes: own, finding, span, remedy, change: None }
}
