//! YAML into the tree, with limits; a text that breaks the grammar is handed to the recovery.

mod entries;
mod hint;
mod line;
mod part;
mod recover;

use super::{DEPTH_MAX, Key, Tree, VALUES_MAX, Value};
use crate::diagnostic::{Diagnostic, code};
use crate::span::Span;
pub(super) use entries::read_pieces;
use part::{Failure, Marks, Parsed, Part};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span as Range, StrInput};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reads a YAML document.
///
/// If it cannot be parsed whole, the smallest parts that are broken are reported and taken out,
/// so that every broken one is found, and what is sound is kept and checked.
pub fn read(file: &str, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Tree> {
    let file: Arc<str> = file.into();
    let whole = Part { file: &file, text, first_line: 0, depth: 0, marks: &Marks::default() };
    match whole.parse() {
        Ok(parsed) => {
            diagnostics.extend(parsed.found);
            // A file without content is a file without keys: those that must be there are missing.
            let span = Span { file, line: 1, column: 1 };
            Some(parsed.tree.unwrap_or(Tree { span, value: Value::Null }))
        }
        Err(Failure::Limit(diagnostic)) => {
            diagnostics.push(*diagnostic);
            None
        }
        Err(Failure::Syntax(_) | Failure::UnknownAnchor { .. }) => {
            Some(recover::recover(&file, text, diagnostics))
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

/// A value under an anchor.
struct Anchored {
    tree: Tree,
    values: usize,
    /// How deep maps and lists are nested in it.
    height: usize,
}

struct Builder<'a> {
    part: &'a Part<'a>,
    parser: Parser<'a, StrInput<'a>>,
    anchors: BTreeMap<usize, Anchored>,
    values: usize,
    found: Vec<Diagnostic>,
}

impl<'a> Builder<'a> {
    fn build(part: &'a Part<'a>) -> Result<Parsed, Failure> {
        let parser = Parser::new(StrInput::new(part.text));
        let mut builder =
            Self { part, parser, anchors: BTreeMap::new(), values: 0, found: Vec::new() };
        let tree = builder.document()?;
        Ok(Parsed { tree, values: builder.values, found: builder.found })
    }

    fn next(&mut self) -> Result<(Event<'a>, Range), Failure> {
        match self.parser.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.part.failure(&error)),
            None => Ok((Event::StreamEnd, Range::default())),
        }
    }

    fn syntax(&self, at: &Marker, texts: [&str; 3]) -> Failure {
        let span = self.part.span(at);
        let [message, cause, solution] = texts;
        Failure::Syntax(Box::new(Diagnostic::error(code::SYNTAX, &span, message, cause, solution)))
    }

    fn document(&mut self) -> Result<Option<Tree>, Failure> {
        let mut document = None;
        loop {
            let (event, range) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(document),
                Event::DocumentStart(_) if document.is_some() => {
                    return Err(self.syntax(
                        &range.start,
                        [
                            "a second document begins here",
                            "a fabric's file is one YAML document",
                            "remove the line `---`, or move what follows to a file of its own",
                        ],
                    ));
                }
                Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Nothing => {}
                event => document = Some(self.value(event, &range, self.part.depth)?.0),
            }
        }
    }

    /// A value, and how deep maps and lists are nested in it.
    fn value(
        &mut self,
        event: Event<'a>,
        range: &Range,
        depth: usize,
    ) -> Result<(Tree, usize), Failure> {
        let span = self.part.span(&range.start);
        if depth > DEPTH_MAX {
            return Err(Failure::Limit(Box::new(too_deep(&span))));
        }
        let before = self.values;
        self.count(1, &span)?;
        let ((value, height), anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                ((scalar(&text, style, self.part.marks.broken.contains(&span.line)), 0), anchor)
            }
            Event::SequenceStart(anchor, _) => (self.list(depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.map(depth)?, anchor),
            Event::Alias(anchor) => return self.alias(anchor, &range.start, depth),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => ((Value::Null, 0), 0),
        };
        let tree = Tree { span, value };
        if anchor != 0 {
            let values = self.values - before;
            // The copy counts too, or anchors inside anchors would hold the file many times.
            self.count(values, &tree.span)?;
            self.anchors.insert(anchor, Anchored { tree: tree.clone(), values, height });
        }
        Ok((tree, height))
    }

    fn count(&mut self, values: usize, span: &Span) -> Result<(), Failure> {
        self.values = self.values.saturating_add(values);
        if self.values <= VALUES_MAX {
            return Ok(());
        }
        Err(Failure::Limit(Box::new(super::too_many_values(span))))
    }

    fn alias(
        &mut self,
        anchor: usize,
        at: &Marker,
        depth: usize,
    ) -> Result<(Tree, usize), Failure> {
        let span = self.part.span(at);
        let Some(Anchored { values, height, .. }) = self.anchors.get(&anchor) else {
            self.found.push(Diagnostic::error(
                code::ALIAS,
                &span,
                "this alias stands inside the value that it names",
                "the value would contain itself without end",
                "write the value out, or set the anchor on another one",
            ));
            return Ok((Tree { span, value: Value::Broken }, 0));
        };
        let (values, height) = (*values, *height);
        if depth + height > DEPTH_MAX {
            return Err(Failure::Limit(Box::new(too_deep(&span))));
        }
        self.count(values, &span)?;
        let tree = self.anchors.get(&anchor).map(|anchored| anchored.tree.value.clone());
        Ok((Tree { span, value: tree.unwrap_or(Value::Broken) }, height))
    }

    fn list(&mut self, depth: usize) -> Result<(Value, usize), Failure> {
        let (mut items, mut height) = (Vec::new(), 0);
        loop {
            let (event, range) = self.next()?;
            match event {
                Event::SequenceEnd | Event::StreamEnd => {
                    return Ok((Value::List(items.into()), height + 1));
                }
                event => {
                    let (item, inner) = self.value(event, &range, depth + 1)?;
                    height = height.max(inner);
                    items.push(item);
                }
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<(Value, usize), Failure> {
        let (mut entries, mut height) = (Vec::new(), 0);
        loop {
            let (event, range) = self.next()?;
            if matches!(event, Event::MappingEnd | Event::StreamEnd) {
                return Ok((Value::Map(entries.into()), height + 1));
            }
            let plain = matches!(&event, Event::Scalar(_, ScalarStyle::Plain, ..));
            let (key, _) = self.value(event, &range, depth + 1)?;
            let (event, range) = self.next()?;
            let (value, inner) = self.value(event, &range, depth + 1)?;
            height = height.max(inner);
            entries.push(self.entry(key, plain, value));
        }
    }

    fn entry(&mut self, key: Tree, plain: bool, mut value: Tree) -> (Key, Tree) {
        let (mut name, mut broken) = match key.value {
            Value::Scalar { text, .. } => (text, false),
            Value::Null => (String::new(), false),
            Value::List(_) | Value::Map(_) => {
                self.found.push(Diagnostic::error(
                    code::SYNTAX,
                    &key.span,
                    "a key of a map is itself a list or a map",
                    "keys are names",
                    "put the key in quotes, or remove the brackets",
                ));
                (String::new(), true)
            }
            Value::Broken => (String::new(), true),
        };
        // `alpha { region: home }` is a map to YAML, whose key is `alpha { region`.
        if plain
            && let Some((word, _)) =
                name.split_once([' ', '{', '[']).filter(|_| name.contains(['{', '[']))
        {
            let word = word.trim().to_owned();
            self.found.push(hint::missing_colon(&key.span, &word));
            value.value = Value::Broken;
            broken |= word.is_empty();
            name = word;
        }
        broken |= name.is_empty() && value.value == Value::Broken;
        (Key { span: key.span, name, broken }, value)
    }
}

fn scalar(text: &str, style: ScalarStyle, broken: bool) -> Value {
    let quoted = style != ScalarStyle::Plain;
    if !quoted && matches!(text, "" | "~" | "null") {
        return if broken { Value::Broken } else { Value::Null };
    }
    Value::Scalar { text: text.to_owned(), quoted }
}
