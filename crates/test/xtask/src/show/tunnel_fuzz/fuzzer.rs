//! libFuzzer with the usual toolchain: how harnesses are built and run, and what they print.

use crate::cargo::{cargo, root, target};
use anyhow::{Context as _, ensure};
use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What makes the compiler count edges, for all but build scripts. Stable, though not from a flag of its own.
const INSTRUMENTATION: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";
/// An input that takes longer is a fault.
const TIMEOUT_S: u32 = 10;
const MEMORY_MAX_MIB: u32 = 2048;

/// Something to fuzz.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Harness {
    pub(crate) name: &'static str,
    /// What it feeds, in words.
    pub(crate) of: &'static str,
    /// The longest input.
    pub(crate) bytes_max: usize,
}

/// Harnesses that have been built.
#[derive(Debug)]
pub(crate) struct Fuzzers {
    programs: PathBuf,
    /// Where inputs are put that reach something new, and those that crash.
    work: PathBuf,
    seed: u32,
}

/// What a run has found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) executions: u64,
    pub(crate) per_second: u64,
    /// Edges of the code, and those with how often each was passed.
    pub(crate) edges: u64,
    pub(crate) features: u64,
    pub(crate) corpus: u64,
    pub(crate) crashes: Crashes,
}

/// Files with inputs that crash.
#[derive(Debug, Default)]
pub(crate) struct Crashes(Vec<PathBuf>);

impl Fuzzers {
    /// Builds harnesses, instrumented.
    pub(crate) fn build(harnesses: &[Harness], seed: u32) -> anyhow::Result<Self> {
        let (target, triple) = (target()?.join("fuzz"), host_triple()?);
        let mut command = cargo(&["build", "--release", "--no-default-features"])?;
        command.args(["--manifest-path", "fuzz/Cargo.toml"]);
        // With a target named, build scripts are not instrumented.
        command.args(["--target", &triple]).arg("--target-dir").arg(&target);
        for harness in harnesses {
            command.args(["--bin", harness.name]);
        }
        let status =
            command.env("RUSTFLAGS", INSTRUMENTATION).status().context("cannot run cargo")?;
        ensure!(status.success(), "the fuzzers cannot be built; is there a C++ compiler (g++)?");
        let (programs, work) = (target.join(triple).join("release"), target.join("work"));
        Ok(Self { programs, work, seed })
    }

