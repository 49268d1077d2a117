//! The show `canary`: pieces of datagrams that a network card cuts wrongly, on one path and not on another.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use crate::packages;
use anyhow::ensure;
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "canary",
    about: "a network card that cuts pieces wrongly in ten ways: found, mended on that path alone, told",
    run,
};

/// Makes three hosts in network namespaces, as root, with the shipped control and agents; their network cards are a
/// program that cuts the kernel's pieces (UDP_SEGMENT) of one path wrongly, in all ways that kernels and cards have been
/// seen to, one after the other, under streams to both other hosts.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Try only faults whose names contain this.
    #[arg(long, default_value = "")]
    only: String,
    /// Do not install what is missing.
    #[arg(long)]
    no_install: bool,
}

const FAULTS: [&str; 11] = [
    "none",
    "bytes damaged",
    "checksums wrong",
    "lengths wrong",
    "pairs merged",
    "each fourth split",
    "pieces not cut",
    "all but the first lost",
    "the first lost",
    "shorter ends lost",
    "each eighth lost",
];

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    ensure!(packages::is_root(), "namespaces of hosts need root: run it with sudo");
    packages::provide(!options.no_install);
    packages::require("ip")?;
    let programs = build_release(&["netloom-hosts", "netloom-cli"])?;
    let mut command = Command::new(programs.join("netloom-hosts"));
    command.arg("--netloom").arg(programs.join("netloom")).arg("canary");
    command.args(["--only", &options.only]);
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    for step in ["three nodes", "pieces go to both"] {
        report.require(step, figures.text(step), figures.text(step) == "yes", "yes");
    }
    let faults: Vec<_> = FAULTS.into_iter().filter(|fault| fault.contains(&options.only)).collect();
    ensure!(!faults.is_empty(), "there is no fault `{}`; there are: {FAULTS:?}", options.only);
    for fault in faults {
        report.require(fault, figures.text(fault), figures.text(fault) == "yes", "yes");
        for name in ["found after ms", "whole again after ms"] {
            let name = format!("{fault}, {name}");
            if fault != "none" {
                report.figure(&name, figures.text(&name));
            }
        }
    }
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code", code, figures.succeeded, "success");
    Ok(report)
}
