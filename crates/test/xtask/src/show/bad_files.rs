//! The show `bad-files`: every error of every broken file is reported, with its place and cure.

mod broken_file;

use super::{Report, Show, words};
use crate::cargo::{build_release, cargo, root, stream};
use crate::counts::Counter;
use crate::output;
use anyhow::Context as _;
use broken_file::{BrokenFile, Verdict};
use clap::Parser as _;
use std::path::Path;

pub(crate) const SHOW: Show = Show {
    name: "bad-files",
    about: "every error of every broken file is reported, with its place and cure",
    run,
};

/// Fewest broken files, those that tests make among them.
const FILES_MIN: usize = 60;
/// Fewest errors in each of them.
const ERRORS_MIN: usize = 2;
/// The broken files, each with a comment that says what must be found in it.
const FOLDER: &str = "crates/model/model/tests/broken";
/// The corpora of the fuzz harnesses, and the tests that replay each.
const CORPORA: [(&str, &[&str]); 15] = [
    ("model_file", &["netloom-model", "--test", "it", "corpus"]),
    ("wireguard_message", &["netloom-node", "--test", "it", "corpus"]),
    ("node_outer", &["netloom-node", "--test", "it", "corpus"]),
    ("path_message", &["netloom-node", "--test", "it", "corpus"]),
    ("node_events", &["netloom-node", "--test", "it", "corpus"]),
    ("vpn_uapi", &["netloom-vpn", "--test", "corpus"]),
    ("base_offload", &["netloom-base", "--test", "corpus"]),
    ("base_coalesce", &["netloom-base", "--test", "corpus"]),
    ("dns_message", &["netloom-dns", "--test", "it"]),
    ("cbor_record", &["netloom-cbor", "--test", "it", "corpus"]),
    ("control_protocol_stream", &["netloom-control-protocol", "--test", "it", "corpus"]),
    ("resource_payload", &["netloom-resource", "--test", "slices", "corpus"]),
    ("wg_quick_file", &["netloom-wg-quick", "--test", "import", "corpus"]),
    ("import_file", &["netloom-import", "--test", "it", "corpus"]),
    ("netlink_reply", &["netloom-sys", "--lib", "netlink"]),
];

/// Checks the broken files with the executable, runs the tests that make more of them, and replays
/// the corpora of the fuzz harnesses.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Random inputs for each property test.
    #[arg(long, default_value_t = 256)]
    cases: u32,
    /// Leave out the corpora of the fuzz harnesses.
    #[arg(long)]
    files_only: bool,
}

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    let mut tally = Tally::default();
    check_files(&mut tally)?;
    made_by_tests(&options, &mut tally)?;
    let mut report = Report::default();
    tally.report(&mut report);
    if !options.files_only {
        replay(&options, &mut report)?;
    }
    Ok(report)
}

/// What the broken files gave.
#[derive(Debug, Default)]
struct Tally {
    on_disk: usize,
    made: usize,
    expected: usize,
    found: usize,
    /// Files of which exactly the expected errors were reported.
    complete: usize,
    /// Files that announce too few errors.
    meagre: usize,
    /// Errors that lack a cause or a solution.
    bare: usize,
    golden_mismatches: usize,
    failed_tests: u64,
}

impl Tally {
    fn report(&self, report: &mut Report) {
        let files = self.on_disk + self.made;
        report.figure("files on disk", self.on_disk);
        report.figure("files made by tests", self.made);
        report.require("files", files, files >= FILES_MIN, format!(">= {FILES_MIN}"));
        let (meagre, name) = (self.meagre, format!("files with fewer than {ERRORS_MIN} errors"));
        report.require(name, meagre, meagre == 0, "0");
        report.figure("errors expected", self.expected);
        let all = self.found == self.expected;
        report.require("errors found", self.found, all, self.expected.to_string());
        let whole = self.complete == files;
        report.require("files with exactly these errors", self.complete, whole, files.to_string());
        report.require("errors without cause or cure", self.bare, self.bare == 0, "0");
        let mismatches = self.golden_mismatches;
        report.require("golden mismatches", mismatches, mismatches == 0, "0");
        report.require("failed tests", self.failed_tests, self.failed_tests == 0, "0");
    }
}

