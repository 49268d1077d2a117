//! What a lab holds, from the fabric, the ground and what the agents say.

use crate::agents::Agents;
use crate::machine::Machine;
use crate::protocol::{NodeReport, Report, WorkloadReport};
use crate::underlay::Underlay;
use netloom_model::Fabric;
use netloom_model::fabric::{Attach, Serve, ServeKind, Workload};
use netloom_plan::names::workload_name;
use netloom_state::Namespace;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Puts the report together; tests are left out.
pub(crate) fn report(
    (fabric, underlay): (&Fabric, &Underlay),
    statuses: &BTreeMap<String, Value>,
    agents: &Agents,
    path: impl Fn(&Namespace) -> PathBuf,
    machine: impl Fn(&str) -> Machine,
) -> Report {
    let mut report = Report { fabric: fabric.name.clone(), ..Report::default() };
    let silent = Value::Null;
    for (name, node) in &fabric.nodes {
        let status = statuses.get(name).unwrap_or(&silent);
        let place = underlay.nodes.get(name).map(|place| path(&place.namespace));
        let namespace = place.unwrap_or_default().to_string_lossy().into_owned();
        let state = match (agents.is_running(name), status["error"].as_str()) {
            (false, _) => "its agent has ended".to_owned(),
            (true, Some(error)) => error.to_owned(),
            (true, None) if status.is_null() => "its agent does not answer".to_owned(),
            (true, None) => "running".to_owned(),
        };
        let (machine, text) = (machine(name), |path: &Path| path.to_string_lossy().into_owned());
        let node_report = NodeReport {
            region: node.region.clone(),
            nat: fabric.regions[&node.region].nat,
            address: status["address"].as_str().and_then(|text| text.parse().ok()),
            namespace,
            socket: text(&machine.agent_socket()),
            state_folder: text(&machine.state_root()),
            run_folder: text(&machine.run_root()),
            sessions: sessions(status),
            tunnel: tunnel(status),
            state,
        };
        report.nodes.insert(name.clone(), node_report);
    }
    for (name, workload) in &fabric.workloads {
        let status = statuses.get(&workload.node).unwrap_or(&silent);
        let host = &report.nodes[&workload.node].namespace;
        let found = workload_report(fabric, name, workload, &status["workloads"][name], host);
        report.workloads.insert(name.clone(), found);
    }
    report
}

fn workload_report(
    fabric: &Fabric,
    name: &str,
    workload: &Workload,
    status: &Value,
    host: &str,
) -> WorkloadReport {
    let network = fabric.network_of(workload);
    let addresses = status["addresses"].as_array().into_iter().flatten();
    let addresses = addresses.filter_map(|text| text.as_str()?.parse().ok());
    let own = status["namespace"].as_str();
    let detail = status["detail"].as_str().map(|why| format!(" ({why})")).unwrap_or_default();
    let state = status["state"].as_str().unwrap_or("unknown");
    WorkloadReport {
        node: workload.node.clone(),
        network: network.clone(),
        name: workload_name(name, &fabric.networks[network].domain),
        addresses: addresses.collect(),
        attach: attach_words(&workload.attach),
        // A stock peer is nowhere in the lab.
        namespace: match workload.stock_peer() {
            Some(_) => String::new(),
            None => own.unwrap_or(host).to_owned(),
        },
        resolv_conf: own.and_then(|_| status["resolv_conf"].as_str()).map(str::to_owned),
        state: format!("{state}{detail}"),
    }
}

fn attach_words(attach: &Attach) -> String {
    match attach {
        Attach::Container { name } => format!("container {name}"),
        Attach::Process { run, .. } => format!("process {}", run.join(" ")),
        Attach::Host => "host".to_owned(),
        Attach::Netns { path } => format!("namespace {path}"),
        Attach::Serve(servers) => {
            let words: Vec<String> = servers.iter().map(serve_words).collect();
            format!("serves {}", words.join(", "))
        }
        Attach::Wireguard(_) => "WireGuard peer".to_owned(),
        Attach::Interface { of } => format!("an interface of {of}"),
    }
}

fn serve_words(server: &Serve) -> String {
    match server.kind {
        ServeKind::Http => format!("http on {}", server.port),
        ServeKind::Tcp => format!("{}/tcp", server.port),
        ServeKind::Udp => format!("{}/udp", server.port),
    }
}

fn sessions(status: &Value) -> (usize, usize) {
    let networks = status["networks"].as_object().into_iter().flat_map(|map| map.values());
    let peers: Vec<&Value> = networks
        .flat_map(|network| network["peers"].as_object().into_iter().flat_map(|map| map.values()))
        .collect();
    let up = peers.iter().filter(|peer| peer["has_session"] == true).count();
    (up, peers.len())
}

fn tunnel(status: &Value) -> String {
    let mut networks = status["networks"].as_object().into_iter().flat_map(|map| map.values());
    let kind = networks.next().and_then(|network| network["tunnel"].as_str());
    kind.unwrap_or("none").to_owned()
}
