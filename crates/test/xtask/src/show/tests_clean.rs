//! The show `tests-clean`: README's test command passes on a clean clone, cold and warm.

use super::{Report, Show, words};
use crate::cargo::{forget_this_run, root, stream};
use crate::clone::{Scratch, clone_to, commit, git};
use crate::counts::Counts;
use crate::output;
use anyhow::Context as _;
use clap::Parser as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

pub(crate) const SHOW: Show = Show {
    name: "tests-clean",
    about: "README's test command passes on a clean clone, cold and warm",
    run,
};

/// How the command begins that README gives for the tests.
const TEST_COMMAND: &str = "cargo xtask test";

/// Clones the last commit, runs README's test command there with nothing built, and again.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Run in this working tree, with what is built there, once.
    #[arg(long)]
    warm_only: bool,
    /// Folder for the clone and its builds; removed afterwards.
    #[arg(long, value_name = "FOLDER")]
    r#in: Option<PathBuf>,
    /// Longest cold run that suffices, in minutes.
    #[arg(long, default_value_t = 60.0)]
    cold_minutes_max: f64,
}

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    let mut report = Report::default();
    let root = root()?;
    if options.warm_only {
        let changed = !git(&root, &["status", "--porcelain"])?.is_empty();
        report.figure("commit", commit(&root, if changed { " and changes" } else { "" })?);
        let place = Place { folder: root, target: None };
        add_round(&mut report, "warm", &place.test()?, f64::INFINITY);
        return Ok(report);
    }
    let scratch = Scratch::new(options.r#in)?;
    let folder = scratch.0.join("clone");
    output::progress("cloning the last commit");
    clone_to(&folder)?;
    report.figure("commit", commit(&folder, "")?);
    let place = Place { folder, target: Some(scratch.0.join("target")) };
    output::progress("cold: nothing is built");
    add_round(&mut report, "cold", &place.test()?, options.cold_minutes_max);
    output::progress("warm: once more");
    add_round(&mut report, "warm", &place.test()?, f64::INFINITY);
    let left = git(&place.folder, &["status", "--porcelain"])?;
    report.require("files left by tests", left.lines().count(), left.is_empty(), "none");
    Ok(report)
}

/// What one run of the command gave.
struct Round {
    minutes: f64,
    counts: Option<Counts>,
    succeeded: bool,
}

fn add_round(report: &mut Report, name: &str, round: &Round, minutes_max: f64) {
    let minutes = format!("{:.1}", round.minutes);
    let wanted = format!("at most {minutes_max:.0}");
    report.require(format!("{name} minutes"), minutes, round.minutes <= minutes_max, wanted);
    let counts =
        round.counts.map_or_else(|| "no closing line".to_owned(), |counts| counts.to_string());
    let good = round.counts.is_some_and(|counts| counts.passed > 0 && counts.failed == 0);
    report.require(format!("{name} tests"), counts, good, "some passed and none failed");
    let code = if round.succeeded { "success" } else { "failure" };
    report.require(format!("{name} exit code"), code, round.succeeded, "success");
}

/// Where the command runs.
struct Place {
    folder: PathBuf,
    /// Where it builds; as usual if `None`.
    target: Option<PathBuf>,
}

impl Place {
    fn test(&self) -> anyhow::Result<Round> {
        let text = std::fs::read_to_string(self.folder.join("README.md"))
            .context("cannot read README.md, which names the command")?;
        let line = test_command(&text).context("README.md has no block with the test command")?;
        output::progress(&format!("{line}, in {}", self.folder.display()));
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(&self.folder);
        forget_this_run(&mut command);
        if let Some(target) = &self.target {
            command.env("CARGO_TARGET_DIR", target);
        }
        let mut counts = None;
        let start = Instant::now();
        let status = stream(&mut command, |line| counts = Counts::parse(line).or(counts))?;
        let minutes = start.elapsed().as_secs_f64() / 60.0;
        Ok(Round { minutes, counts, succeeded: status.success() })
    }
}

/// The command in README's code blocks.
fn test_command(readme: &str) -> Option<&str> {
    let mut inside = false;
    readme.lines().map(str::trim).find(|line| {
        inside ^= line.starts_with("```");
        inside && line.starts_with(TEST_COMMAND)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_read_from_a_code_block() {
        let readme =
            "Run cargo xtask test.\n```sh\ncargo run\n```\n```sh\ncargo xtask test --x\n```\n";
        assert_eq!(test_command(readme), Some("cargo xtask test --x"));
        assert_eq!(test_command("cargo xtask test"), None);
    }

    #[test]
    fn a_round_suffices_only_if_tests_ran_and_none_failed() {
        let counts = |passed, failed| Some(Counts { passed, failed, skipped: 0 });
        for (counts, succeeded, suffices) in [
            (counts(5, 0), true, true),
            (counts(5, 1), false, false),
            (counts(5, 0), false, false),
            (counts(0, 0), true, false),
            (None, true, false),
        ] {
            let mut report = Report::default();
            add_round(&mut report, "cold", &Round { minutes: 1.0, counts, succeeded }, 2.0);
            assert_eq!(report.suffices(), suffices, "{counts:?}");
        }
        let mut report = Report::default();
        let round = Round { minutes: 3.0, counts: counts(5, 0), succeeded: true };
        add_round(&mut report, "cold", &round, 2.0);
        assert!(!report.suffices());
    }
}
