//! What a rule has found: the place, what is wrong with it, and what to do.

use std::fmt;

/// One breach of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// File, from the root of the repository.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong and why.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

impl Finding {
    /// A finding at a line of a file.
    pub fn new(
        path: impl Into<String>,
        line: usize,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { path: path.into(), line, why: why.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.why, self.remedy)
    }
}
