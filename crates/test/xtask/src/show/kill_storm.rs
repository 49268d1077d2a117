//! The show `kill-storm`: daemons are killed in the middle of applies, and everything converges.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use crate::packages;
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "kill-storm",
    about: "agents and control killed in the middle of applies: all converges, nothing leaks or passes",
    run,
};

/// Makes three hosts in network namespaces, as root, and kills (-9) an agent between the first and
/// the last operation of an apply, or control between a request and its answer, again and again.
/// Meanwhile packets that policy denies are sent all the time, and every frame is looked at.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Kills; those that came before the first operation or after the last one do not count.
    #[arg(long, default_value_t = 300)]
    kills: u64,
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
    let programs = build_release(&["netloom-hosts", "netloom-cli"])?;
    let mut command = Command::new(programs.join("netloom-hosts"));
    command.arg("--netloom").arg(programs.join("netloom")).arg("kill-storm");
    command.args(["--kills", &options.kills.to_string(), "--seed", &options.seed.to_string()]);
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    for step in ["three hosts are up", "everything holds afterwards"] {
        report.require(step, figures.text(step), figures.text(step) == "yes", "yes");
    }
    let kills = figures.number("kills").is_some_and(|kills| kills >= options.kills);
    report.require("kills", figures.text("kills"), kills, format!("at least {}", options.kills));
    for name in ["kills of agents", "kills of control"] {
        let some = figures.number(name).is_some_and(|kills| kills > 0);
        report.require(name, figures.text(name), some, "some");
    }
    for name in ["kills beside an apply", "slowest to converge ms"] {
        report.figure(name, figures.text(name));
    }
    for name in ["denied packets sent", "allowed packets that passed", "sealed frames"] {
        let some = figures.number(name).is_some_and(|count| count > 0);
        report.require(name, figures.text(name), some, "some");
    }
    for name in ["did not converge", "denied packets that passed", "frames in clear", "left behind"]
    {
        report.require(name, figures.text(name), figures.number(name) == Some(0), "0");
    }
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code", code, figures.succeeded, "success");
    Ok(report)
}
