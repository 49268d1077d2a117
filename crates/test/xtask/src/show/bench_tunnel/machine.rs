//! On what was measured: the day, the machine, and the programs of others.

use anyhow::Context as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What a reader has to know to compare.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) date: String,
    pub(super) kernel: String,
    pub(super) processor: String,
    pub(super) processors: usize,
    /// Programs, as they tell their versions.
    pub(super) versions: Vec<String>,
}

impl Machine {
    /// This one, today, with programs by their names.
    pub(super) fn here(programs: &[(&str, PathBuf)]) -> anyhow::Result<Self> {
        let date = Command::new("date").args(["-u", "+%F"]).output().context("cannot run date")?;
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let processors = std::fs::read_to_string("/proc/cpuinfo")?;
        Ok(Self {
            date: String::from_utf8_lossy(&date.stdout).trim().to_owned(),
            // What a distribution adds to the version says nothing to others.
            kernel: kernel.trim().split('-').next().unwrap_or_default().to_owned(),
            processor: model(&processors).unwrap_or("a processor without a name").to_owned(),
            processors: std::thread::available_parallelism()?.get(),
            versions: programs.iter().map(|(name, program)| version(name, program)).collect(),
        })
    }
}

/// The model of the first processor in `/proc/cpuinfo`.
fn model(text: &str) -> Option<&str> {
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

/// What a program says to `--version`, or its name if that is nothing.
fn version(name: &str, program: &PathBuf) -> String {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    let told = output.map(|output| output.stdout).unwrap_or_default();
    first_words(name, &String::from_utf8_lossy(&told))
}

/// The first line without what is in parentheses, after the name.
fn first_words(name: &str, told: &str) -> String {
    let line = told.lines().next().unwrap_or_default();
    let number = line.split(" (").next().and_then(|line| line.split_whitespace().nth(1));
    number.map_or_else(|| name.to_owned(), |number| format!("{name} {number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_and_versions_are_read() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2.00GHz\nmodel name\t: Other\n";
        assert_eq!(model(text), Some("Some CPU @ 2.00GHz"));
        assert_eq!(model(""), None);
        assert_eq!(first_words("iperf3", "iperf 3.12 (cJSON 1.7.15)\nLinux"), "iperf3 3.12");
        assert_eq!(first_words("x", ""), "x");
    }
}
