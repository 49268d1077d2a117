//! Lines of a YAML text that are parsed on their own, and why they cannot be.

use super::Builder;
use crate::diagnostic::{Diagnostic, code};
use crate::span::Span;
use crate::tree::Tree;
use saphyr_parser::{Marker, ScanError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the recovery has done to a text, by line from 1.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Lines whose value was taken out.
    pub(super) broken: BTreeSet<u32>,
    /// Lines that were made longer at their beginning, and by how much.
    pub(super) widened: BTreeMap<u32, u32>,
}

/// Lines of a file that are parsed on their own.
pub(super) struct Part<'a> {
    pub(super) file: &'a Arc<str>,
    pub(super) text: &'a str,
    /// How many lines of the file stand before it.
    pub(super) first_line: usize,
    /// How many maps of the file it stands in.
    pub(super) depth: usize,
    pub(super) marks: &'a Marks,
}

pub(super) struct Parsed {
    pub(super) tree: Option<Tree>,
    /// How many values it has.
    pub(super) values: usize,
    /// What is wrong without keeping the rest from being read.
    pub(super) found: Vec<Diagnostic>,
}

pub(super) enum Failure {
    Syntax(Box<Diagnostic>),
    UnknownAnchor { name: String, found: Box<Diagnostic> },
    Limit(Box<Diagnostic>),
}

impl Part<'_> {
    pub(super) fn parse(&self) -> Result<Parsed, Failure> {
        Builder::build(self)
    }

    pub(super) fn span(&self, marker: &Marker) -> Span {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let line = number(self.first_line + marker.line());
        let widened = self.marks.widened.get(&line).copied().unwrap_or(0);
        let column = number(marker.col()).saturating_sub(widened).saturating_add(1);
        Span { file: self.file.clone(), line, column }
    }

    /// The name of the alias that stands at `marker`.
    fn alias_name(&self, marker: &Marker) -> String {
        let line = self.text.lines().nth(marker.line().saturating_sub(1)).unwrap_or_default();
        let name = line.chars().skip(marker.col() + 1);
        name.take_while(|c| !c.is_whitespace() && !"[]{},".contains(*c)).collect()
    }

    pub(super) fn failure(&self, error: &ScanError) -> Failure {
        let span = self.span(error.marker());
        if error.info().contains("unknown anchor") {
            let name = self.alias_name(error.marker());
            let found = Box::new(Diagnostic::error(
                code::ALIAS,
                &span,
                format!("no anchor is called `{name}`"),
                "an alias repeats what an anchor (`&NAME`) marks before it in the same file",
                "set the anchor, correct the name, or put the text in quotes",
            ));
            return Failure::UnknownAnchor { name, found };
        }
        Failure::Syntax(Box::new(Diagnostic::error(
            code::SYNTAX,
            &span,
            format!("this is not YAML: {}", error.info()),
            "the text breaks the grammar of YAML 1.2 at or shortly before this place",
            "look for a missing quote, bracket or colon, a tab, or a line indented differently",
        )))
    }
}
