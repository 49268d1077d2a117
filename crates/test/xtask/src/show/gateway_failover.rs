//! The show `gateway-failover`: a NAT gateway is killed under connections; new ones pass within a second.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "gateway-failover",
    about: "a NAT gateway is killed under 100 connections: new ones within a second, old ones told at once",
    run,
};

/// Kills the gateway of a subnet, again and again, each time under open connections.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Connections that are open when it is killed.
    #[arg(long, default_value_t = 100)]
    connections: u64,
    /// How often.
    #[arg(long, default_value_t = 5)]
    kills: u64,
}

/// Longest time until a new connection is there, in milliseconds.
const NEW_MS_MAX: u64 = 1_000;

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    let programs = build_release(&["netloom-policy-packets"])?;
    let mut report = Report::default();
    let (mut slowest, mut reset, mut silent, mut went_on, mut passed) = (Some(0), 0, 0, 0, 0);
    let mut last_reset = 0;
    for _ in 0..options.kills {
        let mut command = Command::new(programs.join("netloom-policy-packets"));
        command.arg("--failover").arg("--connections").arg(options.connections.to_string());
        let figures = Figures::of(&mut command)?;
        let number = |name: &str| figures.number(name).unwrap_or(0);
        let new = figures.number("a new connection after ms");
        slowest = slowest.zip(new).map(|(slowest, new)| u64::max(slowest, new));
        reset += number("old connections reset");
        silent += number("old connections without a word");
        went_on += number("old connections that went on");
        passed += number("new connections of 100");
        last_reset = u64::max(last_reset, number("the last reset after ms"));
    }
    let all = options.connections * options.kills;
    report.figure("kills", options.kills);
    report.figure("connections that were open", all);
    let text = slowest.map_or_else(|| "never".to_owned(), |slowest| slowest.to_string());
    let is_fast = slowest.is_some_and(|slowest| slowest > 0 && slowest <= NEW_MS_MAX);
    let most = format!("at most {NEW_MS_MAX}");
    report.require("a new connection after, slowest ms", text, is_fast, most);
    report.require(
        "old connections reset at their next packet",
        reset,
        reset == all,
        all.to_string(),
    );
    report.figure("the last of them told after, ms", last_reset);
    report.require("old connections that hang", silent, silent == 0, "0");
    report.figure("old connections that went on", went_on);
    let wanted = 100 * options.kills;
    report.require("new connections afterwards", passed, passed == wanted, wanted.to_string());
    Ok(report)
}