    /// Runs all of them, several at a time.
    pub(crate) fn run_all(
        &self,
        harnesses: &[Harness],
        each: Duration,
        threads: usize,
    ) -> Vec<anyhow::Result<(Harness, Found)>> {
        let next = AtomicUsize::new(0);
        let found = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some(harness) = harnesses.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let one = self.run(harness, each).map(|found| (*harness, found));
                        found.lock().unwrap_or_else(PoisonError::into_inner).push(one);
                    }
                });
            }
        });
        found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one until it crashes, or the time is over.
    pub(crate) fn run(&self, harness: &Harness, duration: Duration) -> anyhow::Result<Found> {
        let (found, crashes) = (self.found_of(harness), self.crashes_of(harness));
        for folder in [&found, &crashes] {
            // What an earlier run has left would be counted as this one's.
            let _ = std::fs::remove_dir_all(folder);
            std::fs::create_dir_all(folder)?;
        }
        let mut command = Command::new(self.programs.join(harness.name));
        command.arg(format!("-max_total_time={}", duration.as_secs().max(1)));
        command.arg(format!("-max_len={}", harness.bytes_max));
        command.arg(format!("-timeout={TIMEOUT_S}"));
        command.arg(format!("-rss_limit_mb={MEMORY_MAX_MIB}"));
        command.arg(format!("-seed={}", self.seed)).arg("-print_final_stats=1");
        command.arg(format!("-artifact_prefix={}/", crashes.display())).arg(&found);
        let corpus = corpus(harness)?;
        if corpus.is_dir() {
            command.arg(corpus);
        }
        let output = command.stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("cannot run {}", harness.name))?;
        let printed = String::from_utf8_lossy(&output.stderr);
        let mut found = read(&printed);
        let files = std::fs::read_dir(&crashes)?;
        found.crashes.0 = files.map(|file| Ok(file?.path())).collect::<std::io::Result<_>>()?;
        let told: Vec<&str> = printed.lines().rev().take(30).collect();
        ensure!(
            output.status.success() || !found.crashes.is_empty(),
            "{} ended with {}: {}",
            harness.name,
            output.status,
            told.into_iter().rev().collect::<Vec<_>>().join("\n")
        );
        Ok(found)
    }

    /// Puts what reaches new edges into the corpus; gives how many files that were. What only passes
    /// known edges more often would be hundreds of files, and a fuzzer finds it again in a minute.
    pub(crate) fn keep(&self, harness: &Harness) -> anyhow::Result<usize> {
        let corpus = corpus(harness)?;
        let count = || anyhow::Ok(std::fs::read_dir(&corpus)?.count());
        let before = count()?;
        let mut command = Command::new(self.programs.join(harness.name));
        command.args(["-merge=1", "-use_counters=0", &format!("-max_len={}", harness.bytes_max)]);
        command.arg(&corpus).arg(self.found_of(harness));
        let output = command.output().context("cannot merge")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(count()?.saturating_sub(before))
    }

    fn found_of(&self, harness: &Harness) -> PathBuf {
        self.work.join(harness.name)
    }

    fn crashes_of(&self, harness: &Harness) -> PathBuf {
        self.work.join(format!("{}-crashes", harness.name))
    }
}

/// The corpus that is kept.
fn corpus(harness: &Harness) -> anyhow::Result<PathBuf> {
    Ok(root()?.join("fuzz/corpus").join(harness.name))
}

fn host_triple() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot run rustc")?;
    let told = String::from_utf8_lossy(&output.stdout);
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say what it builds for")?.to_owned())
}

/// Reads what libFuzzer prints: lines of progress (`#123 NEW cov: 12 ft: 34 corp: 5/67b …`), and sums in
/// the end (`stat::number_of_executed_units: 123`).
fn read(printed: &str) -> Found {
    let mut found = Found::default();
    for line in printed.lines() {
        if let Some((name, value)) =
            line.strip_prefix("stat::").and_then(|rest| rest.split_once(':'))
        {
            let value = value.trim().parse().unwrap_or(0);
            match name {
                "number_of_executed_units" => found.executions = value,
                "average_exec_per_sec" => found.per_second = value,
                _ => {}
            }
        }
        if !line.starts_with('#') {
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        for pair in words.windows(2) {
            let number = || pair[1].split('/').next().unwrap_or("").parse().unwrap_or(0);
            match pair[0] {
                "cov:" => found.edges = number(),
                "ft:" => found.features = number(),
                "corp:" => found.corpus = number(),
                _ => {}
            }
        }
    }
    found
}

impl Crashes {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Crashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<String> = self.0.iter().map(|path| path.display().to_string()).collect();
        f.write_str(if paths.is_empty() { "none" } else { "" })?;
        f.write_str(&paths.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_and_sums_are_read() {
        let found = read(
            "INFO: Seed: 1\n#2\tINITED cov: 10 ft: 11 corp: 1/1b exec/s: 0 rss: 30Mb\n\
             #99\tNEW    cov: 120 ft: 250 corp: 17/1Kb lim: 4 exec/s: 9 rss: 30Mb L: 3/4 MS: 1\n\
             stat::number_of_executed_units: 5000\nstat::average_exec_per_sec:     250\n",
        );
        assert_eq!((found.executions, found.per_second), (5000, 250));
        assert_eq!((found.edges, found.features, found.corpus), (120, 250, 17));
        assert!(found.crashes.is_empty());
    }
}
