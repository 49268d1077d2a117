//! What is inside, as the API shows it.

use super::answer::{broken, finding};
use crate::observed::Observed;
use crate::office::Office;
use crate::proposal::{Effects, Proposal};
use crate::record::{MemberRecord, RevisionRecord, Standing};
use crate::world::World;
use netloom_api::{
    ControlMember, Flow, Node, NodeChange, NodeRefusal, Proposed, Rename, Revision, Sources,
    Status, Workload,
};
use netloom_control_protocol::Refusal;
use netloom_model::api_place::ApiPlaces;
use netloom_model::fabric::ObjectKind;
use netloom_model::lease::node_address;
use netloom_resource::Kind;
use std::collections::BTreeMap;

pub(super) fn proposed(base_revision: u64, proposal: &Proposal, effects: &Effects) -> Proposed {
    let node = |change: &netloom_change::NodeChange| NodeChange {
        operations: change.operations.clone(),
        started: change.started.clone(),
        stopped: change.stopped.clone(),
        peers: change.peers.iter().map(|(network, node)| format!("{network}/{node}")).collect(),
        names: change.names.clone(),
    };
    let flow = |change: &netloom_change::FlowChange| Flow {
        from: change.from.clone(),
        to: change.to.clone(),
        opened: change.opened.clone(),
        closed: change.closed.clone(),
    };
    let renamed = |(new, was): (&String, &String)| Rename {
        from: was.clone(),
        to: new.clone(),
        addresses: proposal.leases.workloads[new].iter().map(ToString::to_string).collect(),
    };
    let document = proposal.accepted.declared.api.as_deref();
    let warnings = [proposal.warnings.as_slice(), &effects.warnings].concat();
    let api = ApiPlaces::of(&warnings, document);
    Proposed {
        base_revision,
        nodes: effects.nodes.iter().map(|(name, one)| (name.clone(), node(one))).collect(),
        nodes_not_planned: effects.not_planned,
        flows: effects.flows.changes.iter().map(flow).collect(),
        flows_not_compared: effects.flows.not_compared,
        renamed: proposal.renamed.iter().map(renamed).collect(),
        tests: proposal.tests,
        broken_tests: proposal.broken.iter().map(broken).collect(),
        warnings: warnings.iter().map(|found| finding(found, &api)).collect(),
    }
}

pub(super) fn revision(record: RevisionRecord, with_sources: bool) -> Revision {
    let sources = Sources { roots: record.roots, texts: record.texts };
    Revision {
        number: record.number,
        time_ms: record.time_ms,
        author: record.author,
        message: record.message,
        rollback_of: record.rollback_of,
        workloads: record.workloads,
        sources: with_sources.then_some(sources),
        api: record.api.filter(|_| with_sources),
    }
}

pub(super) fn refusals(node: &str, observed: &Observed) -> Vec<NodeRefusal> {
    observed.refused.iter().map(|refused| refusal(node, refused)).collect()
}

pub(super) fn refusal(node: &str, refused: &Refusal) -> NodeRefusal {
    let what = match Kind::of(refused.kind) {
        Some(Kind::Fabric) => "the change".to_owned(),
        Some(kind) => format!("{} {}", kind.word(), refused.name),
        None => format!("resource {}", refused.name),
    };
    NodeRefusal { node: node.to_owned(), what, reason: refused.reason.clone() }
}

pub(super) fn status(office: &Office) -> Status {
    let (world, observed, behind) = (office.world(), office.observed(), office.behind());
    let revisions = office.revisions();
    let names = world.accepted.fabric.nodes.keys().chain(world.nodes.keys());
    let mut nodes = BTreeMap::new();
    for name in names {
        let seen = observed.get(name).cloned().unwrap_or_default();
        let current = seen.connected && !behind.contains(name);
        let revision = revisions.get(name).copied();
        nodes.insert(name.clone(), Node { revision, ..node(&world, name, &seen, current) });
    }
    Status {
        fabric: world.identity.name.clone(),
        fabric_id: format!("{:032x}", world.fabric_id()),
        revision: world.revision,
        software: concat!("netloom ", env!("CARGO_PKG_VERSION")).to_owned(),
        workloads: workloads(&world, &observed),
        networks: world
            .accepted
            .fabric
            .networks
            .iter()
            .map(|(name, network)| {
                (name.clone(), network.cidrs.iter().map(ToString::to_string).collect())
            })
            .collect(),
        control: members(office, &world),
        nodes,
    }
}

fn members(office: &Office, world: &World) -> BTreeMap<String, ControlMember> {
    let heard = office.heard_members();
    let one = |(name, member): (&String, &MemberRecord)| {
        let endpoints = member.endpoints.clone();
        (name.clone(), ControlMember { endpoints, heard: heard.contains(name) })
    };
    world.members.iter().map(one).collect()
}

fn node(world: &World, name: &str, seen: &Observed, current: bool) -> Node {
    let (declared, record) = (world.accepted.fabric.nodes.get(name), world.nodes.get(name));
    let state = match (declared, record.map(|record| record.standing)) {
        (_, Some(Standing::Revoked)) => "revoked",
        (None, _) => "undeclared",
        (_, None) => "not joined",
        (_, Some(Standing::Waiting)) => "waiting",
        (_, Some(Standing::Approved)) if seen.connected => "connected",
        (_, Some(Standing::Approved)) => "away",
    };
    let error = seen.status.as_ref().and_then(|status| status["error"].as_str());
    let uid = declared.map(|_| world.uid(ObjectKind::Node, name).to_string());
    Node {
        uid: uid.unwrap_or_default(),
        state: state.to_owned(),
        region: declared.map(|node| node.region.clone()).unwrap_or_default(),
        address: Some(node_address(world.fabric_id(), name).to_string()),
        endpoint: record.and_then(|record| record.endpoint).map(|endpoint| endpoint.to_string()),
        current,
        revision: None,
        software: seen.software.clone(),
        last_seen_ms: seen.last_seen_ms,
        refused: refusals(name, seen),
        error: error.map(str::to_owned),
        report: seen.status.clone(),
    }
}

fn workloads(world: &World, observed: &BTreeMap<String, Observed>) -> BTreeMap<String, Workload> {
    let fabric = &world.accepted.fabric;
    let one = |(name, workload): (&String, &netloom_model::fabric::Workload)| {
        let network = fabric.network_of(workload);
        let seen = observed.get(&workload.node).filter(|node| node.connected);
        let report = seen.and_then(|node| node.status.as_ref());
        let report = report.map(|status| &status["workloads"][name]);
        let text = |key: &str| Some(report?[key].as_str()?.to_owned());
        let addresses = world.leases.workloads.get(name).into_iter().flatten();
        let shown = Workload {
            uid: world.uid(ObjectKind::Workload, name).to_string(),
            node: workload.node.clone(),
            network: network.clone(),
            addresses: addresses.map(ToString::to_string).collect(),
            name: format!("{name}.{}", fabric.networks[network].domain),
            state: text("state").unwrap_or_else(|| "unknown".to_owned()),
            detail: text("detail"),
        };
        (name.clone(), shown)
    };
    fabric.workloads.iter().map(one).collect()
}

#[cfg(test)]
mod tests;
