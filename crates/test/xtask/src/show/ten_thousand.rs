//! The show `ten-thousand`: one interface with ten thousand peers, all of which shake hands at once in the end.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use crate::packages;
use anyhow::ensure;
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "ten-thousand",
    about: "one WireGuard interface with 10,000 peers: memory, packets, changes, and all of them calling at once",
    run,
};

/// Measures `netloom wireguard` with 1, 1,000 and as many peers as are asked for, as root, in namespaces of its own.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Most peers.
    #[arg(long, default_value_t = 10_000)]
    peers: u32,
}

/// What is printed of each number of peers.
const MEASURES: [&str; 10] = [
    "set ms",
    "memory MiB",
    "bytes each",
    "memory with sessions MiB",
    "bytes each with sessions",
    "handshakes per second",
    "us of CPU per handshake",
    "us of CPU per packet",
    "change of one us p50",
    "us of CPU per change",
];
const STORM: [&str; 5] = [
    "handshakes per second",
    "packets of a flow beside it",
    "packets of it that were lost",
    "longest gap of the flow ms",
    "memory after MiB",
];

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    ensure!(packages::is_root(), "namespaces with TUN devices need root: run it with sudo");
    packages::require("ip")?;
    let programs = build_release(&["netloom-bench-peers", "netloom-cli"])?;
    let mut command = Command::new(programs.join("netloom-bench-peers"));
    command.arg("--netloom").arg(programs.join("netloom"));
    command.args(["--peers", &options.peers.to_string()]);
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    for count in [1, 1_000, options.peers] {
        for measure in MEASURES {
            let figure = format!("{count} peers, {measure}");
            report.figure(&figure, figures.text(&figure));
        }
    }
    for measure in STORM {
        let figure = format!("storm, {measure}");
        report.figure(&figure, figures.text(&figure));
    }
    hold(&mut report, &figures, options.peers);
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code", code, figures.succeeded, "success");
    Ok(report)
}

/// The bars.
fn hold(report: &mut Report, figures: &Figures, peers: u32) {
    let of = |count: u32, measure: &str| figures.decimal(&format!("{count} peers, {measure}"));
    let storm = |measure: &str| figures.decimal(&format!("storm, {measure}"));
    let mut bar = |name: &str, found: Option<f64>, is_good: fn(f64, f64) -> bool, limit: f64| {
        let shown = found.map_or_else(|| "not measured".to_owned(), |one| format!("{one:.1}"));
        let sign = if is_good(0.0, 1.0) { "<=" } else { ">=" };
        let good = found.is_some_and(|found| is_good(found, limit));
        report.require(name, shown, good, format!("{sign} {limit}"));
    };
    let at_most = |found: f64, limit: f64| found <= limit;
    let at_least = |found: f64, limit: f64| found >= limit;
    bar("memory with all peers MiB", of(peers, "memory MiB"), at_most, 64.0);
    bar("bytes of an idle peer", of(peers, "bytes each"), at_most, 4096.0);
    bar("handshakes per second", of(1_000, "handshakes per second"), at_least, 1000.0);
    let ratio = |measure: &str| Some(of(peers, measure)? / of(1_000, measure)?);
    bar("a packet, times that with 1,000 peers", ratio("us of CPU per packet"), at_most, 2.0);
    bar("a change, times that with 1,000 peers", ratio("us of CPU per change"), at_most, 2.0);
    bar("packets lost beside the storm", storm("packets of it that were lost"), at_most, 0.0);
    bar("longest gap beside the storm ms", storm("longest gap of the flow ms"), at_most, 200.0);
}
