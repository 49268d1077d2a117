//! The show `path-mtu`: paths of several MTUs, which narrow under a stream, without a word of it by ICMP.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use crate::packages;
use anyhow::ensure;
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "path-mtu",
    about: "underlays of 9000 to 1280 bytes that narrow under a stream, ICMP filtered: found, no fragments",
    run,
};

/// Makes two hosts and a router in network namespaces, as root, with the shipped control and agents. The router's links
/// narrow from 9000 to 1500, 1400 and 1280 bytes under a stream between two workloads, and the router tells nobody.
/// IPv4 and IPv6 outside, IPv4 and IPv6 inside.
#[derive(Debug, clap::Parser)]
struct Options {
    /// How long each MTU lasts.
    #[arg(long, default_value_t = 4, value_name = "SECONDS")]
    seconds: u64,
    /// Do not widen the path again in the end, which takes a minute to be found.
    #[arg(long)]
    no_raise: bool,
    /// Do not install what is missing.
    #[arg(long)]
    no_install: bool,
}

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    ensure!(packages::is_root(), "namespaces of hosts need root: run it with sudo");
    packages::provide(!options.no_install);
    for program in ["ip", "nft"] {
        packages::require(program)?;
    }
    let programs = build_release(&["netloom-hosts", "netloom-cli"])?;
    let mut command = Command::new(programs.join("netloom-hosts"));
    command.arg("--netloom").arg(programs.join("netloom")).arg("paths");
    command.args(["--seconds", &options.seconds.to_string()]);
    if !options.no_raise {
        command.arg("--raise");
    }
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    for outside in ["IPv4", "IPv6"] {
        let mut steps = vec![format!("{outside} fabric")];
        for inside in ["IPv4", "IPv6"] {
            for mtu in [9000, 1500, 1400, 1280] {
                steps.push(format!("{outside} {mtu}, {inside} inside"));
                let silence = format!("{outside} {mtu}, {inside} inside, longest silence");
                report.figure(&silence, figures.text(&silence));
            }
            steps.push(format!("{outside} 1280, a new {inside} stream"));
            steps.push(format!("{outside} 1280, {inside} datagrams"));
            if !options.no_raise {
                steps.push(format!("{outside} 9000 again, {inside} inside"));
            }
        }
        for step in steps {
            report.require(&step, figures.text(&step), figures.text(&step) == "yes", "yes");
        }
        let name = format!("{outside} fragments on the underlay");
        report.require(&name, figures.text(&name), figures.text(&name) == "0", "0");
    }
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code", code, figures.succeeded, "success");
    Ok(report)
}
