//! Deals blows at the nodes of a lab; prints its figures last.
#![forbid(unsafe_code)]

use anyhow::Context as _;
use netloom_drift::outside::{self, Task};
use netloom_drift::storm::Tally;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = std::io::stdout();
    if let Some(("--inside", rest)) =
        arguments.split_first().map(|(first, rest)| (first.as_str(), rest))
    {
        write!(out, "{}", figures(&outside::inside(rest)?))?;
        return Ok(ExitCode::SUCCESS);
    }
    let executable = PathBuf::from(option(&arguments, "--netloom").context("--netloom PATH")?);
    let fabric = PathBuf::from(option(&arguments, "--fabric").context("--fabric FILE")?);
    let blows = option(&arguments, "--blows").unwrap_or("200").parse().context("--blows")?;
    let seed = option(&arguments, "--seed").unwrap_or("1").parse().context("--seed")?;
    let (printed, is_good) = outside::run(&executable, &fabric, Task::Storm { blows, seed })?;
    write!(out, "{printed}")?;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `--name value` as given, or nothing.
fn option<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1).map(String::as_str)
}

fn figures(tally: &Tally) -> String {
    let mut text = String::new();
    for line in &tally.unnamed {
        text.push_str(&format!("unnamed {line}\n"));
    }
    for (kind, times) in &tally.times {
        let slowest = times.iter().max().copied().unwrap_or_default();
        text.push_str(&format!(
            "{kind:?} slowest ms of {}: {}\n",
            times.len(),
            slowest.as_millis()
        ));
    }
    let times = tally.sorted();
    text.push_str(&format!("blows: {}\n", times.len()));
    text.push_str(&format!("kinds: {}\n", tally.times.len()));
    for (name, share) in [("p50", 50), ("p99", 99), ("max", 100)] {
        text.push_str(&format!("{name} ms: {}\n", quantile(&times, share).as_millis()));
    }
    text.push_str(&format!("not named: {}\n", tally.unnamed.len()));
    text
}

/// The time that `share` of a hundred are not above.
fn quantile(sorted: &[Duration], share: usize) -> Duration {
    let at = (sorted.len() * share).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}
