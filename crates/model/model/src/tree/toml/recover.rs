//! Recovery from broken TOML: each statement with an error is reported once and cut down to its key.

use super::{Lines, UNREADABLE};
use crate::decode::FINDINGS_MAX;
use crate::diagnostic::{Diagnostic, code};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use toml::de::{DeTable, Error};

/// How often the rest is parsed again; each time, what the errors before have hidden comes out.
const ROUNDS_MAX: usize = 24;
/// Most bytes that are parsed again in all rounds together.
const BYTES_MAX: usize = 64 << 20;

/// Reports all errors of `text`, and gives it back without what is broken, line by line in place.
pub(super) fn recover(file: &Arc<str>, text: &str, found: &mut Vec<Diagnostic>) -> String {
    let mut lines: Vec<Cow<'_, str>> = text.lines().map(Cow::Borrowed).collect();
    let mut parsed_bytes = 0;
    for _ in 0..ROUNDS_MAX {
        let current = join(&lines);
        let (_, errors) = DeTable::parse_recoverable(&current);
        parsed_bytes += current.len();
        let places = Lines::new(&current);
        // One statement has one finding: what a parser says after the first is mostly its echo.
        let mut first: BTreeMap<usize, (usize, Error)> = BTreeMap::new();
        for error in errors.into_iter().take(FINDINGS_MAX) {
            let offset = error.span().map_or(0, |range| range.start);
            let line = place(&lines, &places, offset, &error);
            let statement = statement(&lines, line);
            if first.get(&statement).is_none_or(|(before, _)| offset < *before) {
                first.insert(statement, (offset, error));
            }
        }
        if first.is_empty() {
            break;
        }
        let mut table_end = 0;
        for (statement, (offset, error)) in &first {
            // What is under a table that is renamed or mended looks different after that.
            if *statement < table_end {
                continue;
            }
            let begins = |line: &Cow<'_, str>| line.trim_start().starts_with('[');
            if begins(&lines[*statement]) {
                let next = lines[*statement + 1..].iter().position(begins);
                table_end = next.map_or(lines.len(), |next| *statement + 1 + next);
            }
            let line = place(&lines, &places, *offset, error);
            // What was put there by the last round is no news.
            if !lines[*statement].contains(UNREADABLE) {
                found.push(finding(file, &places, line, *offset, error));
            }
            take_out(&mut lines, *statement, line, is_duplicate(error.message()));
        }
        if parsed_bytes > BYTES_MAX || found.len() > FINDINGS_MAX {
            break;
        }
    }
    join(&lines)
}

fn join(lines: &[Cow<'_, str>]) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// The line that an error is about: one found at the end of the text belongs to the last line.
fn place(lines: &[Cow<'_, str>], places: &Lines<'_>, offset: usize, error: &Error) -> usize {
    let line = places.line(offset).min(lines.len().saturating_sub(1));
    let at_start = places.starts.get(line) == Some(&offset);
    let unclosed = error.message().contains("unclosed") || error.message().contains("missing");
    if at_start && unclosed { line.saturating_sub(1) } else { line }
}

fn finding(
    file: &Arc<str>,
    places: &Lines<'_>,
    line: usize,
    offset: usize,
    error: &Error,
) -> Diagnostic {
    let start = places.starts.get(line).copied().unwrap_or(0);
    let end = places.starts.get(line + 1).map_or(places.text.len(), |next| next - 1);
    let span = places.span(file, offset.clamp(start, end));
    let message = error.message();
    if is_duplicate(message) {
        return Diagnostic::error(
            code::DUPLICATE,
            &span,
            "this key or table is declared a second time",
            format!("TOML sets each key once: {message}"),
            "merge the two, or rename one of them",
        );
    }
    Diagnostic::error(
        code::SYNTAX,
        &span,
        format!("this is not TOML: {message}"),
        "the text breaks the grammar of TOML 1.0",
        "mend the line; keys are followed by `=`, and strings stand in quotes",
    )
}

fn is_duplicate(message: &str) -> bool {
    message.contains("duplicate key") || message.contains("cannot extend")
}

/// The first line of the statement that `line` belongs to.
fn statement(lines: &[Cow<'_, str>], line: usize) -> usize {
    let begins = |index: &usize| {
        let text = lines[*index].trim_start();
        // A pair without its `=` is known only by the error that is in it.
        let is_pair = |rest: &str| {
            rest.starts_with('=') || *index == line && !rest.starts_with([',', ']', '}'])
        };
        text.starts_with(['[', '{']) || key(text).is_some_and(|(_, rest)| is_pair(rest))
    };
    let near = (0..=line).rev().take(STATEMENT_LINES_MAX);
    near.into_iter().find(begins).unwrap_or(line)
}

/// How far back the beginning of a statement is looked for.
const STATEMENT_LINES_MAX: usize = 200;

/// The key that a line begins with, and what follows.
fn key(line: &str) -> Option<(&str, &str)> {
    let is_key = |c: char| c.is_ascii_alphanumeric() || "_-.\"'".contains(c);
    let end = line.find(|c| !is_key(c)).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    (!name.is_empty()).then(|| (name, rest.trim_start()))
}

/// Leaves of a statement its key with a value that is marked unreadable, or its table's name.
fn take_out(lines: &mut [Cow<'_, str>], first: usize, last: usize, duplicate: bool) {
    let line = lines[first].trim().to_owned();
    let again = line.contains(UNREADABLE);
    let number = first + 1;
    let comma = if lines[last].trim_end().ends_with(',') { "," } else { "" };
    let unreadable = format!("\"{UNREADABLE}{number}\"");
    let left = if again {
        String::new()
    } else if line.starts_with("[[") {
        let name = name(&line).filter(|_| !duplicate);
        format!("[[{}]]", name.unwrap_or(&unreadable))
    } else if line.starts_with('[') && comma.is_empty() {
        table(&line, &unreadable)
    } else if line.starts_with(['{', '[', '"', '\'']) && key_of_pair(&line).is_none() {
        format!("{unreadable}{comma}")
    } else {
        let key = key_of_pair(&line).filter(|_| !duplicate).unwrap_or(&unreadable);
        format!("{key} = {unreadable}{comma}")
    };
    for line in &mut lines[first..=last] {
        *line = Cow::Borrowed("");
    }
    lines[first] = left.into();
}

/// A table's header, mended; a second time it gets a name of its own, or it would be a duplicate.
fn table(line: &str, unreadable: &str) -> String {
    let sound = line.ends_with(']');
    match name(line) {
        Some(name) if !sound => format!("[{name}]"),
        Some(name) => match name.rsplit_once('.') {
            Some((parent, _)) => format!("[{parent}.{unreadable}]"),
            None => format!("[{unreadable}]"),
        },
        None => format!("[{unreadable}]"),
    }
}

/// The name in a table's header.
fn name(header: &str) -> Option<&str> {
    let (name, _) = key(header.trim_start_matches('['))?;
    let sound = !name.contains(['"', '\'']) && !name.starts_with('.') && !name.ends_with('.');
    (sound && !name.contains("..")).then_some(name)
}

/// The key of a pair, if it is one that can be kept.
fn key_of_pair(line: &str) -> Option<&str> {
    let (name, rest) = key(line)?;
    let bare = !name.contains(['"', '\'', '.']);
    let begins_value = !rest.starts_with([',', ']', '}']);
    (bare && begins_value).then_some(name)
}
