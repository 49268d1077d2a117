//! What a show has found: figures, and the conditions that they have to meet.

use std::fmt;

/// The result of a show.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    figures: Vec<(String, String)>,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
struct Condition {
    holds: bool,
    name: String,
    expected: String,
    found: String,
}

impl Report {
    /// Adds a figure.
    pub(crate) fn figure(&mut self, name: impl Into<String>, value: impl fmt::Display) {
        self.figures.push((name.into(), value.to_string()));
    }

    /// Adds a figure that must meet a condition; `expected` says which, in words.
    pub(crate) fn require(
        &mut self,
        name: impl Into<String>,
        value: impl fmt::Display,
        holds: bool,
        expected: impl Into<String>,
    ) {
        let (name, found, expected) = (name.into(), value.to_string(), expected.into());
        self.figures.push((name.clone(), found.clone()));
        self.conditions.push(Condition { holds, name, expected, found });
    }

    /// Adds what must be so.
    pub(crate) fn require_yes(&mut self, name: impl Into<String>, holds: bool) {
        self.require(name, if holds { "yes" } else { "no" }, holds, "yes");
    }

    /// Takes over another report, with a word before each name.
    pub(crate) fn absorb(&mut self, word: &str, other: Self) {
        let named = |name: String| format!("{word}: {name}");
        let figures = other.figures.into_iter();
        self.figures.extend(figures.map(|(name, value)| (named(name), value)));
        let conditions = other.conditions.into_iter();
        self.conditions.extend(conditions.map(|one| Condition { name: named(one.name), ..one }));
    }

    /// Whether every condition is met. One without conditions shows nothing, and does not suffice.
    pub(crate) fn suffices(&self) -> bool {
        !self.conditions.is_empty() && self.conditions.iter().all(|condition| condition.holds)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.figures.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in &self.figures {
            let name = format!("{name}:");
            writeln!(f, "  {name:<width$} {value}", width = width + 1)?;
        }
        let met = self.conditions.iter().filter(|condition| condition.holds).count();
        for Condition { name, expected, found, .. } in
            self.conditions.iter().filter(|condition| !condition.holds)
        {
            writeln!(f, "  FELL SHORT {name}: expected {expected}, found {found}")?;
        }
        writeln!(f, "  {met} of {} conditions met", self.conditions.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_aligned_and_shortfalls_named() {
        let mut report = Report::default();
        report.figure("seed", 7);
        report.require("minutes", 3, true, "at most 5");
        assert!(report.suffices());
        report.require("failed", 2, false, "0");
        assert!(!report.suffices());
        let expected = "  seed:    7\n  minutes: 3\n  failed:  2
  FELL SHORT failed: expected 0, found 2\n  1 of 2 conditions met\n";
        assert_eq!(report.to_string(), expected);
    }

    #[test]
    fn a_report_takes_over_another_with_its_shortfalls() {
        let (mut whole, mut part) = (Report::default(), Report::default());
        whole.require("minutes", 3, true, "at most 5");
        part.require("failed", 2, false, "0");
        whole.absorb("lab", part);
        assert!(!whole.suffices());
        assert!(whole.to_string().contains("FELL SHORT lab: failed: expected 0, found 2"));
    }

    #[test]
    fn a_report_without_conditions_does_not_suffice() {
        assert!(!Report::default().suffices());
    }
}
