//! The show `bench-reach`: what it costs to ask who reaches whom in a large fabric.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "bench-reach",
    about: "10,000 workloads, peered networks, gateways, ACLs: one query, a query after a change, the matrix",
    run,
};

/// Asks a fabric of that many workloads about flows, changes it, and draws all of it.
#[derive(Debug, clap::Parser)]
struct Options {
    /// How many workloads.
    #[arg(long, default_value_t = 10_000)]
    workloads: u64,
}

/// Longest time of a query, in microseconds.
const QUERY_US_MAX: u64 = 1_000;
/// Longest time from a change to an answer that knows of it, in microseconds.
const CHANGE_US_MAX: u64 = 10_000;

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    let programs = build_release(&["netloom-scale"])?;
    let mut command = Command::new(programs.join("netloom-scale"));
    command.arg("reach").arg("--workloads").arg(options.workloads.to_string());
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    for name in ["load and check ms", "rules", "query count", "query p50 us", "query max us"] {
        report.figure(name, figures.text(name));
    }
    let number = |name: &str| figures.number(name);
    let workloads = number("workloads").unwrap_or(0);
    let wanted = options.workloads;
    report.require("workloads", workloads, workloads >= wanted, format!("at least {wanted}"));
    let passing = number("query passing").unwrap_or(0);
    let mixed = passing > 0 && Some(passing) < number("query count");
    report.require("query passing", passing, mixed, "some, and not all");
    let mut at_most = |name: &str, most: u64| {
        let holds = number(name).is_some_and(|value| value <= most);
        report.require(name, figures.text(name), holds, format!("at most {most}"));
    };
    // The longest of all is what the kernel let somebody else do meanwhile, and is a figure only.
    at_most("query p99 us", QUERY_US_MAX);
    at_most("answer after another rule max us", CHANGE_US_MAX);
    at_most("answers after another workload max us", CHANGE_US_MAX);
    at_most("answers after another peering max us", CHANGE_US_MAX);
    at_most("answer after another route max us", CHANGE_US_MAX);
    at_most("answer after another ACL max us", CHANGE_US_MAX);
    at_most("answer after another subnet max us", CHANGE_US_MAX);
    // Between addresses, the slowest of a thousand are too near the bar to promise it on any machine.
    for name in [
        "query p99.9 us",
        "query of addresses p50 us",
        "query of addresses p99 us",
        "query of addresses p99.9 us",
        "query of addresses max us",
        "matrix ms",
        "matrix classes",
        "matrix cells that are open",
        "peak memory MiB",
    ] {
        report.figure(name, figures.text(name));
    }
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code", code, figures.succeeded, "success");
    Ok(report)
}