fn check_files(tally: &mut Tally) -> anyhow::Result<()> {
    let netloom = build_release(&["netloom-cli"])?.join("netloom");
    let folder = root()?.join(FOLDER);
    for file in BrokenFile::all(&folder)? {
        let Verdict { expected, found, complete, bare, golden } = file.check(&netloom)?;
        let state = if complete && golden { "ok" } else { "FAILED" };
        output::print(&format!("{state} {}: {found} of {expected} errors\n", file.name));
        tally.on_disk += 1;
        tally.expected += expected;
        tally.found += found;
        tally.complete += usize::from(complete);
        tally.meagre += usize::from(expected < ERRORS_MIN);
        tally.bare += bare;
        tally.golden_mismatches += usize::from(!golden);
    }
    Ok(())
}

/// Large files and such that are no text are made by the crate's own tests, which print what
/// they expect and find; the goldens are compared there once more.
fn made_by_tests(options: &Options, tally: &mut Tally) -> anyhow::Result<()> {
    output::progress("broken files that tests make: large ones, and such that are no text");
    let mut counter = Counter::default();
    let mut command = cargo(&["test", "--package", "netloom-model", "--test", "it"])?;
    command.args(["--", "--nocapture", "--test-threads=1", "broken", "generated", "mutated"]);
    command.env("PROPTEST_CASES", options.cases.to_string());
    let status = stream(&mut command, |line| {
        counter.line(line);
        // Those on disk have been checked with the executable.
        let Some((name, expected, found)) = made(line) else { return };
        if name.ends_with(MADE_SUFFIX) {
            tally.made += 1;
            tally.expected += expected;
            tally.found += found;
            tally.complete += usize::from(expected == found);
            tally.meagre += usize::from(expected < ERRORS_MIN);
        }
    })?;
    tally.failed_tests = counter.total().failed.max(u64::from(!status.success()));
    Ok(())
}

/// What tests append to the names of files that they make.
const MADE_SUFFIX: &str = " (made)";

/// Reads `broken NAME: 2 errors expected, 2 found`.
fn made(line: &str) -> Option<(&str, usize, usize)> {
    // The harness prints the test's name before it, on the same line.
    let (_, line) = line.split_once("broken ")?;
    let (name, rest) = line.split_once(": ")?;
    let (expected, found) = rest.split_once(" errors expected, ")?;
    Some((name, expected.parse().ok()?, found.strip_suffix(" found")?.parse().ok()?))
}

fn replay(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let corpora = root()?.join("fuzz/corpus");
    let (mut inputs, mut panicked, mut done) = (0, 0, Vec::new());
    for (corpus, test) in CORPORA {
        let count = count(&corpora.join(corpus))?;
        report.figure(format!("inputs of {corpus}"), count);
        inputs += count;
        if done.contains(&test) {
            continue;
        }
        done.push(test);
        output::progress(&format!("replaying {corpus}"));
        let mut counter = Counter::default();
        let mut command = cargo(&["test", "--package"])?;
        command.args(test).env("PROPTEST_CASES", options.cases.to_string());
        let status = stream(&mut command, |line| counter.line(line))?;
        let counts = counter.total();
        // A replay that did not run at all has shown nothing.
        panicked += counts.failed.max(u64::from(!status.success() || counts.passed == 0));
    }
    let all = CORPORA.len();
    let name = "fuzz corpora replayed";
    report.require(name, all, count(&corpora)? == all, "every folder of fuzz/corpus");
    report.require("inputs replayed", inputs, inputs > 0, "some");
    report.require("inputs that panicked", panicked, panicked == 0, "0");
    Ok(())
}

fn count(folder: &Path) -> anyhow::Result<usize> {
    let entries = std::fs::read_dir(folder);
    Ok(entries.with_context(|| format!("cannot read {}", folder.display()))?.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_tests_are_read() {
        let line = "test generated::x ... broken nul.yaml (made): 3 errors expected, 2 found";
        assert_eq!(made(line), Some(("nul.yaml (made)", 3, 2)));
        assert_eq!(made("test broken::y ... ok"), None);
    }

    #[test]
    fn one_file_that_falls_short_is_enough_to_fail() {
        let good =
            Tally { on_disk: 60, expected: 120, found: 120, complete: 60, ..Tally::default() };
        let suffices = |tally: &Tally| {
            let mut report = Report::default();
            tally.report(&mut report);
            report.suffices()
        };
        assert!(suffices(&good));
        for bad in [
            Tally { on_disk: 59, complete: 59, ..good },
            Tally { found: 119, ..good },
            Tally { complete: 59, ..good },
            Tally { meagre: 1, ..good },
            Tally { bare: 1, ..good },
            Tally { golden_mismatches: 1, ..good },
            Tally { failed_tests: 1, ..good },
        ] {
            assert!(!suffices(&bad), "{bad:?}");
        }
    }
}
