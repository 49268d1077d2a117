//! The show `no-cleartext`: no fabric packet leaves in clear while everything is killed and restarted.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::{build_release, root};
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "no-cleartext",
    about: "no fabric packet leaves in clear while everything is killed and restarted",
    run,
};

/// Runs a lab, kills what carries it again and again, and watches every link between nodes.
#[derive(Debug, clap::Parser)]
struct Options {
    /// How many blows.
    #[arg(long, default_value_t = 100)]
    blows: u64,
    /// Seed of their choice.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Fewer sealed frames for each blow than this would mean that hardly anything was sent.
const SEALED_PER_BLOW_MIN: u64 = 200;

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    let programs = build_release(&["netloom-no-cleartext", "netloom-cli"])?;
    let mut command = Command::new(programs.join("netloom-no-cleartext"));
    command.arg("--netloom").arg(programs.join("netloom"));
    command.arg("--fabric").arg(root()?.join("examples/quickstart.yaml"));
    command.args(["--blows", &options.blows.to_string(), "--seed", &options.seed.to_string()]);
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    for name in ["links watched", "frames", "datagrams sent", "tunnels removed"] {
        report.figure(name, figures.text(name));
    }
    let dealt = ["agents killed", "nodes removed and put back"].map(|name| {
        report.figure(name, figures.text(name));
        figures.number(name).unwrap_or(0)
    });
    let blows: u64 = dealt.iter().sum();
    report.require("blows", blows, blows >= options.blows, format!("at least {}", options.blows));
    let sealed = figures.number("sealed").unwrap_or(0);
    let wanted = options.blows * SEALED_PER_BLOW_MIN;
    report.require("sealed frames", sealed, sealed >= wanted, format!("at least {wanted}"));
    for (name, shown) in [("clear", "frames in clear"), ("missed", "frames missed")] {
        let holds = figures.number(name) == Some(0);
        report.require(shown, figures.text(name), holds, "0");
    }
    let attacks = figures.number("attacks").unwrap_or(0);
    report.require("attacks from the underlay", attacks, attacks > 0, "some, and no answer");
    report.figure("asked until then", figures.text("asked until then"));
    let recovered = figures.text("tests hold afterwards");
    report.require("tests hold afterwards", recovered, recovered == "true", "true");
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code", code, figures.succeeded, "success");
    Ok(report)
}
