//! `netloom vpn stats`: what this node's tunnels carry, and what they drop.

use crate::host::place::{Host, Place};
use crate::host::status::of_agent;
use crate::output;
use netloom_agent::protocol::{Batches, PeerStatus, Status};
use netloom_model::words::counted;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Between two looks with `--watch`.
const INTERVAL: Duration = Duration::from_secs(1);

/// Shows throughput, packets, drops by reason, sizes of batches, offloads, handshakes, and the round trip
/// of each peer where it is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Stats {
    #[command(flatten)]
    host: Host,
    /// Print them as JSON.
    #[arg(long)]
    json: bool,
    /// Again every second, with rates, until interrupted.
    #[arg(long)]
    watch: bool,
}

pub(crate) fn run(arguments: &Stats) -> anyhow::Result<ExitCode> {
    let place = arguments.host.chosen()?;
    let mut before = None;
    loop {
        let (status, now) = (of_agent(&place)?, Instant::now());
        show(arguments, &place, &status, before.as_ref().map(|(old, at)| (old, now - *at)))?;
        if !arguments.watch || output::is_lost() {
            return Ok(ExitCode::SUCCESS);
        }
        before = Some((status, now));
        std::thread::sleep(INTERVAL);
    }
}

fn show(
    arguments: &Stats,
    place: &Place,
    status: &Status,
    before: Option<(&Status, Duration)>,
) -> anyhow::Result<()> {
    if arguments.json {
        let networks: serde_json::Map<String, serde_json::Value> = status
            .networks
            .iter()
            .map(|(name, network)| {
                let peers = serde_json::json!({
                    "peers": network.peers,
                    "stock_peers": network.stock_peers,
                    "denied": network.denied,
                });
                (name.clone(), peers)
            })
            .collect();
        return output::json(&serde_json::json!({
            "fabric": place.fabric,
            "node": status.node,
            "tunnels": status.tunnels,
            "networks": networks,
        }));
    }
    output::print(&text(status, before));
    Ok(())
}

fn text(status: &Status, before: Option<(&Status, Duration)>) -> String {
    let mut text = format!("node {}\n", status.node);
    for (name, network) in &status.networks {
        text.push_str(&format!("network {name} ({})\n", network.tunnel));
        let rows = network.peers.iter().chain(&network.stock_peers).map(|(peer, now)| {
            let old = before.and_then(|(old, passed)| {
                let network = old.networks.get(name)?;
                let old = network.peers.get(peer).or_else(|| network.stock_peers.get(peer))?;
                Some((old, passed))
            });
            peer_row(peer, now, old)
        });
        text.push_str(&output::table(&rows.collect::<Vec<_>>()));
        let denied = network.denied.iter().filter(|(_, count)| **count > 0);
        text.push_str(&format!("  denied by policy: {}\n", counts(denied)));
    }
    let totals = &status.tunnels;
    text.push_str(&format!(
        "all networks\n  packets      {} sealed, {} opened\n",
        totals.sealed_packets, totals.opened_packets
    ));
    let drops = totals.drops.iter().filter(|(_, count)| **count > 0);
    text.push_str(&format!("  dropped      {}\n", counts(drops)));
    for (way, batches) in &totals.batches {
        text.push_str(&format!("  {way:<12} {}\n", sizes(batches)));
    }
    let offloads: Vec<String> = totals
        .offloads
        .iter()
        .map(|(what, on)| format!("{what} {}", if *on { "on" } else { "off" }))
        .collect();
    text.push_str(&format!("  offloads     {}\n", offloads.join(", ")));
    text
}

fn peer_row(name: &str, now: &PeerStatus, old: Option<(&PeerStatus, Duration)>) -> Vec<String> {
    let handshakes = match now.handshake_age_s {
        Some(age) => format!("{}, {age} s ago", counted(now.handshakes, "handshake")),
        None => "no handshake".to_owned(),
    };
    let rate = |bytes: u64, before: Option<u64>| {
        let passed = old.map(|(_, passed)| passed.as_secs_f64()).filter(|passed| *passed > 0.0);
        match (before, passed) {
            (Some(before), Some(passed)) => {
                // What is shown is rounded anyhow.
                let bits = bytes.saturating_sub(before) as f64 * 8.0 / passed;
                format!(" ({:.2} Mbit/s)", bits / 1e6)
            }
            _ => String::new(),
        }
    };
    let received = rate(now.rx_bytes, old.map(|(old, _)| old.rx_bytes));
    let sent = rate(now.tx_bytes, old.map(|(old, _)| old.tx_bytes));
    let mut row = vec![
        name.to_owned(),
        handshakes,
        format!("{} B in{received}", now.rx_bytes),
        format!("{} B out{sent}", now.tx_bytes),
        now.cipher.clone().unwrap_or_default(),
    ];
    row.extend(now.round_trip_us.map(|us| format!("round trip {us} us")));
    row.extend(now.path_mtu_bytes.map(|bytes| format!("path takes {bytes} B")));
    row
}

fn counts<'a>(counts: impl Iterator<Item = (&'a String, &'a u64)>) -> String {
    let shown: Vec<String> = counts.map(|(reason, count)| format!("{reason} {count}")).collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}

/// Batches by size, with the mean.
fn sizes(batches: &Batches) -> String {
    let all: u64 = batches.counts.iter().sum();
    if all == 0 {
        return "no packets".to_owned();
    }
    let of_size = |(power, count): (usize, &u64)| format!("{}+: {count}", 1_u64 << power);
    let shown: Vec<String> =
        batches.counts.iter().enumerate().filter(|(_, count)| **count > 0).map(of_size).collect();
    let mean = batches.packets as f64 / all as f64;
    format!("{mean:.1} packets at once (batches of {})", shown.join(", "))
}
