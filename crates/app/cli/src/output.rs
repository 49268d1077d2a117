//! Writing to the terminal. What cannot be written to standard output is told at the end and fails the command, which
//! goes on meanwhile: nothing is left half done since a disk is full. A reader that has gone away is no failure.

use netloom_model::words::counted;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::OnceLock;

/// Why standard output takes no more, once it does not.
static LOST: OnceLock<std::io::Error> = OnceLock::new();

/// Writes to standard output, as long as that takes anything.
pub(crate) fn print(text: &str) {
    if LOST.get().is_none()
        && let Err(error) = try_print(text)
    {
        let _ = LOST.set(error);
    }
}

/// Writes to standard output what must not be lost, such as a key.
pub(crate) fn try_print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    // What stays in the buffer would be lost at the end without a word.
    out.flush()
}

/// Whether nobody hears any more: what only prints, again and again, ends.
pub(crate) fn is_lost() -> bool {
    LOST.get().is_some()
}

/// The exit code of a command, which has failed if its output is lost; a pipe that was closed had enough.
pub(crate) fn finished(code: ExitCode) -> ExitCode {
    match LOST.get().filter(|why| why.kind() != ErrorKind::BrokenPipe) {
        None => code,
        Some(why) => {
            error(&format!(
                "error: cannot write to standard output: {why}; what the command was to do is done as far as nothing else \
                 is said: make room, or write elsewhere, before asking again\n"
            ));
            ExitCode::FAILURE
        }
    }
}

/// Writes a value as JSON to standard output.
pub(crate) fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?));
    Ok(())
}

/// Writes to standard error; there is nobody left to tell if that fails.
pub(crate) fn error(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// An error with its causes; a cause that an outer text already tells is not told again.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.contains(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    text
}

/// Marks of success and failure, in colour where a person reads.
pub(crate) fn mark(good: bool) -> &'static str {
    match (good, std::io::stdout().is_terminal()) {
        (true, true) => "\x1b[32m✓\x1b[0m",
        (false, true) => "\x1b[31m✗\x1b[0m",
        (true, false) => "✓",
        (false, false) => "✗",
    }
}

/// How many of a file's tests hold.
pub(crate) fn holding(holding: usize, all: usize) -> String {
    let hold = if all == 1 { "holds" } else { "hold" };
    format!("{holding} of {} {hold}", counted(all, "test"))
}

/// Columns as wide as their widest cell; the last one is not filled up.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.chars().count())))
            .collect();
        text.push_str("  ");
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_test_holds_and_several_hold() {
        assert_eq!(super::holding(1, 1), "1 of 1 test holds");
        assert_eq!(super::holding(1, 2), "1 of 2 tests hold");
    }

    #[test]
    fn a_cause_is_told_once() {
        let inner = std::io::Error::other("the disk is full");
        let error = anyhow::Error::from(inner).context("cannot write: the disk is full");
        assert_eq!(
            super::chain(&error.context("no backup")),
            "no backup: cannot write: the disk is full"
        );
    }
}
