//! YAML into the tree, with limits, and with recovery: a broken section does not hide the others.

use super::{DEPTH_MAX, Key, Tree, VALUES_MAX, Value};
use crate::diagnostic::{Diagnostic, code};
use crate::span::Span;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span as Range, StrInput};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reads a YAML document.
///
/// If it cannot be parsed whole, its sections (the keys at the left margin, then their entries)
/// are parsed one by one, so that every broken one is reported and the sound ones are kept.
pub fn read(file: &str, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Tree> {
    let file: Arc<str> = file.into();
    match parse(&file, text, 0) {
        Ok(tree) => tree,
        Err(Failure::Limit(diagnostic)) => {
            diagnostics.push(*diagnostic);
            None
        }
        Err(Failure::Syntax(first)) => {
            let before = diagnostics.len();
            let tree = read_sections(&file, text, diagnostics);
            if diagnostics.len() == before {
                // Each part alone is sound; what is wrong is how they stand together.
                diagnostics.push(*first);
            }
            Some(tree)
        }
    }
}

/// The finding for a value nested too deeply.
pub(super) fn too_deep(span: &Span) -> Diagnostic {
    Diagnostic::error(
        code::LIMIT,
        span,
        "this is nested too deeply",
        format!("maps and lists may be nested {DEPTH_MAX} deep"),
        "flatten it; no object of a fabric needs more than six levels",
    )
}

// === recovery ===

fn read_sections(file: &Arc<str>, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Tree {
    let mut entries = Vec::new();
    for section in split(text, 0) {
        let body = section.text(text);
        match parse(file, body, section.first_line) {
            Ok(tree) => entries.extend(map_entries(tree)),
            Err(Failure::Limit(found)) => diagnostics.push(*found),
            Err(Failure::Syntax(found)) => {
                let before = diagnostics.len();
                entries.extend(read_entries(file, body, section.first_line, diagnostics));
                if diagnostics.len() == before {
                    diagnostics.push(*found);
                }
            }
        }
    }
    Tree { span: Span { file: file.clone(), line: 1, column: 1 }, value: Value::Map(entries) }
}

/// The entries of one broken section, each parsed below the section's own first line.
fn read_entries(
    file: &Arc<str>,
    section: &str,
    first_line: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(Key, Tree)> {
    let (head, body) = section.split_once('\n')?;
    let name = head.split_once(':')?.0.trim();
    let indent = body.lines().find(|line| is_content(line)).map(indentation)?;
    let mut entries = Vec::new();
    for entry in split(body, indent) {
        match parse(file, entry.text(body), first_line + 1 + entry.first_line) {
            Ok(tree) => entries.extend(map_entries(tree)),
            Err(Failure::Limit(found) | Failure::Syntax(found)) => diagnostics.push(*found),
        }
    }
    let line = u32::try_from(first_line + 1).unwrap_or(u32::MAX);
    let span = Span { file: file.clone(), line, column: 1 };
    let key = Key { span: span.clone(), name: name.to_owned() };
    Some((key, Tree { span, value: Value::Map(entries) }))
}

fn map_entries(tree: Option<Tree>) -> Vec<(Key, Tree)> {
    match tree.map(|tree| tree.value) {
        Some(Value::Map(entries)) => entries,
        Some(Value::Null | Value::Scalar { .. } | Value::List(_)) | None => Vec::new(),
    }
}

struct Section {
    first_line: usize,
    bytes: std::ops::Range<usize>,
}

impl Section {
    fn text<'a>(&self, whole: &'a str) -> &'a str {
        &whole[self.bytes.clone()]
    }
}

/// Cuts `text` before every line of content that is indented by `indent` or less.
fn split(text: &str, indent: usize) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut offset = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let starts = is_content(line) && indentation(line) <= indent;
        let end = offset + line.len();
        match sections.last_mut() {
            Some(last) if !starts => last.bytes.end = end,
            _ => sections.push(Section { first_line: number, bytes: offset..end }),
        }
        offset = end;
    }
    sections
}

fn is_content(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

// === parsing ===

enum Failure {
    Syntax(Box<Diagnostic>),
    Limit(Box<Diagnostic>),
}

fn parse(file: &Arc<str>, text: &str, first_line: usize) -> Result<Option<Tree>, Failure> {
    let mut builder = Builder {
        file: file.clone(),
        first_line,
        parser: Parser::new_from_str(text),
        anchors: BTreeMap::new(),
        values: 0,
    };
    builder.document()
}

struct Builder<'a> {
    file: Arc<str>,
    first_line: usize,
    parser: Parser<'a, StrInput<'a>>,
    /// Anchored values, with how many values each holds.
    anchors: BTreeMap<usize, (Tree, usize)>,
    values: usize,
}

