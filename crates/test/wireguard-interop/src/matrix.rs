//! What a run has found, as a table of cases and implementations, and as figures.

use crate::Side;
use crate::cases::Case;
use crate::trials::{self, LeftOut, Opponent, Outcome};
use std::io::{self, Write};

/// Width of an implementation's column.
const COLUMN: usize = 15;
/// Width of the cases' names.
const NAMES: usize = 34;

/// All of it.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// Who was there.
    pub opponents: &'a [Opponent],
    /// Who was not, and why.
    pub missing: &'a [(&'static str, String)],
    /// What was tried.
    pub outcomes: &'a [Outcome],
    /// What was not.
    pub left_out: &'a [LeftOut],
}

impl Matrix<'_> {
    /// Prints every trial, then the table.
    ///
    /// # Errors
    /// Nobody reads it.
    pub fn print_table(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}", trials::heading())?;
        for opponent in self.opponents {
            for outcome in self.of(opponent.name()) {
                writeln!(out, "{outcome}")?;
            }
        }
        writeln!(
            out,
            "\n✓ holds, ✗ does not, – was not tried; first where our end starts, then the other\n"
        )?;
        let names: Vec<&str> = self.names().collect();
        write!(out, "{:<NAMES$}", "")?;
        for name in &names {
            write!(out, " {name:>COLUMN$}")?;
        }
        writeln!(out)?;
        for case in self.cases() {
            write!(out, "{case:<NAMES$}")?;
            for name in &names {
                write!(out, " {:>COLUMN$}", self.cell(name, case))?;
            }
            writeln!(out)?;
        }
        writeln!(out)?;
        for (number, LeftOut { opponent, case, initiator, reason }) in (1..).zip(self.left_out) {
            writeln!(out, "[{number}] {opponent}, {case}, {initiator}: {reason}")?;
        }
        for opponent in self.opponents {
            let Opponent::Stock(program) = opponent else { continue };
            if let Some(remark) = program.implementation.remark() {
                writeln!(out, "{} – {remark}", opponent.name())?;
            }
        }
        for (name, reason) in self.missing {
            writeln!(out, "SKIPPED {name} (all of its column): {reason}")?;
        }
        writeln!(out)
    }

    /// Prints the figures, each on a line of its own.
    ///
    /// # Errors
    /// Nobody reads it.
    pub fn print_figures(&self, out: &mut impl Write) -> io::Result<()> {
        for opponent in self.opponents {
            let (passed, failed): (Vec<_>, Vec<_>) =
                self.of(opponent.name()).partition(|one| one.result.is_ok());
            let version = match opponent {
                Opponent::Stock(program) => program.version.as_str(),
                Opponent::Control => {
                    concat!("netloom ", env!("CARGO_PKG_VERSION"), ", as a control")
                }
            };
            let (passed, failed) = (passed.len(), failed.len());
            writeln!(out, "{}: {passed} passed, {failed} failed ({version})", opponent.name())?;
        }
        for (name, reason) in self.missing {
            writeln!(out, "{name}: SKIPPED, {reason}")?;
        }
        let found = || self.outcomes.iter().filter_map(|outcome| outcome.result.as_ref().ok());
        let failed = self.outcomes.iter().filter(|outcome| outcome.result.is_err()).count();
        for (name, value) in [
            ("trials", self.outcomes.len() as u64),
            ("bytes compared", found().map(|evidence| evidence.bytes).sum()),
            ("rekeys under traffic", found().map(|evidence| evidence.rekeys).sum()),
            ("moves followed", found().map(|evidence| evidence.moves).sum()),
            ("cookies under a flood", found().map(|evidence| evidence.cookies).sum()),
            ("left out", self.left_out.len() as u64),
            ("failed", failed as u64),
        ] {
            writeln!(out, "{name}: {value}")?;
        }
        Ok(())
    }

    fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Outcome> {
        self.outcomes.iter().filter(move |one| one.trial.opponent.name() == name)
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        let missing = self.missing.iter().map(|(name, _)| *name);
        self.opponents.iter().map(Opponent::name).chain(missing)
    }

    /// Each case once, in the order in which they were tried.
    fn cases(&self) -> Vec<Case> {
        let mut cases: Vec<Case> = Vec::new();
        let tried = self.outcomes.iter().map(|outcome| outcome.trial.case);
        for case in tried.chain(self.left_out.iter().map(|one| one.case)) {
            if !cases.contains(&case) {
                cases.push(case);
            }
        }
        cases
    }

    fn cell(&self, name: &str, case: Case) -> String {
        let notes = (1..).zip(self.left_out);
        let own = notes.filter(|(_, one)| one.opponent == name && one.case == case);
        let notes: Vec<String> = own.map(|(number, _)| format!("[{number}]")).collect();
        let marks = Side::BOTH.map(|initiator| {
            let is_it = |one: &&Outcome| one.trial.case == case && one.trial.initiator == initiator;
            match self.of(name).find(is_it).map(|one| one.result.is_ok()) {
                Some(true) => "✓",
                Some(false) => "✗",
                None => "–",
            }
        });
        let marks = marks.join(" ");
        if notes.is_empty() { marks } else { format!("{marks} {}", notes.concat()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Family;
    use crate::cases::Evidence;
    use crate::trials::Trial;
    use std::time::Duration;

    #[test]
    fn the_table_says_what_held_what_did_not_and_what_was_not_tried() {
        let outcome = |case, initiator, result| Outcome {
            trial: Trial { opponent: Opponent::Control, case, initiator },
            result,
            duration: Duration::ZERO,
        };
        let broken = || Err(anyhow::anyhow!("it breaks"));
        let handshake = Case::Handshake(Family::Ipv4);
        let outcomes = [
            outcome(handshake, Side::Ours, Ok(Evidence::default())),
            outcome(handshake, Side::Theirs, broken()),
            outcome(Case::Stranger, Side::Theirs, Ok(Evidence::default())),
        ];
        let matrix = Matrix {
            opponents: &[Opponent::Control],
            missing: &[("gotatun", "it is not installed".to_owned())],
            outcomes: &outcomes,
            left_out: &[LeftOut {
                opponent: "netloom",
                case: Case::Keepalive,
                initiator: Side::Ours,
                reason: "it has none",
            }],
        };
        let mut text = Vec::new();
        matrix.print_table(&mut text).unwrap();
        matrix.print_figures(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let line = |start: &str, cells: &str| {
            let of_table = |line: &&str| line.starts_with(start) && line.ends_with(cells);
            assert!(text.lines().any(|line| of_table(&line)), "{start} {cells}: {text}");
        };
        line("handshake over IPv4", "✓ ✗             – –");
        line("stranger", "– ✓             – –");
        line("keepalive", "– – [1]             – –");
        assert!(
            text.contains("[1] netloom, keepalive without traffic, ours: it has none"),
            "{text}"
        );
        assert!(text.contains("SKIPPED gotatun"), "{text}");
        assert!(text.ends_with("failed: 1\n"), "{text}");
    }
}
