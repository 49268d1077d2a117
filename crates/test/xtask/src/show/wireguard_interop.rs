//! The show `wireguard-interop`: other implementations of WireGuard shake hands, transfer, rekey and roam with ours.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::{build_release, cargo, root};
use crate::{output, packages};
use anyhow::{Context as _, ensure};
use clap::Parser as _;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "wireguard-interop",
    about: "other implementations of WireGuard shake hands, transfer, rekey and roam with ours",
    run,
};

/// gotatun's program is built from the registry (MPL-2.0; it is run, and no part of anything here).
const GOTATUN_PACKAGE: &str = "gotatun-cli";
const GOTATUN_VERSION: &str = "0.10.2";

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
        None => gotatun(options.no_install)?,
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

/// gotatun's program, built once.
fn gotatun(only_present: bool) -> anyhow::Result<PathBuf> {
    let folder = peers_folder()?;
    let program = folder.join("bin/gotatun");
    if version(&program).is_some_and(|version| version.ends_with(GOTATUN_VERSION)) {
        return Ok(program);
    }
    ensure!(!only_present, "gotatun {GOTATUN_VERSION} has not been built; leave out --no-install");
    output::progress(&format!("building {GOTATUN_PACKAGE} {GOTATUN_VERSION}, once, some minutes"));
    let mut command = cargo(&["install", GOTATUN_PACKAGE, "--locked", "--force"])?;
    command.args(["--version", &format!("={GOTATUN_VERSION}")]).arg("--root").arg(&folder);
    command.env("CARGO_TARGET_DIR", folder.join("build"));
    let status = command.status().context("cannot run cargo")?;
    ensure!(status.success(), "{GOTATUN_PACKAGE} cannot be built; is the registry reachable?");
    // Hundreds of megabytes that nothing needs any more.
    let _ = std::fs::remove_dir_all(folder.join("build"));
    Ok(program)
}

/// Where programs of others are built.
fn peers_folder() -> anyhow::Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    Ok(target.map_or_else(|| root().map(|root| root.join("target")), Ok)?.join("peers"))
}

fn version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_owned())
}
