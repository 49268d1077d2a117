//! The show `bench-tunnel`: our tunnel beside others, in interleaved rounds on this machine.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use crate::{output, packages, peers};
use anyhow::ensure;
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "bench-tunnel",
    about: "our tunnel beside wireguard-go, gotatun and boringtun: rates, processor time, round trips",
    run,
};

/// Measures `netloom wireguard`, and control with agents, beside other implementations, as root, in namespaces of its own, and
/// holds the result against the targets. Leave the machine alone meanwhile.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Rounds; each measures every implementation once.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds of each transfer.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Only wireguard-go, and what has been built before.
    #[arg(long)]
    no_install: bool,
}

/// What is measured beside others.
const OURS: [&str; 8] = [
    "plain veth",
    "netloom",
    "netloom AES-GCM",
    "netloom agents",
    "netloom without TUN offloads",
    "netloom without UDP_SEGMENT",
    "netloom without UDP_GRO",
    "netloom without offloads",
];

/// What is printed of each implementation.
const MEASURES: [&str; 13] = [
    "1 stream Gbit/s",
    "1 stream back Gbit/s",
    "8 streams Gbit/s",
    "1 stream CPU-s per GiB, sender",
    "1 stream CPU-s per GiB, receiver",
    "UDP 172 B kpps delivered",
    "UDP 172 B us per packet, sender",
    "UDP 1372 B kpps delivered",
    "round trip p50 us",
    "round trip p99 us",
    "round trip beside 1 stream p50 us",
    "round trip beside 1 stream p99 us",
    "memory MiB",
];

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    ensure!(packages::is_root(), "namespaces with TUN devices need root: run it with sudo");
    for program in ["wg", "ip", "iperf3", "wireguard-go"] {
        packages::require(program)?;
    }
    let mut others = vec![("wireguard-go", "wireguard-go".into())];
    for (name, peer) in [("gotatun", peers::GOTATUN), ("boringtun", peers::BORINGTUN)] {
        match peer.built(options.no_install) {
            Ok(path) => others.push((name, path)),
            Err(error) => output::progress(&format!("without {name}: {error:#}")),
        }
    }
    let programs = build_release(&["netloom-bench-tunnel", "netloom-cli"])?;
    let mut command = Command::new(programs.join("netloom-bench-tunnel"));
    command.arg("--netloom").arg(programs.join("netloom"));
    command.args(["--rounds", &options.rounds.to_string()]);
    command.args(["--seconds", &options.seconds.to_string()]);
    for (name, path) in &others {
        command.arg("--peer").arg(format!("{name}={}", path.display()));
    }
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    let names = others.iter().map(|(name, _)| *name);
    for name in OURS.into_iter().chain(names) {
        for measure in MEASURES {
            let figure = format!("{name} | {measure}");
            if figures.decimal(&figure).is_some() {
                report.figure(&figure, figures.text(&figure));
            }
        }
    }
    targets(&mut report, &figures);
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code", code, figures.succeeded, "success");
    Ok(report)
}

/// The bars; one whose peer was not measured is missed.
fn targets(report: &mut Report, figures: &Figures) {
    let of = |name: &str, measure: &str| figures.decimal(&format!("{name} | {measure}"));
    let ratio = |measure: &str, peer: &str| Some(of("netloom", measure)? / of(peer, measure)?);
    let added = |measure: &str| Some(of("netloom", measure)? - of("plain veth", measure)?);
    let at_least = |found: Option<f64>, limit: f64| found.is_some_and(|found| found >= limit);
    let at_most = |found: Option<f64>, limit: f64| found.is_some_and(|found| found <= limit);
    let shown = |found: Option<f64>| {
        found.map_or_else(|| "not measured".to_owned(), |one| format!("{one:.2}"))
    };
    let rate = ratio("1 stream Gbit/s", "wireguard-go");
    let good = at_least(rate, 1.8);
    report.require("1 stream, times wireguard-go", shown(rate), good, ">= 1.8");
    let cost = of("netloom", "1 stream CPU-s per GiB, sender");
    report.require("CPU-s per GiB at the sender", shown(cost), at_most(cost, 1.4), "<= 1.4");
    let small = ratio("UDP 172 B kpps delivered", "gotatun");
    report.require("172 B, times gotatun", shown(small), at_least(small, 1.5), ">= 1.5");
    let cost = of("netloom", "UDP 172 B us per packet, sender");
    report.require("us per packet of 172 B", shown(cost), at_most(cost, 2.1), "<= 2.1");
    for (measure, limit) in [("round trip p50 us", 60.0), ("round trip p99 us", 300.0)] {
        let added = added(measure);
        let good = at_most(added, limit);
        report.require(format!("added {measure}"), shown(added), good, format!("<= {limit}"));
    }
    // Our own nodes choose AES-GCM where the processor has it; the policy of both ends is part of it.
    let agents = of("netloom agents", "1 stream Gbit/s");
    let rate =
        agents.zip(of("wireguard-go", "1 stream Gbit/s")).map(|(ours, theirs)| ours / theirs);
    let good = at_least(rate, 3.0);
    report.require("agents, 1 stream, times wireguard-go", shown(rate), good, ">= 3");
    let cost = of("netloom agents", "1 stream CPU-s per GiB, sender");
    report.require(
        "agents, CPU-s per GiB at the sender",
        shown(cost),
        at_most(cost, 1.0),
        "<= 1.0",
    );
}
