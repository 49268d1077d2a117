//! Recovery from broken YAML: the smallest broken parts are reported and taken out, one by one.
//!
//! A part is a line with the lines that are indented deeper. A part that does not parse alone is
//! cut into the parts under its first line, and so on; the innermost one that is broken is
//! replaced by its key without a value, which is marked. The rest then parses as a whole.

mod tabs;

use super::line::{indentation, is_content, is_marker, key, opens_a_block};
use super::{Failure, Marks, Part, hint};
use crate::decode::FINDINGS_MAX;
use crate::diagnostic::{Diagnostic, code};
use crate::span::Span;
use crate::tree::{Tree, Value};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// How deep parts are cut into parts; an object of a fabric has six levels.
const LEVELS_MAX: usize = 8;
/// How many parts of one part are taken out because they do not fit together.
const MISFITS_MAX: usize = 16;
/// Reads what is sound of a text that is not YAML, and reports the rest.
pub(super) fn recover(file: &Arc<str>, text: &str, found: &mut Vec<Diagnostic>) -> Tree {
    let mut patient = Patient {
        file,
        lines: text.lines().map(Cow::Borrowed).collect(),
        marks: Marks::default(),
        anchors: anchors(text),
        found,
        mended: None,
    };
    patient.expand_tabs();
    let whole = 0..patient.lines.len();
    patient.mend(&whole, 0);
    let top = Span { file: file.clone(), line: 1, column: 1 };
    // Without a tree all that was there has been reported and taken out.
    patient.mended.unwrap_or(Tree { span: top, value: Value::Broken })
}

/// The names after `&` anywhere: an alias of one of them may be sound, though not in a part alone.
fn anchors(text: &str) -> BTreeSet<String> {
    let names = text.split('&').skip(1);
    let end = |c: char| c.is_whitespace() || "[]{},".contains(c);
    names.map(|rest| rest.split(end).next().unwrap_or_default().to_owned()).collect()
}

struct Patient<'a> {
    file: &'a Arc<str>,
    lines: Vec<Cow<'a, str>>,
    marks: Marks,
    anchors: BTreeSet<String>,
    found: &'a mut Vec<Diagnostic>,
    /// The whole, when it parses at last.
    mended: Option<Tree>,
}

