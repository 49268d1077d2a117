//! What is found while files are read: kept up to a limit, with guesses as long as they are affordable.

use crate::diagnostic::{Code, Diagnostic, Severity, code, nearest};
use crate::span::Span;

/// Most findings that are kept; how many more there are is told.
pub const FINDINGS_MAX: usize = 2_000;
/// Longest text of a finding; a name of a megabyte is not shown whole.
const FINDING_CHARS_MAX: usize = 400;
/// Most comparisons that are made in search of what was meant; a file of nothing but unknown names
/// would take hours otherwise.
const GUESS_COMPARISONS_MAX: usize = 50_000;

/// Collects findings while trees are read.
#[derive(Debug, Default)]
pub struct Decoder {
    diagnostics: Vec<Diagnostic>,
    errors: usize,
    /// Findings that were not kept.
    more: usize,
    comparisons: usize,
}

impl Decoder {
    /// Adds an error.
    pub fn error(
        &mut self,
        code: Code,
        span: &Span,
        message: impl Into<String>,
        cause: impl Into<String>,
        solution: impl Into<String>,
    ) {
        self.push(Diagnostic::error(code, span, message, cause, solution));
    }

    /// Adds a finding.
    pub fn push(&mut self, mut found: Diagnostic) {
        for text in [&mut found.message, &mut found.cause, &mut found.solution] {
            if let Some((end, _)) = text.char_indices().nth(FINDING_CHARS_MAX) {
                text.truncate(end);
                text.push('…');
            }
        }
        self.errors += usize::from(found.severity == Severity::Error);
        if self.diagnostics.len() < FINDINGS_MAX {
            self.diagnostics.push(found);
        } else {
            self.more += 1;
        }
    }

    /// How many errors there are so far.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// All findings by place. If there were too many to keep, the last one says so.
    pub fn into_findings(self) -> Vec<Diagnostic> {
        let Self { mut diagnostics, errors, more, .. } = self;
        diagnostics.sort_by(|a, b| (&a.span, a.code).cmp(&(&b.span, b.code)));
        diagnostics.dedup();
        if let Some(last) = diagnostics.last().filter(|_| more > 0) {
            let told = Diagnostic::error(
                code::LIMIT,
                &last.span.clone(),
                format!("there are {more} more findings"),
                format!("only the first {FINDINGS_MAX} are kept"),
                "correct these first; most of them may have one cause",
            );
            diagnostics.push(if errors > 0 { told } else { told.into_warning() });
        }
        diagnostics
    }

    /// The candidate that was probably meant by `given`, as long as looking for it is affordable.
    pub fn guess<'a>(
        &mut self,
        given: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Option<String> {
        let left = GUESS_COMPARISONS_MAX.saturating_sub(self.comparisons);
        let compared = &mut self.comparisons;
        nearest(given, candidates.into_iter().take(left).inspect(|_| *compared += 1))
    }
}