impl<'a> Builder<'a> {
    fn span(&self, marker: &Marker) -> Span {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Span {
            file: self.file.clone(),
            line: number(marker.line().max(1) + self.first_line),
            column: number(marker.col() + 1),
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Range), Failure> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok((Event::StreamEnd, Range::default())),
        }
    }

    fn syntax(&self, error: &ScanError) -> Failure {
        Failure::Syntax(Box::new(Diagnostic::error(
            code::SYNTAX,
            &self.span(error.marker()),
            format!("this is not YAML: {}", error.info()),
            "the text breaks the grammar of YAML 1.2 at or shortly before this place",
            "look for a missing quote, bracket or colon, a tab, or a line indented differently",
        )))
    }

    fn document(&mut self) -> Result<Option<Tree>, Failure> {
        let mut document = None;
        loop {
            let (event, range) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(document),
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                Event::Nothing => {}
                event if document.is_none() => document = Some(self.value(event, &range, 0)?),
                _ => {
                    return Err(Failure::Syntax(Box::new(Diagnostic::error(
                        code::SYNTAX,
                        &self.span(&range.start),
                        "a second document begins here",
                        "a fabric's file is one YAML document",
                        "remove the line `---`, or move what follows to a file of its own",
                    ))));
                }
            }
        }
    }

    fn value(&mut self, event: Event<'a>, range: &Range, depth: usize) -> Result<Tree, Failure> {
        let span = self.span(&range.start);
        if depth > DEPTH_MAX {
            return Err(Failure::Limit(Box::new(too_deep(&span))));
        }
        let before = self.values;
        self.count(1, &span)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => (scalar(&text, style), anchor),
            Event::SequenceStart(anchor, _) => (self.list(depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.map(depth)?, anchor),
            Event::Alias(anchor) => return self.alias(anchor, &span),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => (Value::Null, 0),
        };
        let tree = Tree { span, value };
        if anchor != 0 {
            self.anchors.insert(anchor, (tree.clone(), self.values - before));
        }
        Ok(tree)
    }

    fn count(&mut self, values: usize, span: &Span) -> Result<(), Failure> {
        self.values = self.values.saturating_add(values);
        if self.values <= VALUES_MAX {
            return Ok(());
        }
        Err(Failure::Limit(Box::new(Diagnostic::error(
            code::LIMIT,
            span,
            "the file holds too many values",
            format!("with its aliases put in it has more than {VALUES_MAX}"),
            "split it into several files, or use fewer aliases",
        ))))
    }

    fn alias(&mut self, anchor: usize, span: &Span) -> Result<Tree, Failure> {
        let Some((tree, values)) = self.anchors.get(&anchor) else {
            return Err(Failure::Syntax(Box::new(Diagnostic::error(
                code::ALIAS,
                span,
                "this alias stands inside the value that it names",
                "the value would contain itself without end",
                "write the value out, or set the anchor on another one",
            ))));
        };
        let (tree, values) = (tree.clone(), *values);
        self.count(values, span)?;
        Ok(Tree { span: span.clone(), ..tree })
    }

    fn list(&mut self, depth: usize) -> Result<Value, Failure> {
        let mut items = Vec::new();
        loop {
            let (event, range) = self.next()?;
            match event {
                Event::SequenceEnd | Event::StreamEnd => return Ok(Value::List(items)),
                event => items.push(self.value(event, &range, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Failure> {
        let mut entries = Vec::new();
        loop {
            let (event, range) = self.next()?;
            if matches!(event, Event::MappingEnd | Event::StreamEnd) {
                return Ok(Value::Map(entries));
            }
            let key = self.value(event, &range, depth + 1)?;
            let (event, range) = self.next()?;
            let value = self.value(event, &range, depth + 1)?;
            let name = match key.value {
                Value::Scalar { text, .. } => text,
                Value::Null => String::new(),
                Value::List(_) | Value::Map(_) => {
                    return Err(Failure::Syntax(Box::new(Diagnostic::error(
                        code::SYNTAX,
                        &key.span,
                        "a key of a map is itself a list or a map",
                        "keys are names",
                        "put the key in quotes, or remove the brackets",
                    ))));
                }
            };
            entries.push((Key { span: key.span, name }, value));
        }
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    let quoted = style != ScalarStyle::Plain;
    if !quoted && matches!(text, "" | "~" | "null") {
        return Value::Null;
    }
    Value::Scalar { text: text.to_owned(), quoted }
}
