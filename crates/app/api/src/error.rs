//! Errors and findings: cause and solution, as the command line prints them.

use serde::{Deserialize, Serialize};

/// Why a request was not done. Nothing of it is in force, unless the status is 500 or 502: then that is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub solution: String,
    /// What is wrong with what was declared, each with its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// The same as text, with the lines that are meant.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rendered: String,
}

/// One thing that is wrong with what was declared, or probably is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable code, such as `N0201`; none for a test that does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// `error` or `warning`.
    pub severity: String,
    /// File; `(api)` for what was declared over the API, whose lines nobody has written.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// What is meant of what was declared over the API, as `SECTION/NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The field of that object, such as `cidr[0]`; none for all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is wrong.
    pub message: String,
    /// Why.
    pub cause: String,
    /// What to do.
    pub solution: String,
    /// What was probably meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub did_you_mean: Option<String>,
}

impl Finding {
    /// Where it is, in words.
    pub fn place(&self) -> String {
        let over_api = |object: &String| match &self.field {
            Some(field) => format!("{object} as declared over the API, field {field}"),
            None => format!("{object} as declared over the API"),
        };
        let in_file = || format!("{}:{}", self.file, self.line);
        self.object.as_ref().map_or_else(in_file, over_api)
    }
}

impl Error {
    /// An error with its solution.
    pub fn new(message: impl Into<String>, solution: impl Into<String>) -> Self {
        Self { message: message.into(), solution: solution.into(), ..Self::default() }
    }
}
