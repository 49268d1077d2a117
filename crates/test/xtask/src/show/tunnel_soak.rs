//! The show `tunnel-soak`: a tunnel at full rate for long, while it loses, rekeys and moves.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use crate::packages;
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "tunnel-soak",
    about: "full rate for half an hour with rekeys every few seconds, moves and 1 % loss: no drift, no stall",
    run,
};

/// Soaks two `netloom wireguard` in namespaces of its own.
#[derive(Debug, clap::Parser)]
struct Options {
    /// How long; half a minute at least, or memory cannot be judged.
    #[arg(long, default_value_t = 30.0)]
    minutes: f64,
    /// Datagrams lost, in a thousand, each way.
    #[arg(long, default_value_t = 10)]
    loss_per_mille: u32,
    /// Sessions are replaced this often.
    #[arg(long, default_value_t = 5)]
    rekey_after_s: u64,
    /// An end moves this often.
    #[arg(long, default_value_t = 7)]
    roam_after_s: u64,
    /// TCP connections, every second one of them in the other direction.
    #[arg(long, default_value_t = 4)]
    streams: usize,
}

/// Longest that none of the small packets may come through while they are sent.
const STALL_MAX_MS: f64 = 200.0;
/// What memory may grow by after the warm-up, whichever way it is reckoned.
const GROWTH_MAX_KIB: f64 = 1024.0;
/// Less than this is no load, in Mbit/s.
const RATE_MIN: f64 = 100.0;

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    packages::require("ip")?;
    packages::require("nft")?;
    let programs = build_release(&["netloom-tunnel-soak", "netloom-cli"])?;
    let mut command = Command::new(programs.join("netloom-tunnel-soak"));
    command.arg("--netloom").arg(programs.join("netloom"));
    for (name, value) in [
        ("--minutes", options.minutes.to_string()),
        ("--loss-per-mille", options.loss_per_mille.to_string()),
        ("--rekey-after-s", options.rekey_after_s.to_string()),
        ("--roam-after-s", options.roam_after_s.to_string()),
        ("--streams", options.streams.to_string()),
    ] {
        command.args([name, &value]);
    }
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    hold_traffic(&mut report, &figures);
    hold_events(&mut report, &figures, &options);
    for side in ["ours", "theirs"] {
        hold_memory(&mut report, &figures, side);
    }
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code", code, figures.succeeded, "success");
    Ok(report)
}

/// Adds a figure that must lie within bounds, and was found at all.
fn within(report: &mut Report, figures: &Figures, name: &str, bounds: [f64; 2]) {
    let found = figures.decimal(name);
    let shown = found.map_or_else(|| "not measured".to_owned(), |found| format!("{found}"));
    let good = found.is_some_and(|found| found >= bounds[0] && found <= bounds[1]);
    let expected = match bounds {
        [low, f64::INFINITY] => format!(">= {low}"),
        [f64::NEG_INFINITY, high] => format!("<= {high}"),
        [low, high] => format!("{low} to {high}"),
    };
    report.require(name, shown, good, expected);
}

fn hold_traffic(report: &mut Report, figures: &Figures) {
    for name in ["seconds", "bulk GB", "longest pause of all bulk ms"] {
        report.figure(name, figures.text(name));
    }
    within(report, figures, "bulk Mbit/s", [RATE_MIN, f64::INFINITY]);
    for side in ["ours", "theirs"] {
        for measure in ["small packets sent", "small packets lost", "longest gap ms"] {
            let name = format!("{side}, {measure}");
            report.figure(&name, figures.text(&name));
        }
        let name = format!("{side}, sender's longest pause ms");
        report.figure(&name, figures.text(&name));
        within(report, figures, &format!("{side}, small packets repeated"), [0.0, 0.0]);
        let stall = format!("{side}, longest stall ms");
        within(report, figures, &stall, [f64::NEG_INFINITY, STALL_MAX_MS]);
    }
}

fn hold_events(report: &mut Report, figures: &Figures, options: &Options) {
    let asked = f64::from(options.loss_per_mille);
    report.figure("datagrams lost on the way", figures.text("datagrams lost on the way"));
    within(report, figures, "lost on the way per mille", [asked * 0.8, asked * 1.2]);
    let least = figures.decimal("rekeys at least").unwrap_or(f64::INFINITY);
    within(report, figures, "rekeys", [least.max(1.0), f64::INFINITY]);
    report.figure("longest between rekeys ms", figures.text("longest between rekeys ms"));
    let moves = figures.decimal("moves").unwrap_or(0.0);
    report.figure("moves", moves);
    within(report, figures, "moves followed", [moves.max(1.0), f64::INFINITY]);
    report.figure("moves followed within ms", figures.text("moves followed within ms"));
}

fn hold_memory(report: &mut Report, figures: &Figures, side: &str) {
    for measure in [
        "memory KiB first",
        "memory KiB last",
        "memory KiB peak",
        "memory slope KiB per hour",
        "processor s",
        "UDP datagrams without room at a socket",
        "TCP segments sent",
        "TCP segments sent again",
        "packets that the device dropped",
    ] {
        let name = format!("{side}, {measure}");
        report.figure(&name, figures.text(&name));
    }
    for measure in ["memory grown KiB", "memory slope over the run KiB"] {
        let name = format!("{side}, {measure}");
        within(report, figures, &name, [f64::NEG_INFINITY, GROWTH_MAX_KIB]);
    }
}
