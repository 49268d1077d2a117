//! `netloom status`: the fabric as control sees it, or this node as its agent does.

mod drift;
mod gateways;

use super::place::{Host, Place};
use super::{membership, wait_for};
use crate::output;
use anyhow::bail;
use netloom::api;
use netloom_agent::protocol::{Answer, Request};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::ExitCode;
use std::time::Duration;

/// How long the agent may take to answer.
const AGENT_TIMEOUT: Duration = Duration::from_secs(5);

/// Shows fabric, nodes, tunnels and workloads; on a host without control, this node.
#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    #[command(flatten)]
    host: Host,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn status(arguments: &Status) -> anyhow::Result<ExitCode> {
    let place = arguments.host.chosen()?;
    if place.has_control() {
        let status = wait_for(place.client().status())?;
        if arguments.json {
            output::print(&format!("{}\n", serde_json::to_string_pretty(&status)?));
        } else {
            output::print(&shown(&status));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let own = of_agent(&place)?;
    if arguments.json {
        output::print(&format!("{}\n", serde_json::to_string_pretty(&own)?));
    } else {
        output::print(&shown_agent(&own));
    }
    Ok(ExitCode::SUCCESS)
}

/// What this host's agent says of itself.
pub(super) fn of_agent(place: &Place) -> anyhow::Result<netloom_agent::protocol::Status> {
    of_agent_within(place, AGENT_TIMEOUT)
}

/// The same, from an agent that answers in time.
pub(super) fn of_agent_within(
    place: &Place,
    patience: Duration,
) -> anyhow::Result<netloom_agent::protocol::Status> {
    match ask_agent_within(place, &Request::Status, patience)? {
        Answer::Status(status) => Ok(*status),
        Answer::Examined(_) => {
            bail!("the agent gave another answer than was asked for")
        }
        Answer::Error(text) => bail!("{text}"),
    }
}

/// Asks this host's agent.
pub(super) fn ask_agent(place: &Place, request: &Request) -> anyhow::Result<Answer> {
    ask_agent_within(place, request, AGENT_TIMEOUT)
}

fn ask_agent_within(
    place: &Place,
    request: &Request,
    patience: Duration,
) -> anyhow::Result<Answer> {
    let socket = place.node().join("agent.sock");
    let Ok(mut stream) = netloom_sys::unix_socket::connect(&socket) else {
        bail!(membership::absence_of_agent(place));
    };
    stream.set_read_timeout(Some(patience))?;
    let mut request = serde_json::to_string(request)?;
    request.push('\n');
    stream.write_all(request.as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// A fabric's status in words.
pub(super) fn shown(status: &api::Status) -> String {
    let mut text = format!(
        "fabric {} ({}), revision {}, {}\n\nnodes\n",
        status.fabric, status.fabric_id, status.revision, status.software
    );
    text.push_str(&nodes(status));
    if !status.control.is_empty() {
        let row = |(name, member): (&String, &api::ControlMember)| {
            let state = if member.heard { "answers" } else { "does not answer" };
            vec![name.clone(), state.to_owned(), member.endpoints.join(" ")]
        };
        let rows: Vec<Vec<String>> = status.control.iter().map(row).collect();
        text.push_str(&format!("\ncontrol\n{}", output::table(&rows)));
    }
    text.push_str("\ntunnels\n");
    text.push_str(&tunnels(status));
    text.push_str(&gateways::of_all(status));
    text.push_str(&drift::of_all(status));
    text.push_str("\nworkloads\n");
    let row = |(name, one): (&String, &api::Workload)| {
        let detail = one.detail.clone().unwrap_or_default();
        let addresses = one.addresses.join(" ");
        vec![
            name.clone(),
            one.state.clone(),
            one.node.clone(),
            one.network.clone(),
            addresses,
            detail,
        ]
    };
    let rows: Vec<Vec<String>> = status.workloads.iter().map(row).collect();
    text.push_str(&output::table(&rows));
    text
}

/// The nodes as a table, with what is wrong below each.
pub(super) fn nodes(status: &api::Status) -> String {
    let row = |(name, node): (&String, &api::Node)| {
        let state = match (node.state.as_str(), node.current) {
            ("connected", false) => "connected, not up to date".to_owned(),
            (state, _) => state.to_owned(),
        };
        let good = node.state == "connected" && node.current && node.error.is_none();
        let address = node.address.clone().unwrap_or_default();
        let endpoint = node.endpoint.clone().unwrap_or_default();
        vec![
            output::mark(good).to_owned(),
            name.clone(),
            state,
            revision_of(status.revision, node),
            node.region.clone(),
            address,
            endpoint,
        ]
    };
    let rows: Vec<Vec<String>> = status.nodes.iter().map(row).collect();
    let mut text = output::table(&rows);
    for (name, node) in &status.nodes {
        if let Some(error) = &node.error {
            text.push_str(&trouble(&format!("{name}: {error}")));
        }
        for refused in &node.refused {
            text.push_str(&trouble(&format!(
                "{name} refuses {}: {}",
                refused.what, refused.reason
            )));
        }
    }
    text
}

/// The revision that a node holds, beside the one in force; nothing where control does not know.
fn revision_of(in_force: u64, node: &api::Node) -> String {
    match node.revision {
        Some(held) if held < in_force => format!("revision {held}, behind"),
        Some(held) => format!("revision {held}"),
        None => String::new(),
    }
}

/// What is wrong, and below it what to do, where that is said: causes and solutions are told with a semicolon between.
fn trouble(words: &str) -> String {
    let (cause, solution) = match words.rsplit_once("; ") {
        Some((cause, solution)) => (cause, format!("    solution: {solution}\n")),
        None => (words, String::new()),
    };
    format!("  {} {cause}\n{solution}", output::mark(false))
}

fn tunnels(status: &api::Status) -> String {
    let mut rows = Vec::new();
    for (node, one) in &status.nodes {
        let networks = one.report.as_ref().and_then(|report| report["networks"].as_object());
        for (network, report) in networks.into_iter().flatten() {
            for (peer, tunnel) in report["peers"].as_object().into_iter().flatten() {
                let has_session = tunnel["has_session"].as_bool() == Some(true);
                let endpoint = tunnel["endpoint"].as_str().unwrap_or("-").to_owned();
                let bytes = |key: &str| tunnel[key].as_u64().unwrap_or(0).to_string();
                rows.push(vec![
                    network.clone(),
                    format!("{node} -> {peer}"),
                    if has_session { "session" } else { "idle" }.to_owned(),
                    endpoint,
                    format!("{} in, {} out", bytes("rx_bytes"), bytes("tx_bytes")),
                    cipher(tunnel["cipher"].as_str(), tunnel["cipher_reason"].as_str()),
                    path(
                        tunnel["path_mtu_bytes"].as_u64(),
                        tunnel["round_trip_us"].as_u64(),
                        tunnel["segmentation"].as_str(),
                    ),
                ]);
            }
        }
    }
    output::table(&rows)
}

/// What a session is sealed with, and why.
fn cipher(cipher: Option<&str>, reason: Option<&str>) -> String {
    match (cipher, reason) {
        (Some(cipher), Some(reason)) if !reason.is_empty() => format!("{cipher} ({reason})"),
        (cipher, _) => cipher.unwrap_or_default().to_owned(),
    }
}

/// What is known of the way to a peer: the MTU inside the tunnel, the round trip, and broken segmentation.
fn path(mtu_bytes: Option<u64>, round_trip_us: Option<u64>, segmentation: Option<&str>) -> String {
    let mtu = mtu_bytes.map(|bytes| format!("mtu {bytes}"));
    let round_trip = round_trip_us.map(|us| {
        let tenths_ms = us.div_ceil(100);
        format!("rtt {}.{} ms", tenths_ms / 10, tenths_ms % 10)
    });
    let broken = match segmentation {
        Some("equal pieces") => Some("offload: shorter ends get lost, so they are sent alone"),
        Some("apart") => Some("offload: pieces do not arrive whole, so datagrams are sent alone"),
        _ => None,
    };
    let parts: Vec<_> =
        [mtu, round_trip, broken.map(ToOwned::to_owned)].into_iter().flatten().collect();
    parts.join(", ")
}

fn shown_agent(own: &netloom_agent::protocol::Status) -> String {
    let mut text = match own.fabric.as_str() {
        // An agent of an earlier version does not say.
        "" => format!("node {}\n", own.node),
        fabric => {
            format!("node {} of fabric {fabric}, at commit {} of control\n", own.node, own.commit)
        }
    };
    if let Some(address) = own.address {
        text.push_str(&format!("  address  {address}\n"));
    }
    if let Some(control) = &own.control {
        text.push_str(&format!("  control  {control}\n"));
    }
    if let Some(error) = &own.error {
        text.push_str(&trouble(error));
    }
    for (network, report) in &own.networks {
        text.push_str(&format!("network {network} ({})\n", report.tunnel));
        let row = |(peer, tunnel): (&String, &netloom_agent::protocol::PeerStatus)| {
            let endpoint = tunnel.endpoint.map_or_else(|| "-".to_owned(), |one| one.to_string());
            let state = if tunnel.has_session { "session" } else { "idle" };
            let cipher = cipher(tunnel.cipher.as_deref(), Some(&tunnel.cipher_reason));
            let path =
                path(tunnel.path_mtu_bytes, tunnel.round_trip_us, tunnel.segmentation.as_deref());
            vec![peer.clone(), state.to_owned(), endpoint, cipher, path]
        };
        let rows: Vec<Vec<String>> = report.peers.iter().map(row).collect();
        text.push_str(&output::table(&rows));
    }
    let row = |(name, one): (&String, &netloom_agent::protocol::WorkloadStatus)| {
        let addresses: Vec<String> = one.addresses.iter().map(ToString::to_string).collect();
        vec![
            name.clone(),
            one.state.clone(),
            addresses.join(" "),
            one.detail.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<Vec<String>> = own.workloads.iter().map(row).collect();
    text.push_str("workloads\n");
    text.push_str(&output::table(&rows));
    let gateways = gateways::of_node(&own.node, &own.translation);
    if !gateways.is_empty() {
        text.push_str(&format!("gateways\n{gateways}"));
    }
    if own.drift.count > 0 {
        text.push_str(&format!("drift\n{}", drift::of_node(&own.node, &own.drift)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_told_with_its_revision_and_whether_that_is_behind() {
        let node = |revision| api::Node { revision, ..api::Node::default() };
        let told = [Some(6), Some(7), None].map(|held| revision_of(7, &node(held)));
        assert_eq!(told, ["revision 6, behind", "revision 7", ""]);
    }
}
