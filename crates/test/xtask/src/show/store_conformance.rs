//! The show `store-conformance`: the store on a file and on etcd keeps what it acknowledged, whatever is killed.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use crate::packages;
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "store-conformance",
    about: "the store on a file and on etcd keeps what it acknowledged, whatever is killed",
    run,
};

/// Runs the conformance suite on an embedded store and on a real etcd of three members; then writers on etcd while its
/// members are killed; then processes killed while they commit to a file, and power cuts that tear what was not synced.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Commits to etcd that are acknowledged while its members are killed.
    #[arg(long, default_value_t = 10_000)]
    writes: u64,
    /// Writers of these at a time.
    #[arg(long, default_value_t = 4)]
    writers: u64,
    /// How often a member of etcd is killed and started again, the leader first; once, two of them are.
    #[arg(long, default_value_t = 20)]
    member_kills: u64,
    /// Processes that are killed while they commit to a file.
    #[arg(long, default_value_t = 300)]
    kills: u64,
    /// Stores that go through several power cuts each.
    #[arg(long, default_value_t = 1000)]
    torn: u64,
    /// Seed of all choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Do not install what is missing.
    #[arg(long)]
    no_install: bool,
}

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    packages::provide(!options.no_install);
    let programs = build_release(&["netloom-store-conformance"])?;
    let mut command = Command::new(programs.join("netloom-store-conformance"));
    for (name, value) in [
        ("--writes", options.writes),
        ("--writers", options.writers),
        ("--member-kills", options.member_kills),
        ("--kills", options.kills),
        ("--torn", options.torn),
        ("--seed", options.seed),
    ] {
        command.arg(name).arg(value.to_string());
    }
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    suite(&mut report, &figures);
    load(&mut report, &figures, &options);
    crashes(&mut report, &figures, &options);
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code", code, figures.succeeded, "success");
    Ok(report)
}

fn suite(report: &mut Report, figures: &Figures) {
    let cases = figures.number("cases").filter(|cases| *cases > 0);
    for name in ["embedded cases held", "etcd cases held"] {
        let held = figures.number(name);
        let expected = cases.map_or_else(|| "all".to_owned(), |cases| cases.to_string());
        report.require(name, figures.text(name), held.is_some() && held == cases, expected);
    }
}

fn load(report: &mut Report, figures: &Figures, options: &Options) {
    let acknowledged = figures.number("writes acknowledged");
    let enough = acknowledged.is_some_and(|found| found >= options.writes);
    let expected = format!("at least {}", options.writes);
    report.require("writes acknowledged", figures.text("writes acknowledged"), enough, expected);
    let found = figures.number("found");
    report.require("found", figures.text("found"), found == acknowledged, "all of them");
    for name in ["lost", "refused and found"] {
        report.require(name, figures.text(name), figures.number(name) == Some(0), "0");
    }
    let conflicts = figures.number("conflicts").unwrap_or(0);
    let expected = "some, or the writers were not at it together";
    report.require("conflicts", conflicts, conflicts > 0 || options.writers < 2, expected);
    for name in ["refused for failures", "answers lost", "said to be unknown, and settled"] {
        report.figure(name, figures.text(name));
    }
    let kills = figures.number("members killed").unwrap_or(0);
    let wanted = options.member_kills;
    report.require("members killed", kills, kills >= wanted, format!("at least {wanted}"));
    let leaders = figures.number("leaders killed").unwrap_or(0);
    report.require("leaders killed", leaders, leaders > 0 || wanted == 0, "at least 1");
    for name in ["commit p50 ms", "commit p99 ms", "load seconds"] {
        report.figure(name, figures.text(name));
    }
}

fn crashes(report: &mut Report, figures: &Figures, options: &Options) {
    for (name, wanted) in [("processes killed", options.kills), ("power cuts", options.torn)] {
        let done = figures.number(name).unwrap_or(0);
        report.require(name, done, done >= wanted, format!("at least {wanted}"));
    }
    for name in [
        "commits acknowledged before kills",
        "commits that held unacknowledged at a kill",
        "killed before opening",
        "power cuts in recovery",
        "commits acknowledged before power cuts",
        "commits undone by a power cut, unacknowledged",
        "commits that held unacknowledged at a power cut",
    ] {
        report.figure(name, figures.text(name));
    }
}
