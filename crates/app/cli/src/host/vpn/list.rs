//! `netloom vpn list`: the stock peers and how each is doing.

use crate::host::place::Host;
use crate::host::status::{of_agent, of_agent_within};
use crate::host::wait_for;
use crate::output;
use netloom::api::Peer;
use netloom_agent::protocol::{PeerStatus, Status};
use std::process::ExitCode;
use std::time::Duration;

/// Longest wait for what is only newer than what control knows.
const FRESHNESS_WAIT: Duration = Duration::from_secs(1);

/// Lists the peers: of the whole fabric where control runs, of this node elsewhere.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    host: Host,
    /// Print them as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &List) -> anyhow::Result<ExitCode> {
    let place = arguments.host.chosen()?;
    if place.has_control() {
        let mut peers = wait_for(place.client().peers())?;
        if let Ok(status) = of_agent_within(&place, FRESHNESS_WAIT) {
            refresh(&mut peers, &status);
        }
        if arguments.json {
            output::json(&peers)?;
        } else {
            let rows: Vec<_> = peers.iter().map(row).collect();
            output::print(&output::table(&rows));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let status = of_agent(&place)?;
    let networks = status.networks.iter();
    let peers = networks.flat_map(|(network, status)| {
        status.stock_peers.iter().map(move |(name, peer)| (network, name, peer))
    });
    if arguments.json {
        let peers = peers.map(|(network, name, peer)| {
            serde_json::json!({ "name": name, "network": network, "node": status.node, "report": peer })
        });
        output::json(&peers.collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = peers
        .map(|(network, name, peer)| {
            let mut row = vec![name.clone(), network.clone(), status.node.clone()];
            row.push(peer.allowed.join(" "));
            row.extend(cells(Some(peer)));
            row
        })
        .collect();
    output::print(&output::table(&rows));
    Ok(ExitCode::SUCCESS)
}

/// What this host's node knows of its own peers is newer than what it has told control.
fn refresh(peers: &mut [Peer], status: &Status) {
    for peer in peers.iter_mut().filter(|peer| peer.node == status.node) {
        let network = status.networks.get(&peer.network);
        let known = network.and_then(|network| network.stock_peers.get(&peer.name));
        let report = known.and_then(|known| serde_json::to_value(known).ok());
        peer.report = report.or_else(|| peer.report.take());
    }
}

fn row(peer: &Peer) -> Vec<String> {
    let report = peer.report.clone().and_then(|report| serde_json::from_value(report).ok());
    let report: Option<PeerStatus> = report;
    let mut row = vec![peer.name.clone(), peer.network.clone(), peer.node.clone()];
    row.push(peer.addresses.iter().chain(&peer.advertise).cloned().collect::<Vec<_>>().join(" "));
    match (&peer.public_key, report) {
        (None, _) => row.push("has no key".to_owned()),
        (Some(_), None) => row.push("its node is away".to_owned()),
        (Some(_), report) => row.extend(cells(report.as_ref())),
    }
    row
}

/// State, place and bytes of a peer.
fn cells(peer: Option<&PeerStatus>) -> Vec<String> {
    let Some(peer) = peer else { return Vec::new() };
    let state = match (&peer.public_key, peer.has_session, peer.handshake_age_s) {
        (None, ..) => "has no key".to_owned(),
        (_, true, Some(age)) => format!("session, handshake {age} s ago"),
        (_, false, Some(age)) => format!("idle, handshake {age} s ago"),
        (_, _, None) => "waits for its first handshake".to_owned(),
    };
    let endpoint = peer.endpoint.map_or_else(|| "-".to_owned(), |endpoint| endpoint.to_string());
    vec![state, endpoint, format!("{} in, {} out", peer.rx_bytes, peer.tx_bytes)]
}
