//! The show `networks-vs-packets`: peerings, gateways, ACLs, edges and interfaces: engine, explain and packets agree.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "networks-vs-packets",
    about: "random fabrics with peerings, route tables, gateways, ACLs, edges: engine, explain and packets agree",
    run,
};

/// Builds random fabrics on the kernel, sends packets through them and looks for their answers; makes
/// the smallest changes that are suggested, and looks whether they alter the answer.
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
}

/// The least share of flows for which there is a change that alters the answer. For what remains it would be one
/// of addresses or of places.
const SUGGESTED_PERCENT_MIN: [(&str, u64); 2] =
    [("allowed flows with a change percent", 95), ("denied flows with a change percent", 80)];

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    let programs = build_release(&["netloom-policy-packets", "netloom-cli"])?;
    let mut command = Command::new(programs.join("netloom-policy-packets"));
    command.arg("--networks");
    for (name, value) in
        [("--fabrics", options.fabrics), ("--seed", options.seed), ("--flows", options.flows)]
    {
        command.arg(name).arg(value.to_string());
    }
    command.arg("--explain").arg(programs.join("netloom"));
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    for name in ["allowed", "denied", "ipv6", "across nodes", "tcp", "udp", "icmp"] {
        report.figure(name, figures.text(name));
    }
    let number = |name: &str| figures.number(name).unwrap_or(0);
    let fabrics = number("fabrics");
    report.require("fabrics", fabrics, fabrics == options.fabrics, options.fabrics.to_string());
    let (flows, wanted) = (number("flows"), options.fabrics * options.flows.min(40));
    report.require("flows", flows, flows >= wanted, format!("at least {wanted}"));
    for name in [
        "answers sent",
        "answers that came back",
        "allowed into another network or out",
        "smallest changes made",
        "of them tried with packets",
    ] {
        let some = number(name);
        report.require(name, some, some > 0, "some");
    }
    // All but those with a forged source, of which nobody could ask.
    let (explained, wanted) = (number("explained"), flows * 4 / 5);
    report.require("explained", explained, explained >= wanted, format!("at least {wanted}"));
    for (name, least) in SUGGESTED_PERCENT_MIN {
        let percent = number(name);
        report.require(name, percent, percent >= least, format!("at least {least}"));
    }
    // On a busy machine a few; more would hide first packets that are lost.
    let (again, few) = (number("sent again"), flows.div_ceil(500));
    report.require("sent again", again, again <= few, format!("at most {few}"));
    for name in ["disagreements", "explained otherwise"] {
        let none = figures.number(name) == Some(0);
        report.require(name, figures.text(name), none, "0");
    }
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code", code, figures.succeeded, "success");
    Ok(report)
}
