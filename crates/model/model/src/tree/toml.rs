//! TOML into the tree, with limits; statements that break the grammar are taken out one by one.

mod recover;

use super::{DEPTH_MAX, Key, Tree, UNREADABLE, VALUES_MAX, Value};
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads a TOML document.
///
/// The parser goes on after an error, but drops what it could not place; so each statement with an
/// error is reported once and replaced by its key alone, until the rest parses.
pub fn read(file: &str, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Tree> {
    let file: Arc<str> = file.into();
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Some(Reader::new(&file, text, diagnostics).document(&table));
    }
    let mended = recover::recover(&file, text, diagnostics);
    let (table, _) = DeTable::parse_recoverable(&mended);
    Some(Reader::new(&file, &mended, diagnostics).document(&table))
}

/// Where lines begin, to turn offsets into places.
struct Lines<'a> {
    text: &'a str,
    /// Byte offset of each line's beginning.
    starts: Vec<usize>,
    /// Characters before each block of bytes: a file may be one line of megabytes, with a million
    /// places in it.
    chars: Vec<usize>,
}

/// Bytes of a block.
const BLOCK_BYTES: usize = 1024;

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        let mut chars = vec![0];
        for block in text.as_bytes().chunks(BLOCK_BYTES) {
            chars.push(chars.last().unwrap_or(&0) + count_chars(block));
        }
        Self { text, starts: starts.collect(), chars }
    }

    /// The line of an offset, from 0.
    fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).max(1) - 1
    }

    /// Characters before an offset.
    fn chars_before(&self, offset: usize) -> usize {
        let offset = offset.min(self.text.len());
        let block = offset / BLOCK_BYTES;
        self.chars[block] + count_chars(&self.text.as_bytes()[block * BLOCK_BYTES..offset])
    }

    fn span(&self, file: &Arc<str>, offset: usize) -> Span {
        let line = self.line(offset);
        let before = self.chars_before(offset).saturating_sub(self.chars_before(self.starts[line]));
        Span {
            file: file.clone(),
            line: u32::try_from(line + 1).unwrap_or(u32::MAX),
            column: u32::try_from(before + 1).unwrap_or(u32::MAX),
        }
    }
}

/// How many characters begin in these bytes of UTF-8.
fn count_chars(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

struct Reader<'a> {
    file: &'a Arc<str>,
    lines: Lines<'a>,
    values: usize,
    found: &'a mut Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn new(file: &'a Arc<str>, text: &'a str, found: &'a mut Vec<Diagnostic>) -> Self {
        Self { file, lines: Lines::new(text), values: 0, found }
    }

    fn document(mut self, table: &Spanned<DeTable<'_>>) -> Tree {
        let span = self.span(table.span().start);
        let value = self.table(table.get_ref(), 0);
        Tree { span, value }
    }

    fn span(&self, offset: usize) -> Span {
        self.lines.span(self.file, offset)
    }

    fn table(&mut self, table: &DeTable<'_>, depth: usize) -> Value {
        let mut entries: Vec<(Key, Tree)> = Vec::with_capacity(table.len());
        for (key, value) in table {
            let name = key.get_ref().to_string();
            let broken = name.contains(UNREADABLE);
            let key = Key { span: self.span(key.span().start), name, broken };
            entries.push((key, self.tree(value, depth + 1)));
        }
        entries.sort_by(|(a, _), (b, _)| a.span.cmp(&b.span));
        Value::Map(entries.into())
    }

    fn tree(&mut self, value: &Spanned<DeValue<'_>>, depth: usize) -> Tree {
        let span = self.span(value.span().start);
        if depth > DEPTH_MAX {
            self.found.push(super::yaml::too_deep(&span));
            return Tree { span, value: Value::Broken };
        }
        self.values += 1;
        if self.values > VALUES_MAX {
            if self.values == VALUES_MAX + 1 {
                self.found.push(super::too_many_values(&span));
            }
            return Tree { span, value: Value::Broken };
        }
        let value = match value.get_ref() {
            DeValue::String(text) if text.contains(UNREADABLE) => Value::Broken,
            DeValue::String(text) => Value::Scalar { text: text.to_string(), quoted: true },
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => plain(number.to_string()),
                    Err(_) => plain(number.to_string()),
                }
            }
            DeValue::Float(number) => plain(number.to_string()),
            DeValue::Boolean(truth) => plain(truth.to_string()),
            DeValue::Datetime(time) => plain(time.to_string()),
            DeValue::Array(items) => {
                Value::List(Arc::new(items.iter().map(|item| self.tree(item, depth + 1)).collect()))
            }
            DeValue::Table(table) => self.table(table, depth),
        };
        Tree { span, value }
    }
}

fn plain(text: String) -> Value {
    Value::Scalar { text, quoted: false }
}
