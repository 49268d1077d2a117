//! TOML into the tree; the parser recovers from errors, so all of them are found.

use super::{DEPTH_MAX, Key, Tree, Value};
use crate::diagnostic::{Diagnostic, code};
use crate::span::Span;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads a TOML document.
pub fn read(file: &str, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Tree> {
    let reader = Reader { file: file.into(), lines: line_starts(text), text };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let span = reader.span(error.span().map_or(0, |range| range.start));
        diagnostics.push(Diagnostic::error(
            code::SYNTAX,
            &span,
            format!("this is not TOML: {}", error.message()),
            "the text breaks the grammar of TOML 1.0",
            "mend the line; strings need quotes, and each key may be set once",
        ));
    }
    let span = reader.span(table.span().start);
    let value = reader.table(table.get_ref(), 0, diagnostics);
    Some(Tree { span, value })
}

struct Reader<'a> {
    file: Arc<str>,
    /// Byte offset of each line's beginning.
    lines: Vec<usize>,
    text: &'a str,
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

impl Reader<'_> {
    fn span(&self, offset: usize) -> Span {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let before = self.text.get(self.lines[line - 1]..offset).unwrap_or_default();
        Span {
            file: self.file.clone(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX),
        }
    }

    fn table(&self, table: &DeTable<'_>, depth: usize, found: &mut Vec<Diagnostic>) -> Value {
        let mut entries: Vec<(Key, Tree)> = table
            .iter()
            .map(|(key, value)| {
                let name = key.get_ref().to_string();
                let key = Key { span: self.span(key.span().start), name };
                (key, self.tree(value, depth + 1, found))
            })
            .collect();
        entries.sort_by(|(a, _), (b, _)| a.span.cmp(&b.span));
        Value::Map(entries)
    }

    fn tree(
        &self,
        value: &Spanned<DeValue<'_>>,
        depth: usize,
        found: &mut Vec<Diagnostic>,
    ) -> Tree {
        let span = self.span(value.span().start);
        if depth > DEPTH_MAX {
            found.push(super::yaml::too_deep(&span));
            return Tree { span, value: Value::Null };
        }
        let plain = |text: String| Value::Scalar { text, quoted: false };
        let value = match value.get_ref() {
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
                Value::List(items.iter().map(|item| self.tree(item, depth + 1, found)).collect())
            }
            DeValue::Table(table) => self.table(table, depth, found),
        };
        Tree { span, value }
    }
}
