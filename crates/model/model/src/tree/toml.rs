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
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        Self { text, starts: starts.collect() }
    }

    /// The line of an offset, from 0.
    fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).max(1) - 1
    }

    fn span(&self, file: &Arc<str>, offset: usize) -> Span {
        let line = self.line(offset);
        let before = self.text.get(self.starts[line]..offset).unwrap_or_default();
        Span {
            file: file.clone(),
            line: u32::try_from(line + 1).unwrap_or(u32::MAX),
            column: u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX),
        }
    }
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
        Value::Map(entries)
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
                Value::List(items.iter().map(|item| self.tree(item, depth + 1)).collect())
            }
            DeValue::Table(table) => self.table(table, depth),
        };
        Tree { span, value }
    }
}

fn plain(text: String) -> Value {
    Value::Scalar { text, quoted: false }
}
