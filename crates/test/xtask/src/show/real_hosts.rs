//! The show `real-hosts`: three hosts through all that users do, and nothing is left.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use crate::packages;
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "real-hosts",
    about: "three hosts, a real container among the workloads: up, join, apply, rollback, reboot, down",
    run,
};

/// Makes three hosts in network namespaces, as root, with a real Docker engine in one of them, and
/// does on them what users do, by the command line. Compares dumps of all that the kernel and the
/// disk hold from before the first command with those after the last one.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Applies that do not concern the flows which run meanwhile.
    #[arg(long, default_value_t = 20)]
    applies: u32,
    /// Leave out the real container, where no engine can run.
    #[arg(long)]
    no_docker: bool,
    /// Do not install what is missing.
    #[arg(long)]
    no_install: bool,
}

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    packages::provide(!options.no_install);
    if !options.no_docker {
        packages::provide_engine(!options.no_install);
    }
    let programs = build_release(&["netloom-hosts", "netloom-cli"])?;
    let mut command = Command::new(programs.join("netloom-hosts"));
    command.arg("--netloom").arg(programs.join("netloom")).arg("real-hosts");
    command.arg("--applies").arg(options.applies.to_string());
    if options.no_docker {
        command.arg("--no-docker");
    }
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    for step in [
        "up on the first host",
        "wrong tokens are refused",
        "the others join",
        "everything attached answers",
        "packets do as explain says",
        "unrelated applies lose nothing",
        "plan, apply, rollback",
        "a wrong apply changes nothing",
        "networks made, joined and left",
        "a container that vanishes and comes back",
        "reboot",
        "control gone, nodes go on",
        "down",
        "the container is as it was",
        "host 1 is as it was",
        "host 2 is as it was",
        "host 3 is as it was",
    ] {
        if options.no_docker && step == "the container is as it was" {
            report.figure(step, "left out");
            continue;
        }
        report.require(step, figures.text(step), figures.text(step) == "yes", "yes");
    }
    for name in ["applies meanwhile", "bytes of the stream echoed", "packets sent"] {
        let enough = figures.number(name).is_some_and(|number| number > 0);
        report.require(name, figures.text(name), enough, "some");
    }
    let lost = figures.number("packets lost");
    report.require("packets lost", figures.text("packets lost"), lost == Some(0), "0");
    report.figure("lines compared", figures.text("lines compared"));
    Ok(report)
}
