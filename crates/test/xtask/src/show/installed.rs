//! The show `installed`: the unit of `netloom install` below a real systemd.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use crate::packages;
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "installed",
    about: "a host that systemd runs: install, a crash, reboots, and the unit removed",
    run,
};

/// Boots systemd in namespaces of its own, as root, and has it run the fabric.
#[derive(Debug, clap::Parser)]
struct Options {
    /// How often the host is booted again.
    #[arg(long, default_value_t = 2)]
    reboots: u64,
}

const STEPS: [&str; 6] = [
    "the fabric begins on a host that systemd runs",
    "the unit is installed and takes over",
    "systemd starts again what was killed",
    "after a reboot everything is back",
    "the unit is removed",
    "after that nothing comes back",
];

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    packages::require("systemctl")?;
    let programs = build_release(&["netloom-hosts", "netloom-cli"])?;
    let mut command = Command::new(programs.join("netloom-hosts"));
    command.arg("--netloom").arg(programs.join("netloom")).arg("installed");
    command.args(["--reboots", &options.reboots.to_string()]);
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    for step in STEPS {
        report.require(step, figures.text(step), figures.text(step) == "yes", "yes");
    }
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code", code, figures.succeeded, "success");
    Ok(report)
}
