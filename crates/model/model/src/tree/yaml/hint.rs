//! What is most likely wrong with lines that are not YAML: what a parser notices late, said where it begins.

use crate::diagnostic::{Diagnostic, code};
use crate::span::Span;

/// A bracket or quote that opens and is never closed, or closes and was never opened: its place
/// (line from 0, column from 1) and what is wrong with it.
pub(super) fn unbalanced<'a>(
    lines: impl Iterator<Item = &'a str>,
) -> Option<(usize, usize, String)> {
    let mut scan = Scan::default();
    for (number, line) in lines.enumerate() {
        scan.line(number, line);
        if scan.found.is_some() {
            return scan.found;
        }
    }
    if let Some((mark, line, column)) = scan.quote {
        return Some((line, column, format!("the quote {mark} is never closed")));
    }
    let (bracket, line, column) = scan.open.pop()?;
    Some((line, column, format!("the bracket `{bracket}` is never closed")))
}

#[derive(Default)]
struct Scan {
    open: Vec<(char, usize, usize)>,
    quote: Option<(char, usize, usize)>,
    /// Whether a flow collection has just been closed, so that nothing may follow on its line.
    closed: bool,
    found: Option<(usize, usize, String)>,
}

impl Scan {
    fn line(&mut self, number: usize, line: &str) {
        let mut before = ' ';
        // Whether a new value may begin here: only there are quotes and brackets more than letters.
        let mut fresh = true;
        let mut chars = line.chars().enumerate();
        self.closed = false;
        while let Some((index, c)) = chars.next() {
            let column = index + 1;
            if let Some((mark, ..)) = self.quote {
                match c {
                    '\\' if mark == '"' => drop(chars.next()),
                    _ if c == mark => self.quote = None,
                    _ => {}
                }
                (before, fresh) = (c, false);
                continue;
            }
            match c {
                '#' if before.is_whitespace() => return,
                '"' | '\'' if fresh => self.quote = Some((c, number, column)),
                '{' | '[' if fresh || !self.open.is_empty() => self.open.push((c, number, column)),
                '}' | ']' => self.close(c, number, column),
                _ => {}
            }
            if self.found.is_some() {
                return;
            }
            fresh = match c {
                ' ' | '\t' => fresh || matches!(before, ':' | ',' | '-'),
                '{' | '[' | ',' => true,
                _ => false,
            };
            before = c;
        }
    }

    fn close(&mut self, c: char, line: usize, column: usize) {
        let opens = if c == '}' { '{' } else { '[' };
        match self.open.pop() {
            Some((bracket, ..)) if bracket == opens => self.closed = self.open.is_empty(),
            Some((bracket, line, column)) => {
                let what = format!("the bracket `{bracket}` is not closed before `{c}`");
                self.found = Some((line, column, what));
            }
            None if self.closed => {
                let what = format!("the bracket `{c}` closes nothing that is open");
                self.found = Some((line, column, what));
            }
            None => {}
        }
    }
}

/// The finding for a bracket or quote without its other half.
pub(super) fn unclosed(span: &Span, what: &str) -> Diagnostic {
    Diagnostic::error(
        code::SYNTAX,
        span,
        format!("this is not YAML: {what}"),
        "what opens must close, in order, or the lines after it are read as a part of it",
        "add what is missing, or remove what is too much",
    )
}

/// A word at the beginning of a line that only blanks part from a bracket: its column and itself.
pub(super) fn word_before_bracket(line: &str) -> Option<(usize, &str)> {
    let (word, rest) = line.trim_start().split_once(' ')?;
    let is_word = word.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c));
    let indent = line.len() - line.trim_start().len();
    let found = is_word && word != "-" && rest.trim_start().starts_with(['{', '[']);
    found.then_some((indent + 1, word))
}

/// The finding for a key without its colon.
pub(super) fn missing_colon(span: &Span, word: &str) -> Diagnostic {
    Diagnostic::error(
        code::SYNTAX,
        span,
        format!("a colon is missing after `{word}`"),
        "a key is followed by a colon and a space, then comes its value",
        format!("write `{word}: …`"),
    )
}

/// The finding for a line that is neither a key nor an item.
pub(super) fn no_entry(span: &Span, line: &str) -> Diagnostic {
    let line = line.trim();
    match line.split_once(':') {
        Some((key, value)) if !value.starts_with(' ') && !key.contains(' ') => Diagnostic::error(
            code::SYNTAX,
            span,
            format!("a space is missing after `{key}:`"),
            "to YAML a colon without a space is a letter like any other",
            "write a space after the colon",
        ),
        Some(_) | None => {
            let word = line.split([' ', '=']).next().unwrap_or_default();
            missing_colon(span, word)
        }
    }
}

/// The finding for a tab before the text of a line.
pub(super) fn tab(span: &Span) -> Diagnostic {
    Diagnostic::error(
        code::SYNTAX,
        span,
        "a tab indents this line",
        "YAML is indented with spaces only: how wide a tab is depends on the editor",
        "replace the tab by spaces, and let the editor do so for .yaml files",
    )
}

/// The finding for lines that are sound alone, but not where they stand.
pub(super) fn misfit(span: &Span, parser: &Diagnostic) -> Diagnostic {
    Diagnostic::error(
        code::SYNTAX,
        span,
        "this line does not fit to those around it",
        format!(
            "entries of one map begin in the same column, and lists and maps do not mix; {}",
            parser.message
        ),
        "indent it like the lines that it belongs to",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_quotes_are_named_where_they_begin() {
        for (text, found) in [
            ("a: { b: c", Some((0, 4))),
            ("a: { b: [c }", Some((0, 9))),
            ("a: \"b", Some((0, 4))),
            ("a: [x,\n  'y", Some((1, 3))),
            ("a: {b: 1}}", Some((0, 10))),
            ("a: {b: 1} # }", None),
            ("a: it's", None),
            ("a: \"x\\\"y\"", None),
            ("a: b{c", None),
            ("- [é, \"ü]", Some((0, 7))),
        ] {
            let at = unbalanced(text.lines()).map(|(line, column, _)| (line, column));
            assert_eq!(at, found, "{text}");
        }
    }
}
