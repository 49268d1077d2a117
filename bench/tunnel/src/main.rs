//! Tunnels side by side on one machine: each is measured in turn, round after round, with the same programs.
//!
//! ```text
//! namespace a ─ wg0 ─ tunnel ═══ veth ═══ tunnel ─ wg0 ─ namespace b      iperf3 and echoes through wg0
//! ```
//! Ours is measured as `netloom wireguard`, and as control and agents with policy between two workloads, where
//! the suite is the faster one if the processor has it.
//! Of `netloom wireguard` and of each other implementation, memory and handshakes with up to 10,000 configured peers are
//! measured too, once in each round.
//! It prints `IMPLEMENTATION | MEASURE: MEDIAN` and what the rounds gave. Rates are of what arrived.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "its figures are what this program is for")]

mod fabric;
mod ground;
mod hot_spots;
mod measure;
mod profile;
mod wake_up;

use anyhow::Context as _;
use clap::Parser as _;
use ground::{Ground, Tunnel};
use netloom_bench_peers::crowd;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// What is measured.
#[derive(Debug, clap::Parser)]
struct Arguments {
    /// Our executable.
    #[arg(long)]
    netloom: PathBuf,
    /// Other implementations: a name, and a program that takes `-f INTERFACE` and obeys `wg`.
    #[arg(long = "peer", value_name = "NAME=PROGRAM", value_parser = peer)]
    peers: Vec<(String, PathBuf)>,
    /// Of the bare link and ours, only those of these names.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// No end with thousands of peers.
    #[arg(long)]
    no_crowd: bool,
    /// Rounds; each measures every implementation once.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seconds of each transfer, beside one to begin with.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Instead, show what processor time is spent on, with the tunnel of this name.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// What passes the tunnel that is profiled.
    #[arg(long, value_enum, default_value = "stream")]
    traffic: profile::Traffic,
    /// Instead, measure what waking a thread costs.
    #[arg(long)]
    wake_ups: bool,
}

fn peer(text: &str) -> Result<(String, PathBuf), String> {
    let (name, program) = text.split_once('=').ok_or("give NAME=PROGRAM")?;
    Ok((name.to_owned(), program.into()))
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Ours with each of the kernel's offloads off, and with none.
const WITHOUT: [(&str, &str); 4] = [
    ("netloom without TUN offloads", "tun-tcp"),
    ("netloom without UDP_SEGMENT", "udp-send"),
    ("netloom without UDP_GRO", "udp-receive"),
    ("netloom without offloads", "tun-tcp,udp-send,udp-receive"),
];

/// Ours of which memory and handshakes are measured with thousands of peers, as of all others.
const CROWDED: &str = "netloom";

/// Values by tunnel and measure.
type Found = BTreeMap<(String, String), Vec<f64>>;

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.wake_ups {
        return wake_up::report();
    }
    let mut tunnels = tunnels(arguments);
    if let Some(name) = &arguments.profile {
        let found = tunnels.iter().find(|tunnel| tunnel.name == *name);
        let tunnel = found.with_context(|| format!("nothing is called `{name}`"))?;
        let time = Duration::from_secs(arguments.seconds.into());
        return profile::report(tunnel, arguments.traffic, time);
    }
    let is_other = |tunnel: &Tunnel| arguments.peers.iter().any(|(name, _)| *name == tunnel.name);
    tunnels.retain(|tunnel| {
        arguments.only.is_empty() || arguments.only.contains(&tunnel.name) || is_other(tunnel)
    });
    let mut found = Found::new();
    for round in 1..=arguments.rounds {
        for tunnel in &tunnels {
            println!("… round {round}: {}", tunnel.name);
            traffic(tunnel, arguments, &mut found)?;
            if !arguments.no_crowd && (tunnel.name == CROWDED || is_other(tunnel)) {
                crowd(tunnel, &mut found);
            }
        }
    }
    for ((tunnel, measure), mut values) in found {
        values.sort_by(f64::total_cmp);
        let median = f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2]);
        let all: Vec<String> = values.iter().map(|value| format!("{value:.2}")).collect();
        println!("{tunnel} | {measure}: {median:.3}");
        println!("{tunnel} | {measure}, all: {}", all.join(" "));
    }
    Ok(())
}

fn tunnels(arguments: &Arguments) -> Vec<Tunnel> {
    let netloom = &arguments.netloom;
    let mut tunnels = vec![
        Tunnel::none("plain veth"),
        Tunnel::of("netloom", netloom, &["wireguard"]),
        Tunnel::of("netloom AES-GCM", netloom, &["wireguard", "--cipher", "aes256-gcm"]),
        Tunnel::fabric("netloom agents", netloom),
    ];
    tunnels.extend(
        WITHOUT.iter().map(|(name, offloads)| {
            Tunnel::of(name, netloom, &["wireguard", "--without", offloads])
        }),
    );
    tunnels.extend(arguments.peers.iter().map(|(name, program)| Tunnel::of(name, program, &[])));
    tunnels
}

/// Transfers and echoes between two ends.
fn traffic(tunnel: &Tunnel, arguments: &Arguments, found: &mut Found) -> anyhow::Result<()> {
    let name = &tunnel.name;
    let mut ground = match Ground::make(tunnel) {
        Ok(ground) => ground,
        // Others are measured still; who reads the figures sees that these are missing.
        Err(error) => {
            println!("… {name} does not run: {error:#}");
            return Ok(());
        }
    };
    if let Some(cipher) = ground.cipher()? {
        println!("… {name} seals with {cipher}");
    }
    let seconds = Duration::from_secs(arguments.seconds.into());
    for (measure, value) in measure::all(&mut ground, seconds)? {
        found.entry((name.clone(), measure.to_owned())).or_default().push(value);
    }
    Ok(())
}

/// One end with thousands of peers; what cannot be measured is missing, and said.
fn crowd(tunnel: &Tunnel, found: &mut Found) {
    let name = &tunnel.name;
    let Some((program, arguments)) = tunnel.program() else { return };
    let crowd = match crowd::measure(program, arguments) {
        Ok(crowd) => crowd,
        Err(error) => {
            println!("… {name} with thousands of peers is not measured: {error:#}");
            return;
        }
    };
    // The same name in every round, as of a figure: the last one is kept.
    println!("{name} | on its peers: {}", crowd.remarks.join("; "));
    let mut add = |measure: String, value| {
        found.entry((name.clone(), measure)).or_default().push(value);
    };
    for (peers, memory) in crowd.memory_mib {
        add(format!("memory MiB with {peers}"), memory);
    }
    if let Some(rate) = crowd.handshakes_per_second {
        add("handshakes per second".to_owned(), rate);
    }
}
