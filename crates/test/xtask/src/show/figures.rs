//! Figures that another program prints as lines `name: value`.

use crate::cargo::stream;
use std::collections::BTreeMap;
use std::process::Command;

/// What a program printed, by name, and whether it succeeded.
#[derive(Debug, Default)]
pub(super) struct Figures {
    lines: BTreeMap<String, String>,
    /// Its exit code was 0.
    pub(super) succeeded: bool,
}

impl Figures {
    /// Runs a program, passes its output on, and keeps its figures.
    pub(super) fn of(command: &mut Command) -> anyhow::Result<Self> {
        let mut figures = Self::default();
        let status = stream(command, |line| {
            if let Some((name, value)) = line.split_once(": ") {
                figures.lines.insert(name.to_owned(), value.trim().to_owned());
            }
        })?;
        figures.succeeded = status.success();
        Ok(figures)
    }

    /// A figure as text; empty if it was not printed.
    pub(super) fn text(&self, name: &str) -> &str {
        self.lines.get(name).map_or("", String::as_str)
    }

    /// A figure as a number with a fraction; none if it was not printed.
    pub(super) fn decimal(&self, name: &str) -> Option<f64> {
        self.lines.get(name)?.parse().ok()
    }

    /// A figure as a number; none if it was not printed.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.lines.get(name)?.parse().ok()
    }
}
