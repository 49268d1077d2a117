//! The show `zero-alloc`: what the tunnel drivers allocate while packets flow.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use crate::packages;
use anyhow::ensure;
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "zero-alloc",
    about: "allocations of two tunnel drivers while packets flow one by one, in a flood, and in a stream: none",
    run,
};

/// Counts allocations of two tunnel drivers, as root, in namespaces of its own.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Seconds of each kind of traffic.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

/// Keepalives and rekeys allocate a few times in ten seconds, however many packets flow.
const TIMERS_MAX: u64 = 100;
/// Fewer packets show nothing.
const PACKETS_MIN: u64 = 1000;

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    ensure!(packages::is_root(), "namespaces with TUN devices need root: run it with sudo");
    packages::require("ip")?;
    let programs = build_release(&["netloom-bench-allocations"])?;
    let mut command = Command::new(programs.join("netloom-bench-allocations"));
    command.args(["--seconds", &options.seconds.to_string()]);
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    for traffic in ["one packet at a time", "small packets", "a stream"] {
        let of = |measure: &str| figures.number(&format!("{traffic}, {measure}"));
        let (packets, allocations) = (of("packets"), of("allocations"));
        report.figure(format!("{traffic}, bytes allocated"), of("bytes allocated").unwrap_or(0));
        let shown = |found: Option<u64>| found.map_or_else(|| "none".to_owned(), |n| n.to_string());
        let flowed = packets.is_some_and(|packets| packets > PACKETS_MIN);
        let limit = format!("> {PACKETS_MIN}");
        report.require(format!("{traffic}, packets"), shown(packets), flowed, limit);
        let most = TIMERS_MAX.min(packets.unwrap_or(0) / 50);
        let good = allocations.is_some_and(|count| count <= most);
        let limit = format!("<= {most}, those of timers");
        report.require(format!("{traffic}, allocations"), shown(allocations), good, limit);
    }
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code", code, figures.succeeded, "success");
    Ok(report)
}
