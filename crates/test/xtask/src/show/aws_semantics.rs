//! The show `aws-semantics`: what AWS documents of its networks, tried on the engine and with real packets.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::{build_release, root};
use anyhow::{Context as _, ensure};
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "aws-semantics",
    about: "what AWS documents of groups, ACLs, routes, gateways, peerings: packets and engine do the same",
    run,
};

/// The fewest behaviours that must be shown, and the fewest of them by packets.
const BEHAVIOURS_MIN: u64 = 60;

/// Builds a fabric for each chapter of the table and sends the packets that each behaviour is about.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Write the table to docs/aws.md before.
    #[arg(long)]
    write: bool,
    /// Plant faults into the plans as well, with each of which some behaviour must fail.
    #[arg(long)]
    faults: bool,
}

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    let program = build_release(&["netloom-policy-packets"])?.join("netloom-policy-packets");
    let printed = Command::new(&program).arg("--aws-document").output();
    let printed = printed.context("cannot run netloom-policy-packets")?;
    ensure!(printed.status.success(), "the table cannot be printed");
    let page = root()?.join("docs/aws.md");
    if options.write {
        std::fs::write(&page, &printed.stdout).context("cannot write docs/aws.md")?;
    }
    let mut command = Command::new(&program);
    command.arg("--aws");
    if options.faults {
        command.arg("--faults");
    }
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    for name in ["behaviours", "by packets"] {
        let number = figures.number(name).unwrap_or(0);
        let wanted = format!("at least {BEHAVIOURS_MIN}");
        report.require(name, number, number >= BEHAVIOURS_MIN, wanted);
    }
    let packets = figures.number("packets").unwrap_or(0);
    report.require("packets", packets, packets > BEHAVIOURS_MIN, "more than behaviours");
    report.figure("differing on purpose", figures.text("differing on purpose"));
    report.require("failed", figures.text("failed"), figures.number("failed") == Some(0), "0");
    if options.faults {
        let planted = figures.number("planted faults").unwrap_or(0);
        report.require("planted faults", planted, planted >= 10, "at least 10");
        let found = figures.number("planted faults found");
        let text = figures.text("planted faults found");
        report.require("planted faults found", text, found == Some(planted), planted.to_string());
    }
    let is_current = std::fs::read(&page).is_ok_and(|text| text == printed.stdout);
    let word = if is_current { "yes" } else { "no: run it with --write" };
    report.require("docs/aws.md has the same table", word, is_current, "yes");
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code", code, figures.succeeded, "success");
    Ok(report)
}
