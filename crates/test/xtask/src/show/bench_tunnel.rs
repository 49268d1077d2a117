//! The show `bench-tunnel`: our tunnel beside others, in interleaved rounds on this machine.

mod chart;
mod explanation;
mod machine;
mod page;
mod results;
mod targets;

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::{build_release, root};
use crate::{newer_debian, output, packages, peers};
use anyhow::{Context as _, ensure};
use clap::Parser as _;
use results::Results;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "bench-tunnel",
    about: "our tunnel beside wireguard-go, gotatun and boringtun: rates, processor time, round trips",
    run,
};

/// Measures `netloom wireguard`, and control with agents, beside other implementations, as root, in namespaces of its own, and
/// holds the result against the targets. What explains a missed one is measured then: where processor time goes, as `perf` sees it,
/// or what waking a thread costs. Leave the machine alone meanwhile.
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
    /// Write the table and a chart to docs/benchmarks.
    #[arg(long)]
    write: bool,
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

/// What is printed of `netloom` and the others only: one end with its peers configured by `wg`, once in each round.
const OF_PEERS: [&str; 4] = [
    "memory MiB with 1 peer",
    "memory MiB with 1,000 peers",
    "memory MiB with 10,000 peers",
    "handshakes per second",
];
/// What is to be known of those figures, as text.
const REMARK: &str = "on its peers";

/// The program that measures, and what it measures.
struct Bench {
    program: PathBuf,
    netloom: PathBuf,
    others: Vec<(&'static str, PathBuf)>,
}

impl Bench {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--netloom").arg(&self.netloom);
        for (name, path) in &self.others {
            command.arg("--peer").arg(format!("{name}={}", path.display()));
        }
        command
    }

    fn others(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.others.iter().map(|(name, _)| *name)
    }
}

fn run(arguments: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, arguments));
    ensure!(packages::is_root(), "namespaces with TUN devices need root: run it with sudo");
    for program in ["wg", "ip", "iperf3", "wireguard-go"] {
        packages::require(program)?;
    }
    let bench = built(options.no_install)?;
    let mut command = bench.command();
    command.args(["--rounds", &options.rounds.to_string()]);
    command.args(["--seconds", &options.seconds.to_string()]);
    let figures = Figures::of(&mut command)?;
    let names: Vec<&str> = OURS.into_iter().chain(bench.others()).collect();
    let measures: Vec<&str> = MEASURES.into_iter().chain(OF_PEERS).collect();
    let results = Results::of(&figures, &names, &measures);
    let remarks = remarks(&figures, &bench);
    let mut report = Report::default();
    print(&mut report, &results, &bench);
    for (name, remark) in &remarks {
        report.figure(format!("{name} | {REMARK}"), remark);
    }
    for explanation in targets::hold(&mut report, &results) {
        explanation::print(&mut bench.command(), explanation);
    }
    if options.write {
        let words: Vec<String> = words(SHOW.name, arguments).collect();
        write(&root()?.join("docs/benchmarks"), &results, &remarks, &words.join(" "), &bench)?;
    }
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code", code, figures.succeeded, "success");
    Ok(report)
}

fn built(no_install: bool) -> anyhow::Result<Bench> {
    let go = newer_debian::program("wireguard-go", "usr/bin/wireguard-go", no_install);
    let go = go.unwrap_or_else(|error| {
        output::progress(&format!("NOT THE NEWEST wireguard-go, but this host's: {error:#}"));
        "wireguard-go".into()
    });
    let mut others = vec![("wireguard-go", go)];
    for (name, peer) in [("gotatun", peers::GOTATUN), ("boringtun", peers::BORINGTUN)] {
        match peer.built(no_install) {
            Ok(path) => others.push((name, path)),
            Err(error) => output::progress(&format!("without {name}: {error:#}")),
        }
    }
    let programs = build_release(&["netloom-bench-tunnel", "netloom-cli"])?;
    let (program, netloom) = (programs.join("netloom-bench-tunnel"), programs.join("netloom"));
    Ok(Bench { program, netloom, others })
}

/// All figures; what a program could not do with its peers is said to be missing.
fn print(report: &mut Report, results: &Results, bench: &Bench) {
    for name in &results.names {
        let has_peers = name == "netloom" || bench.others().any(|other| other == name);
        for measure in &results.measures {
            let figure = format!("{name} | {measure}");
            match results.get(name, measure) {
                Some(value) => report.figure(figure, format!("{value:.3}")),
                None if has_peers && OF_PEERS.contains(&measure.as_str()) => {
                    report.figure(figure, "missing");
                }
                None => {}
            }
        }
    }
}

fn remarks(figures: &Figures, bench: &Bench) -> Vec<(String, String)> {
    let names = std::iter::once("netloom").chain(bench.others());
    let all = names.map(|name| (name, figures.text(&format!("{name} | {REMARK}"))));
    all.filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .collect()
}

/// Writes the page and its chart.
fn write(
    folder: &Path,
    results: &Results,
    remarks: &[(String, String)],
    command: &str,
    bench: &Bench,
) -> anyhow::Result<()> {
    let programs = [("iperf3", "iperf3".into()), ("netloom", bench.netloom.clone())];
    let programs: Vec<_> = programs.into_iter().chain(bench.others.clone()).collect();
    let machine = machine::Machine::here(&programs)?;
    std::fs::create_dir_all(folder)?;
    for (name, text) in [
        ("tunnel.md", page::text(results, remarks, command, &machine)),
        ("tunnel.svg", chart::text(results)),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        output::progress(&format!("wrote {}", path.display()));
    }
    Ok(())
}
