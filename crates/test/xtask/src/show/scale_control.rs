//! The show `scale-control`: large fabrics, and many agents on one control.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "scale-control",
    about: "100 nodes and ten times that: check, plan, one change; as many agents on one control",
    run,
};

/// Checks, plans and changes a fabric of 100 nodes, 1,000 workloads and 200 groups, and one of ten
/// times that. Then runs a real control with as many agents, each on a TLS connection of its own
/// with a key of its own, that plan their nodes and carry the plans out on a model of the kernel.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Nodes of the smaller fabric; it has ten workloads and two groups for each.
    #[arg(long, default_value_t = 100)]
    nodes: u64,
    /// Leave out the larger one.
    #[arg(long)]
    small: bool,
    /// Changes, each applied when all agents hold the one before.
    #[arg(long, default_value_t = 20)]
    changes: u64,
}

/// Longest time from asking for a change to the last agent that enforces it, in milliseconds: for
/// the smaller fabric, and for the larger one.
const ENFORCED_MS: [u64; 2] = [100, 1_000];

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    let programs = build_release(&["netloom-scale", "netloom-cli"])?;
    let mut report = Report::default();
    let factors: &[u64] = if options.small { &[1] } else { &[1, 10] };
    for (factor, limit_ms) in factors.iter().zip(ENFORCED_MS) {
        let nodes = options.nodes * factor;
        let sizes: Vec<String> =
            [("--nodes", nodes), ("--workloads", nodes * 10), ("--groups", nodes * 2)]
                .iter()
                .flat_map(|(name, value)| [(*name).to_owned(), value.to_string()])
                .collect();
        let mut command = Command::new(programs.join("netloom-scale"));
        command.arg("model").args(&sizes);
        let figures = Figures::of(&mut command)?;
        for name in [
            "check ms",
            "plan of all nodes ms",
            "operations of all nodes",
            "plan of one change ms",
            "nodes that it concerns",
            "peak memory MiB",
            "resources of a node",
            "a node putting together us",
            "a node planning us",
            "a node comparing us",
        ] {
            let known = figures.number(name).is_some();
            report.require(format!("{nodes} nodes: {name}"), figures.text(name), known, "a figure");
        }
        let mut command = Command::new(programs.join("netloom-scale"));
        command.arg("agents").args(&sizes).arg("--netloom").arg(programs.join("netloom"));
        command.arg("--changes").arg(options.changes.to_string());
        agents(&mut report, &Figures::of(&mut command)?, nodes, limit_ms);
    }
    Ok(report)
}

fn agents(report: &mut Report, figures: &Figures, nodes: u64, limit_ms: u64) {
    let name = |name: &str| format!("{nodes} agents: {name}");
    let all = figures.number("agents") == Some(nodes);
    report.require(name("connected"), figures.text("agents"), all, nodes.to_string());
    for figure in [
        "first apply ms",
        "joins ms",
        "all agents connected and up to date ms",
        "sessions lost",
        "memory of control MiB",
    ] {
        report.figure(name(figure), figures.text(figure));
    }
    for change in ["rule of a group", "workload replaced", "endpoint of a node", "network for all"]
    {
        for figure in [
            "agents concerned",
            "bytes to each",
            "resources to each",
            "work of each us",
            "CPU of control ms",
        ] {
            let figure = format!("{change}, {figure}");
            report.figure(name(&figure), figures.text(&figure));
        }
        for figure in ["enforced p50 ms", "enforced max ms"] {
            let figure = format!("{change}, {figure}");
            let quick = figures.number(&figure).is_some_and(|ms| ms <= limit_ms);
            let limit = format!("at most {limit_ms}");
            report.require(name(&figure), figures.text(&figure), quick, limit);
        }
    }
    let trusted = figures.number("refused signatures") == Some(0);
    report.require(name("refused signatures"), figures.text("refused signatures"), trusted, "0");
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require(name("exit code"), code, figures.succeeded, "success");
}
