//! The show `wireguard-interop`: other implementations of WireGuard shake hands, transfer, rekey and roam with ours.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use crate::{packages, peers};
use clap::Parser as _;
use std::path::PathBuf;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "wireguard-interop",
    about: "other implementations of WireGuard shake hands, transfer, rekey and roam with ours",
    run,
};

/// Runs the matrix of peers, cases and roles, in namespaces of its own.
///
/// Rekeying is forced by having the initiator forget its session while data flows; with --full,
/// also the 120 s of the protocol are waited for, under pings none of which may be lost.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Also the cases that take minutes.
    #[arg(long)]
    full: bool,
    /// Do not install what is missing.
    #[arg(long)]
    no_install: bool,
    /// A gotatun to use instead of building one.
    #[arg(long, value_name = "FILE")]
    gotatun: Option<PathBuf>,
    /// Trials at a time.
    #[arg(long, default_value_t = 8)]
    workers: usize,
}

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    packages::provide(!options.no_install);
    let gotatun = match options.gotatun {
        Some(path) => path,
        None => peers::GOTATUN.built(options.no_install)?,
    };
    let programs = build_release(&["netloom-wireguard-interop"])?;
    let mut command = Command::new(programs.join("netloom-wireguard-interop"));
    command.arg("--gotatun").arg(gotatun);
    command.args(["--workers", &options.workers.to_string()]);
    if options.full {
        command.arg("--full");
    }
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    for peer in ["wireguard-go", "gotatun", "netloom"] {
        let found = figures.text(peer);
        let good = found.contains(" passed, 0 failed") && !found.starts_with("0 ");
        report.require(peer, found, good, "some passed and none failed");
    }
    for name in ["trials", "bytes compared", "rekeys under traffic", "moves followed"] {
        let value = figures.number(name).unwrap_or(0);
        report.require(name, value, value > 0, "some");
    }
    let rekeys =
        if options.full { "forced, and after 120 s" } else { "forced; --full waits 120 s" };
    report.figure("how they rekeyed", rekeys);
    report.figure("cases left out, as said above", figures.text("left out"));
    report.require("failed", figures.text("failed"), figures.number("failed") == Some(0), "0");
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code", code, figures.succeeded, "success");
    Ok(report)
}
