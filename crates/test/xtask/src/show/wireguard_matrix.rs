//! The show `wireguard-matrix`: other implementations of WireGuard against ours, trial by trial, as a table.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use crate::{output, packages, peers};
use clap::Parser as _;
use std::path::PathBuf;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "wireguard-matrix",
    about: "wireguard-go, gotatun, boringtun and wg with ours: both roles and families, PSK, rekey, roaming, cookies",
    run,
};

/// Runs the matrix of peers, cases and roles, in namespaces of its own.
///
/// Rekeying is forced by having the initiator forget its session while data flows; with --full,
/// also the 120 s of the protocol are waited for, under a connection and pings none of which may be
/// lost. Peers that are missing are said and left out; with NETLOOM_REQUIRE_LAB=1 they are failures.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Also the cases that take minutes.
    #[arg(long, conflicts_with = "short")]
    full: bool,
    /// Only the cases that show most in a minute.
    #[arg(long)]
    short: bool,
    /// Who is at the other end.
    #[arg(long, value_delimiter = ',', default_values = PEERS)]
    peers: Vec<String>,
    /// Only cases whose name holds one of these words.
    #[arg(long, value_delimiter = ',')]
    cases: Vec<String>,
    /// Do not install or build what is missing.
    #[arg(long)]
    no_install: bool,
    /// A gotatun to use instead of building one.
    #[arg(long, value_name = "FILE")]
    gotatun: Option<PathBuf>,
    /// A boringtun-cli to use instead of building one.
    #[arg(long, value_name = "FILE")]
    boringtun: Option<PathBuf>,
    /// Trials at a time.
    #[arg(long, default_value_t = 8)]
    workers: usize,
}

/// All of them: others' programs, our executable with the others' tool, and a second engine of ours.
const PEERS: [&str; 5] = ["wireguard-go", "gotatun", "boringtun", "netloom-by-wg", "netloom"];

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    packages::provide(!options.no_install);
    let programs = build_release(&["netloom-wireguard-interop", "netloom-cli"])?;
    let mut command = Command::new(programs.join("netloom-wireguard-interop"));
    command.arg("--netloom").arg(programs.join("netloom"));
    for (name, built, given) in [
        ("gotatun", &peers::GOTATUN, &options.gotatun),
        ("boringtun", &peers::BORINGTUN, &options.boringtun),
    ] {
        if !options.peers.iter().any(|peer| peer == name) {
            continue;
        }
        let path = given.clone().map_or_else(|| built.built(options.no_install), Ok);
        match path {
            Ok(path) => drop(command.arg(format!("--{name}")).arg(path)),
            // The program finds it on the path, or says that it is missing.
            Err(error) => output::progress(&format!("{name}: {error:#}")),
        }
    }
    command.args(["--peers", &options.peers.join(",")]);
    command.args(["--workers", &options.workers.to_string()]);
    if !options.cases.is_empty() {
        command.args(["--cases", &options.cases.join(",")]);
    }
    for (name, wanted) in [("--full", options.full), ("--short", options.short)] {
        if wanted {
            command.arg(name);
        }
    }
    let figures = Figures::of(&mut command)?;
    Ok(judged(&figures, &options))
}

fn judged(figures: &Figures, options: &Options) -> Report {
    let mut report = Report::default();
    let mut others = 0;
    for peer in &options.peers {
        let found = figures.text(peer);
        if found.starts_with("SKIPPED") {
            report.figure(peer, found);
            continue;
        }
        let good = found.contains(" passed, 0 failed") && !found.starts_with("0 ");
        others += u32::from(good && peer != "netloom");
        report.require(peer, found, good, "some passed and none failed");
    }
    report.require("implementations beside our own driver", others, others > 0, "some");
    let counts = ["trials", "bytes compared", "rekeys under traffic", "moves followed"];
    for name in counts.into_iter().chain(["cookies under a flood"]) {
        let value = figures.number(name).unwrap_or(0);
        // Who asks for some cases only is not shown the others.
        let is_wanted = options.cases.is_empty() || name == "trials";
        report.require(name, value, value > 0 || !is_wanted, "some");
    }
    let rekeys =
        if options.full { "forced, and after 120 s" } else { "forced; --full waits 120 s" };
    report.figure("how they rekeyed", rekeys);
    report.figure("cases left out, as said above", figures.text("left out"));
    report.require("failed", figures.text("failed"), figures.number("failed") == Some(0), "0");
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code", code, figures.succeeded, "success");
    report
}
