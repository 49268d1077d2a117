//! A YAML text read entry by entry of its sections: those that were read before are not parsed again.
//!
//! ```text
//! nodes:              a header: what is indented under it are parts of their own
//!   alpha: { … }      a part
//!   beta:             a part, with what is indented deeper
//!     region: here
//! version: 1          a part, as all keys with something on their line
//! ```
//! What one part holds does not depend on another. Where that is not sure, nothing is taken apart.

use super::line::{indentation, is_content, is_marker};
use super::part::{Marks, Parsed, Part};
use crate::tree::remembered::{Pieces, Read};
use crate::tree::{Key, Tree, VALUES_MAX, Value};
use std::sync::Arc;

/// Reads a document of which `known` has been read before, and makes it what this one holds. None
/// for one that has to be read whole: it is broken, or its entries depend on each other.
pub(in crate::tree) fn read_pieces(file: &str, text: &str, known: &mut Pieces) -> Option<Tree> {
    let mut before = std::mem::take(known);
    let file: Arc<str> = file.into();
    let (mut sections, mut values): (Vec<(Key, Tree)>, usize) = (Vec::new(), 1);
    for piece in pieces(text)? {
        let read = match before.remove_entry(piece.text) {
            Some((text, read)) => known.entry(text).or_insert(read),
            None if known.contains_key(piece.text) => known.get_mut(piece.text)?,
            None => known.entry(piece.text.to_owned()).or_insert(read_piece(&file, &piece)?),
        };
        values += read.values;
        let entries = read.at(piece.first_line);
        match sections.last_mut() {
            Some((_, section)) if piece.depth == 1 => {
                let (first, _) = entries.first()?;
                if section.value == Value::Null {
                    let value = Value::Map(Arc::default());
                    *section = Tree { span: first.span.clone(), value };
                }
                let Value::Map(inner) = &mut section.value else { return None };
                Arc::make_mut(inner).extend_from_slice(entries);
            }
            _ => sections.extend_from_slice(entries),
        }
    }
    let (first, _) = sections.first()?;
    let span = first.span.clone();
    (values <= VALUES_MAX).then_some(Tree { span, value: Value::Map(sections.into()) })
}

/// The entries of a piece, if there are any and there is nothing to say of them.
fn read_piece(file: &Arc<str>, piece: &Piece<'_>) -> Option<Read> {
    let Piece { text, first_line, depth, is_header } = *piece;
    let part = Part { file, text, first_line, depth, marks: &Marks::default() };
    let Parsed { tree, values, found } = part.parse().ok()?;
    let Value::Map(entries) = tree?.value else { return None };
    let sound = found.is_empty()
        && (!is_header || matches!(entries.as_slice(), [(_, tree)] if tree.value == Value::Null));
    sound.then_some(Read { first_line, entries, values })
}

/// Lines of a text that are parsed on their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece<'a> {
    text: &'a str,
    /// How many lines of the text stand before it.
    first_line: usize,
    /// How many maps it stands in.
    depth: usize,
    /// Whether the pieces after it, down to the next one that is no deeper, are entries of it.
    is_header: bool,
}

/// The pieces of a text, or none where they could depend on each other.
fn pieces(text: &str) -> Option<Vec<Piece<'_>>> {
    // Anchors, aliases and tags reach beyond their line; tabs and other ends of lines are columns
    // that depend on what stands around them.
    if text.contains(['&', '*', '!', '\t', '\r', '\u{feff}', '\u{85}', '\u{2028}', '\u{2029}']) {
        return None;
    }
    let mut cutter = Cutter { text, pieces: Vec::new(), start: 0, line: 0, depth: 0, inner: None };
    let (mut at, mut opens, mut is_first) = (0, false, true);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if is_marker(line) {
            return None;
        }
        if is_content(line) {
            let indent = indentation(line);
            if indent == 0 && begins_with_key(line) {
                cutter.cut(at, number, 0);
                cutter.inner = None;
                opens = is_header(line);
                is_first = false;
            } else if is_first {
                return None;
            } else if opens {
                // What it is that the header holds shows at its first line.
                opens = false;
                if indent > 0 && begins_with_key(&line[indent..]) {
                    cutter.header(at, number);
                    cutter.inner = Some(indent);
                }
            } else if let Some(inner) = cutter.inner {
                if indent < inner {
                    return None;
                }
                if indent == inner && begins_with_key(&line[indent..]) {
                    cutter.cut(at, number, 1);
                }
            }
        }
        at += line.len();
    }
    cutter.cut(text.len(), 0, 0);
    Some(cutter.pieces)
}

