//! The show `policy-vs-packets`: the reachability engine, explain and real packets agree on random fabrics.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "policy-vs-packets",
    about: "the reachability engine, explain and real packets agree on random fabrics",
    run,
};

/// Builds random fabrics on the kernel and sends packets through them.
#[derive(Debug, clap::Parser)]
struct Options {
    /// How many fabrics.
    #[arg(long, default_value_t = 500)]
    fabrics: u64,
    /// Seed of the first.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Flows in each.
    #[arg(long, default_value_t = 44)]
    flows: u64,
    /// Leave out the planted faults.
    #[arg(long)]
    no_faults: bool,
}

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    let programs = build_release(&["netloom-policy-packets", "netloom-cli"])?;
    let mut command = Command::new(programs.join("netloom-policy-packets"));
    for (name, value) in
        [("--fabrics", options.fabrics), ("--seed", options.seed), ("--flows", options.flows)]
    {
        command.arg(name).arg(value.to_string());
    }
    command.arg("--explain").arg(programs.join("netloom"));
    if !options.no_faults {
        command.arg("--faults");
    }
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    for name in ["allowed", "denied", "spoofed", "ipv6", "across nodes", "tcp", "udp", "icmp"] {
        report.figure(name, figures.text(name));
    }
    let flows = figures.number("flows").unwrap_or(0);
    let wanted = options.fabrics * options.flows.min(40);
    require(&mut report, &figures, "fabrics", options.fabrics);
    report.require("flows", flows, flows >= wanted, format!("at least {wanted}"));
    let denied = figures.number("denied percent").unwrap_or(0);
    report.require("denied percent", denied, denied >= 30, "at least 30");
    require(&mut report, &figures, "disagreements", 0);
    let explained = figures.number("explained").unwrap_or(0);
    report.require("explained by the command", explained, explained > 0, "some");
    require(&mut report, &figures, "explained otherwise", 0);
    if !options.no_faults {
        let planted = figures.number("planted faults").unwrap_or(0);
        report.require("planted faults", planted, planted >= 10, "at least 10");
        require(&mut report, &figures, "planted faults found", planted);
    }
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code", code, figures.succeeded, "success");
    Ok(report)
}

fn require(report: &mut Report, figures: &Figures, name: &str, wanted: u64) {
    let holds = figures.number(name) == Some(wanted);
    report.require(name, figures.text(name), holds, wanted.to_string());
}
