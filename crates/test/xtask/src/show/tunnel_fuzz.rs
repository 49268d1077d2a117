//! The show `tunnel-fuzz`: fuzzers on every input of the tunnel, and simulations of its nodes by seed.

mod fuzzer;

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use crate::output;
use clap::Parser as _;
use fuzzer::{Fuzzers, Harness};
use std::process::Command;
use std::time::Duration;

pub(crate) const SHOW: Show = Show {
    name: "tunnel-fuzz",
    about: "every input of the tunnel under a coverage-guided fuzzer, and its nodes simulated by seed: no fault",
    run,
};

/// Fuzzes, then simulates. Needs a C++ compiler for the fuzzer, and no other toolchain than the usual one.
#[derive(Debug, clap::Parser)]
struct Options {
    /// How long all harnesses together are fuzzed, on all processors.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Only harnesses whose name holds this word.
    #[arg(long)]
    harness: Option<String>,
    /// Where the fuzzer's choices begin.
    #[arg(long, default_value_t = 1)]
    fuzz_seed: u32,
    /// Put inputs that reach new code into fuzz/corpus.
    #[arg(long)]
    keep: bool,
    /// Seeds of each scenario that is simulated.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    first: u64,
}

/// What there is to fuzz, and the longest input that makes sense.
const HARNESSES: [Harness; 8] = [
    Harness {
        name: "wireguard_message",
        of: "messages of types 1 to 4 and 17, and others",
        bytes_max: 256,
    },
    Harness {
        name: "node_outer",
        of: "two engines between which datagrams are forged",
        bytes_max: 4096,
    },
    Harness { name: "node_events", of: "two engines to which anything happens", bytes_max: 4096 },
    Harness { name: "vpn_uapi", of: "requests that configure an interface", bytes_max: 4096 },
    Harness { name: "base_offload", of: "packets of 64 KiB that are split", bytes_max: 16_384 },
    Harness { name: "base_coalesce", of: "packets that are put together", bytes_max: 16_384 },
    Harness {
        name: "path_message",
        of: "messages inside the tunnel, MSS, too-big",
        bytes_max: 2048,
    },
    Harness { name: "wg_quick_file", of: "files of wg-quick that are imported", bytes_max: 4096 },
];
/// A harness with a fault that takes a whole handshake to reach.
const PLANTED: Harness =
    Harness { name: "planted_fault", of: "a fault behind a handshake", bytes_max: 4096 };
/// Longest until it is found.
const PLANTED_MAX: Duration = Duration::from_secs(180);

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    let mut report = Report::default();
    let is_meant = |harness: &&Harness| {
        options.harness.as_ref().is_none_or(|word| harness.name.contains(word.as_str()))
    };
    let harnesses: Vec<Harness> = HARNESSES.iter().filter(is_meant).copied().collect();
    if options.seconds > 0 {
        let fuzzers = Fuzzers::build(&[&harnesses[..], &[PLANTED]].concat(), options.fuzz_seed)?;
        fuzz(&mut report, &fuzzers, &harnesses, &options)?;
        find_planted(&mut report, &fuzzers)?;
    }
    if options.seeds > 0 {
        simulate(&mut report, &options)?;
    }
    Ok(report)
}

fn fuzz(
    report: &mut Report,
    fuzzers: &Fuzzers,
    harnesses: &[Harness],
    options: &Options,
) -> anyhow::Result<()> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let shares = harnesses.len().div_ceil(threads).max(1) as u32;
    let each = Duration::from_secs(options.seconds) / shares;
    output::progress(&format!("fuzzing {} harnesses, {each:.0?} each", harnesses.len()));
    let (mut total, mut crashes) = (0, 0);
    for found in fuzzers.run_all(harnesses, each, threads) {
        let (harness, found) = found?;
        report.figure(
            harness.name,
            format!(
                "{} executions, {}/s, {} edges, {} features, corpus {} ({})",
                found.executions,
                found.per_second,
                found.edges,
                found.features,
                found.corpus,
                harness.of
            ),
        );
        let name = format!("{}, crashes", harness.name);
        report.require(&name, &found.crashes, found.crashes.is_empty(), "none");
        total += found.executions;
        crashes += found.crashes.count();
        if options.keep {
            let added = fuzzers.keep(&harness)?;
            report.figure(format!("{}, inputs kept", harness.name), added);
        }
    }
    report.require("executions", total, total > 0, "some");
    report.figure("seconds on all processors", options.seconds);
    report.require("crashes", crashes, crashes == 0, "0");
    Ok(())
}

/// A fuzzer that finds no fault where there is one shows nothing.
fn find_planted(report: &mut Report, fuzzers: &Fuzzers) -> anyhow::Result<()> {
    output::progress("looking for the fault that is planted behind a handshake");
    let found = fuzzers.run(&PLANTED, PLANTED_MAX)?;
    report.figure("planted fault, executions until it was found", found.executions);
    let shown = if found.crashes.is_empty() { "not found" } else { "found" };
    report.require("planted fault", shown, !found.crashes.is_empty(), "found");
    Ok(())
}

fn simulate(report: &mut Report, options: &Options) -> anyhow::Result<()> {
    let programs = build_release(&["netloom-tunnel-simulation"])?;
    let mut command = Command::new(programs.join("netloom-tunnel-simulation"));
    command.args(["--seeds", &options.seeds.to_string()]);
    command.args(["--first", &options.first.to_string()]);
    let figures = Figures::of(&mut command)?;
    report.figure("scenarios", figures.text("scenarios"));
    report.figure("seeds", format!("{} to {}", options.first, options.first + options.seeds - 1));
    report.figure("seconds of simulation", figures.text("seconds of simulation"));
    let played = figures.number("simulations").unwrap_or(0);
    report.require("simulations", played, played > 0, "some");
    let failed = figures.number("simulations that failed");
    let shown = failed.map_or_else(|| "not told".to_owned(), |failed| failed.to_string());
    report.require("simulations that failed", shown, failed == Some(0), "0");
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code of the simulation", code, figures.succeeded, "success");
    Ok(())
}