impl Patient<'_> {
    fn text(&self, part: &Range<usize>) -> String {
        let mut text = String::new();
        for line in &self.lines[part.clone()] {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    fn parse(&mut self, part: &Range<usize>) -> Result<Option<Tree>, Failure> {
        let text = self.text(part);
        let part_ = Part {
            file: self.file,
            text: &text,
            first_line: part.start,
            depth: 0,
            marks: &self.marks,
        };
        let parsed = part_.parse()?;
        if part.len() < self.lines.len() {
            return Ok(parsed.tree);
        }
        self.found.extend(parsed.found);
        self.mended = parsed.tree;
        Ok(None)
    }

    fn span(&self, line: usize, column: usize) -> Span {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let line = number(line + 1);
        let widened = self.marks.widened.get(&line).copied().unwrap_or(0);
        Span {
            file: self.file.clone(),
            line,
            column: number(column).saturating_sub(widened).max(1),
        }
    }

    /// Takes out what keeps `part` from being parsed.
    fn mend(&mut self, part: &Range<usize>, level: usize) {
        if self.found.len() > FINDINGS_MAX {
            return self.take_out(part);
        }
        let mut children: Option<Vec<Range<usize>>> = None;
        for _ in 0..MISFITS_MAX {
            let failure = match self.parse_alone(part, level) {
                Ok(()) => return,
                Err(Failure::UnknownAnchor { found, .. }) => *found,
                Err(Failure::Limit(found)) => {
                    self.found.push(*found);
                    return self.take_out(part);
                }
                Err(Failure::Syntax(found)) => *found,
            };
            if children.is_none() {
                let colon = self.add_colon(part, level);
                let parts =
                    if level < LEVELS_MAX { self.children(part, level) } else { Vec::new() };
                let before = self.found.len();
                parts.iter().for_each(|child| self.mend(child, level + 1));
                children = Some(parts);
                if colon || self.found.len() > before {
                    continue;
                }
            }
            // Each part alone is sound: what is wrong is the first line, or how they stand together.
            let line = (failure.span.line as usize).saturating_sub(1);
            let parts = children.as_deref().unwrap_or_default();
            let Some(child) = parts.iter().find(|child| child.contains(&line)).cloned() else {
                self.report(part, failure);
                return self.take_out(part);
            };
            let first = parts.first().map_or(0, |first| self.indent(first));
            self.report_misfit(&child, failure);
            if self.indent(&child) == first {
                self.take_out(&child);
            } else {
                self.indent_by(&child, first);
            }
        }
        self.take_out(part);
    }

    /// Whether a part parses alone, and is an entry or an item, not only words.
    fn parse_alone(&mut self, part: &Range<usize>, level: usize) -> Result<(), Failure> {
        match self.parse(part) {
            Err(Failure::UnknownAnchor { name, .. })
                if level > 0 && self.anchors.contains(&name) =>
            {
                Ok(())
            }
            Err(failure) => Err(failure),
            Ok(Some(tree)) if level > 0 && matches!(tree.value, Value::Scalar { .. }) => {
                let head = self.head(part).unwrap_or(part.start);
                let found = hint::no_entry(&tree.span, &self.lines[head]);
                Err(Failure::Syntax(Box::new(found)))
            }
            Ok(_) => Ok(()),
        }
    }

    /// Reports a key that stands alone on its line without a colon, and adds it.
    fn add_colon(&mut self, part: &Range<usize>, level: usize) -> bool {
        let Some(head) = self.head(part).filter(|_| level > 0) else { return false };
        let line = self.lines[head].trim_end();
        let word = line.trim_start();
        let name = |c: char| c.is_alphanumeric() || "_-.".contains(c);
        let indent = indentation(line);
        let deeper = |line: &Cow<'_, str>| is_content(line) && indentation(line) > indent;
        let has_body = self.lines[head + 1..part.end].iter().any(deeper);
        if !has_body || word.starts_with('-') || !word.chars().all(name) {
            return false;
        }
        let (word, mended) = (word.to_owned(), format!("{line}:"));
        let span = self.span(head, indent + 1);
        self.found.push(hint::missing_colon(&span, &word));
        self.lines[head] = mended.into();
        true
    }

    fn report(&mut self, part: &Range<usize>, failure: Diagnostic) {
        let lines = self.lines[part.clone()].iter().map(|line| &**line);
        let end = self.last_content(part);
        if failure.code != code::SYNTAX || !failure.message.starts_with("this is not YAML") {
            self.found.push(failure);
        } else if let Some((line, column, what)) = hint::unbalanced(lines) {
            let span = self.span(part.start + line, column);
            self.found.push(hint::unclosed(&span, &what));
        } else if let Some((column, word)) = hint::word_before_bracket(&self.lines[part.start]) {
            let span = self.span(part.start, column);
            self.found.push(hint::missing_colon(&span, word));
        } else if failure.span.line as usize > end + 1 {
            let span = self.span(end, self.lines[end].trim_end().chars().count() + 1);
            self.found.push(Diagnostic { span, ..failure });
        } else {
            self.found.push(failure);
        }
    }

    fn report_misfit(&mut self, child: &Range<usize>, failure: Diagnostic) {
        let head = self.head(child).unwrap_or(child.start);
        if is_marker(&self.lines[head]) || failure.code != code::SYNTAX {
            self.found.push(failure);
            return;
        }
        let span = self.span(head, indentation(&self.lines[head]) + 1);
        self.found.push(hint::misfit(&span, &failure));
    }

    /// How far the first line of a part is indented.
    fn indent(&self, part: &Range<usize>) -> usize {
        self.head(part).map_or(0, |head| indentation(&self.lines[head]))
    }

    /// Moves a part so that its first line is indented by `indent`.
    fn indent_by(&mut self, part: &Range<usize>, indent: usize) {
        let before = self.indent(part);
        for index in part.clone() {
            let line = &self.lines[index];
            let (spaces, number) = (indentation(line), u32::try_from(index + 1));
            let text = format!(
                "{}{}",
                " ".repeat(spaces + indent - before.min(spaces + indent)),
                &line[spaces..]
            );
            let added = u32::try_from(indent.saturating_sub(before)).unwrap_or(0);
            if let Ok(number) = number {
                *self.marks.widened.entry(number).or_default() += added;
            }
            self.lines[index] = text.into();
        }
    }

    fn head(&self, part: &Range<usize>) -> Option<usize> {
        part.clone().find(|index| is_content(&self.lines[*index]))
    }

    fn last_content(&self, part: &Range<usize>) -> usize {
        part.clone().rev().find(|index| is_content(&self.lines[*index])).unwrap_or(part.start)
    }

    /// The parts under the first line of a part; all of them at the margin for the whole text.
    fn children(&self, part: &Range<usize>, level: usize) -> Vec<Range<usize>> {
        let Some(head) = self.head(part) else { return Vec::new() };
        let first_line = &self.lines[head];
        let start = if level == 0 { head } else { head + 1 };
        if level == 0 && first_line.trim_start().starts_with(['{', '['])
            || level > 0 && !opens_a_block(first_line)
        {
            return Vec::new();
        }
        let body = start..part.end;
        let Some(first) = self.head(&body) else { return Vec::new() };
        let indent = indentation(&self.lines[first]);
        if level > 0 && indent <= indentation(first_line) {
            return Vec::new();
        }
        let mut children: Vec<Range<usize>> = Vec::new();
        for index in body {
            let line = &self.lines[index];
            let closes = line.trim_start().starts_with(['}', ']', ',']);
            let starts = is_content(line) && indentation(line) <= indent && !closes;
            match children.last_mut() {
                Some(last) if !starts => last.end = index + 1,
                _ => children.push(index..index + 1),
            }
        }
        children
    }

    /// Leaves of a part its key alone, or its dash, with a mark.
    fn take_out(&mut self, part: &Range<usize>) {
        let Some(head) = self.head(part) else { return };
        let line = self.lines[head].to_string();
        let indent = " ".repeat(indentation(&line));
        let left = match line.trim_start() {
            _ if is_marker(&line) => String::new(),
            item if item == "-" || item.starts_with("- ") => format!("{indent}-"),
            entry => format!("{indent}{}:", key(entry).unwrap_or("\"\"")),
        };
        for index in part.clone() {
            self.lines[index] = Cow::Borrowed("");
        }
        self.lines[head] = left.into();
        let number = u32::try_from(head + 1).unwrap_or(u32::MAX);
        self.marks.broken.insert(number);
        self.marks.widened.remove(&number);
    }
}