struct Cutter<'a> {
    text: &'a str,
    pieces: Vec<Piece<'a>>,
    /// Where the piece begins that is looked at.
    start: usize,
    line: usize,
    depth: usize,
    /// How far the entries of a header are indented.
    inner: Option<usize>,
}

impl Cutter<'_> {
    /// Ends a piece at a byte, where another one begins in a line.
    fn cut(&mut self, at: usize, line: usize, depth: usize) {
        // What stands before the first key are comments.
        if !self.pieces.is_empty() || self.text[..at].lines().any(is_content) {
            self.push(at, false);
            (self.start, self.line) = (at, line);
        }
        self.depth = depth;
    }

    /// Ends a header at a byte, where its first entry begins in a line.
    fn header(&mut self, at: usize, line: usize) {
        self.push(at, true);
        (self.start, self.line, self.depth) = (at, line, 1);
    }

    fn push(&mut self, at: usize, is_header: bool) {
        let text = &self.text[self.start..at];
        self.pieces.push(Piece { text, first_line: self.line, depth: self.depth, is_header });
    }
}

/// Whether a text begins with a key that is a plain word.
fn begins_with_key(text: &str) -> bool {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c)));
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    let is_separate = rest.strip_prefix(':').is_some_and(|rest| rest.starts_with([' ', '\n']));
    word.starts_with(|c: char| c.is_ascii_alphanumeric()) && is_separate
}

/// Whether a key stands alone in its line.
fn is_header(line: &str) -> bool {
    let rest = line.split_once(':').map_or("", |(_, rest)| rest).trim();
    rest.is_empty() || rest.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<Vec<(usize, usize, bool, &str)>> {
        let pieces = pieces(text)?;
        let shown = pieces.into_iter();
        Some(shown.map(|one| (one.first_line, one.depth, one.is_header, one.text)).collect())
    }

    #[test]
    fn entries_are_pieces_with_what_is_indented_deeper() {
        let text = "# a\nversion: 1\nnodes: # those\n  # one\n  a: {}\n  b:\n    region: x\n\ntests:\n- from: a\n";
        let expected = [
            (0, 0, false, "# a\nversion: 1\n"),
            (2, 0, true, "nodes: # those\n  # one\n"),
            (4, 1, false, "  a: {}\n"),
            (5, 1, false, "  b:\n    region: x\n\n"),
            (8, 0, false, "tests:\n- from: a\n"),
        ];
        assert_eq!(shown(text).as_deref(), Some(expected.as_slice()));
    }

    #[test]
    fn what_could_reach_beyond_its_line_is_not_taken_apart() {
        for text in ["a: &x 1\nb: *x\n", "a: !t 1\n", "a:\n\tb: 1\n", "---\na: 1\n", "a: 1\r\n"] {
            assert_eq!(pieces(text), None, "{text:?}");
        }
        assert_eq!(pieces("a:\n    b: 1\n  c: 2\n"), None);
    }

    #[test]
    fn lists_and_texts_stay_whole() {
        for text in
            ["a:\n  - b: 1\n    c: 2\n  - d\n", "a: |\n  b: 1\n  c: 2\n", "a:\n  b c\n  d\n"]
        {
            assert_eq!(shown(text), Some(vec![(0, 0, false, text)]));
        }
    }
}
