//! The show `faults`: bad input and faults on hosts, each with a clear end and nothing half applied.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use crate::packages;
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "faults",
    about: "what is refused, damaged, taken, full, off or away: each is said, nothing is half applied",
    run,
};

/// Makes three hosts in network namespaces, as root, and lets go wrong what can on them.
#[derive(Debug, clap::Parser)]
struct Options {
    /// How often two applies are begun at once.
    #[arg(long, default_value_t = 20)]
    races: u64,
    /// Do not install what is missing.
    #[arg(long)]
    no_install: bool,
}

const STEPS: [&str; 15] = [
    "the fabric begins",
    "tokens that must not admit",
    "a token used twice, a node with another's name",
    "a node that waits for approval gets nothing",
    "a revoked node is shut out and told the cure",
    "a removed node joins again",
    "two applies at once, one of them whole",
    "a damaged store is said, and nodes go on",
    "a node's damaged copy is said, and nothing taken away",
    "taken ports are said",
    "control's disk full, nothing half applied",
    "an agent's disk full, in force and said",
    "a change that two of three nodes refuse",
    "clocks that are five hours off",
    "control gone for a day",
];

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    packages::provide(!options.no_install);
    packages::require("faketime")?;
    let programs = build_release(&["netloom-hosts", "netloom-cli"])?;
    let mut command = Command::new(programs.join("netloom-hosts"));
    command.arg("--netloom").arg(programs.join("netloom")).arg("faults");
    command.args(["--races", &options.races.to_string()]);
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    for step in STEPS {
        report.require(step, figures.text(step), figures.text(step) == "yes", "yes");
    }
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code", code, figures.succeeded, "success");
    Ok(report)
}
