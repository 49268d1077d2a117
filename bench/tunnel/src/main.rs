//! Tunnels side by side on one machine: each is measured in turn, round after round, with the same programs.
//!
//! ```text
//! namespace a ─ wg0 ─ tunnel ═══ veth ═══ tunnel ─ wg0 ─ namespace b      iperf3 and echoes through wg0
//! ```
//! Ours is measured as `netloom wireguard`, and as control and agents with policy between two workloads, where
//! the suite is the faster one if the processor has it.
//! It prints `IMPLEMENTATION | MEASURE: MEDIAN` and what the rounds gave. Rates are of what arrived.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "its figures are what this program is for")]

mod fabric;
mod ground;
mod measure;

use clap::Parser as _;
use ground::{Ground, Tunnel};
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
    /// Rounds; each measures every implementation once.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seconds of each transfer, beside one to begin with.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
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

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut tunnels = vec![
        Tunnel::none("plain veth"),
        Tunnel::of("netloom", &arguments.netloom, &["wireguard"]),
        Tunnel::of("netloom AES-GCM", &arguments.netloom, &["wireguard", "--cipher", "aes256-gcm"]),
        Tunnel::fabric("netloom agents", &arguments.netloom),
    ];
    tunnels.extend(WITHOUT.iter().map(|(name, offloads)| {
        Tunnel::of(name, &arguments.netloom, &["wireguard", "--without", offloads])
    }));
    tunnels.retain(|tunnel| arguments.only.is_empty() || arguments.only.contains(&tunnel.name));
    tunnels.extend(arguments.peers.iter().map(|(name, program)| Tunnel::of(name, program, &[])));
    let mut found: BTreeMap<(String, &str), Vec<f64>> = BTreeMap::new();
    for round in 1..=arguments.rounds {
        for tunnel in &tunnels {
            println!("… round {round}: {}", tunnel.name);
            let mut ground = match Ground::make(tunnel) {
                Ok(ground) => ground,
                // Others are measured still; who reads the figures sees that these are missing.
                Err(error) => {
                    println!("… {} does not run: {error:#}", tunnel.name);
                    continue;
                }
            };
            if let Some(cipher) = ground.cipher()? {
                println!("… {} seals with {cipher}", tunnel.name);
            }
            let seconds = Duration::from_secs(arguments.seconds.into());
            for (measure, value) in measure::all(&mut ground, seconds)? {
                found.entry((tunnel.name.clone(), measure)).or_default().push(value);
            }
        }
    }
    for ((tunnel, measure), mut values) in found {
        values.sort_by(f64::total_cmp);
        let median = values[values.len() / 2];
        let all: Vec<String> = values.iter().map(|value| format!("{value:.2}")).collect();
        println!("{tunnel} | {measure}: {median:.3}");
        println!("{tunnel} | {measure}, all: {}", all.join(" "));
    }
    Ok(())
}
