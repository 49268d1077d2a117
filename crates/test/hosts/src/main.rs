//! Hosts in network namespaces, on which the executable runs as its users run it: joined, changed,
//! struck, and taken down again.
#![forbid(unsafe_code)]

mod canary;
mod docker;
mod dump;
mod faults;
mod flows;
mod ground;
mod installed;
mod kill_storm;
mod members;
mod paths;
mod real_hosts;
mod say;
mod stock_peers;
mod upgrade;

use clap::Parser as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// What is tried.
#[derive(Debug, clap::Parser)]
struct Arguments {
    /// The executable that is tried.
    #[arg(long)]
    netloom: PathBuf,
    #[command(subcommand)]
    trial: Trial,
}

#[derive(Debug, clap::Subcommand)]
enum Trial {
    /// Three hosts through all that users do.
    RealHosts(real_hosts::Options),
    /// Daemons are killed in the middle of applies, again and again.
    KillStorm(kill_storm::Options),
    /// A member of control on each of three hosts, and members lost one after the other.
    Members(members::Options),
    /// Bad input and faults, each with a clear end.
    Faults(faults::Options),
    /// A host that systemd runs.
    Installed(installed::Options),
    /// Pieces that a network card cuts wrongly.
    Canary(canary::Options),
    /// A path that narrows under a stream.
    Paths(paths::Options),
    /// Peers that know WireGuard and nothing of Netloom.
    StockPeers(stock_peers::Options),
    /// Two versions in one fabric.
    Upgrade(upgrade::Options),
}

fn main() -> ExitCode {
    let Arguments { netloom, trial } = Arguments::parse();
    let result = match trial {
        Trial::RealHosts(options) => real_hosts::run(&netloom, &options),
        Trial::KillStorm(options) => kill_storm::run(&netloom, &options),
        Trial::Members(options) => members::run(&netloom, &options),
        Trial::Faults(options) => faults::run(&netloom, &options),
        Trial::Installed(options) => installed::run(&netloom, &options),
        Trial::Canary(options) => canary::run(&netloom, &options),
        Trial::Paths(options) => paths::run(&netloom, &options),
        Trial::StockPeers(options) => stock_peers::run(&netloom, &options),
        Trial::Upgrade(options) => upgrade::run(&netloom, &options),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say::progress(&format!("could not be tried: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
