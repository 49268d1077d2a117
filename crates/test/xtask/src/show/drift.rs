//! The show `drift`: what others undo of a node is back within a second, and told with what and who.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::{build_release, root};
use crate::packages;
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "drift",
    about: "routes, addresses, links, tables, namespaces deleted behind the agents: back within a second",
    run,
};

/// Runs a lab, undoes again and again something that a node holds, and measures the time from each
/// blow until the kernel is as before.
#[derive(Debug, clap::Parser)]
struct Options {
    /// How many blows.
    #[arg(long, default_value_t = 300)]
    blows: u64,
    /// Seed of nodes, kinds and targets.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Do not install what is missing.
    #[arg(long)]
    no_install: bool,
}

/// Longest time from a blow until it is mended, in milliseconds.
const MENDED_MS_MAX: u64 = 1_000;
/// Kinds of blow; so many blows that each comes up are needed for all.
const KINDS: u64 = 13;
/// Fewer blows than this need not bring up every kind.
const BLOWS_FOR_ALL_KINDS: u64 = 120;

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    packages::provide(!options.no_install);
    let programs = build_release(&["netloom-drift", "netloom-cli"])?;
    let mut command = Command::new(programs.join("netloom-drift"));
    command.arg("--netloom").arg(programs.join("netloom"));
    command.arg("--fabric").arg(root()?.join("examples/quickstart.yaml"));
    command.args(["--blows", &options.blows.to_string(), "--seed", &options.seed.to_string()]);
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    let blows = figures.number("blows").unwrap_or(0);
    report.require("blows", blows, blows >= options.blows, format!("at least {}", options.blows));
    let kinds = figures.number("kinds").unwrap_or(0);
    let all = options.blows < BLOWS_FOR_ALL_KINDS || kinds == KINDS;
    report.require("kinds of blow", kinds, all, format!("{KINDS} in {BLOWS_FOR_ALL_KINDS} blows"));
    for name in ["p50 ms", "p99 ms"] {
        report.figure(format!("mended, {name}"), figures.text(name));
    }
    let slowest = figures.number("max ms");
    let is_fast = slowest.is_some_and(|slowest| slowest <= MENDED_MS_MAX);
    let expected = format!("at most {MENDED_MS_MAX}");
    report.require("mended, max ms", figures.text("max ms"), is_fast, expected);
    let unnamed = figures.number("not named");
    report.require("not told", figures.text("not named"), unnamed == Some(0), "0");
    let recovered = figures.text("tests hold afterwards");
    report.require("tests hold afterwards", recovered, recovered == "true", "true");
    Ok(report)
}
