//! Counts tests from what test programs print: the common harness, and harnesses of our own.

use std::fmt;

/// How many tests there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// They ran and hold.
    pub(crate) passed: u64,
    /// They ran and do not hold.
    pub(crate) failed: u64,
    /// They could not run here, or are switched off.
    pub(crate) skipped: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

impl Counts {
    /// Reads the line that [`fmt::Display`] writes.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (passed, rest) = line.trim().split_once(" passed, ")?;
        let failed = rest.strip_suffix(" failed")?;
        Some(Self { passed: passed.parse().ok()?, failed: failed.parse().ok()?, skipped: 0 })
    }
}

/// Reads lines and keeps count.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    total: Counts,
    /// Whether the program that prints now is one of the common harness, which prints a sum.
    sums_up: bool,
}

impl Counter {
    /// Reads a line.
    pub(crate) fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["running", number, "test" | "tests"] if number.parse::<u64>().is_ok() => {
                self.sums_up = true;
            }
            ["test", "result:", rest @ ..] => {
                self.sums_up = false;
                self.sum(rest);
            }
            ["test", .., "...", word] if !self.sums_up => match *word {
                "ok" => self.total.passed += 1,
                "FAILED" => self.total.failed += 1,
                "SKIPPED" => self.total.skipped += 1,
                _ => {}
            },
            _ => {}
        }
    }

    /// `ok. 3 passed; 0 failed; 1 ignored; …`
    fn sum(&mut self, words: &[&str]) {
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<u64>() else { continue };
            match pair[1] {
                "passed;" => self.total.passed += number,
                "failed;" => self.total.failed += number,
                "ignored;" => self.total.skipped += number,
                _ => {}
            }
        }
    }

    /// The sum over all programs.
    pub(crate) fn total(&self) -> Counts {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_harness_are_counted_once() {
        let printed = "
test kernel_works ... ok
test kernel_breaks ... FAILED
test kernel_cannot ... SKIPPED

failed: kernel_breaks
running 3 tests
test a ... ok
test b ... FAILED
test c ... ignored
test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
test other_harness ... ok
running 1 test
test d ... ok
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";
        let mut counter = Counter::default();
        printed.lines().for_each(|line| counter.line(line));
        assert_eq!(counter.total(), Counts { passed: 4, failed: 2, skipped: 2 });
    }

    #[test]
    fn the_closing_line_can_be_read_again() {
        let counts = Counts { passed: 12, failed: 3, skipped: 0 };
        assert_eq!(Counts::parse(&counts.to_string()), Some(counts));
        assert_eq!(Counts::parse("12 passed; 3 failed"), None);
    }
}
