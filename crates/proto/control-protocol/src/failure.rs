//! Why a session ends: a code for programs, and text and remedy for people.

use crate::limits::TEXT_BYTES_MAX;
use std::fmt;

netloom_cbor::record! {
    /// What one end says to the other before it ends the session.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Failure {
        /// What kind of failure.
        1 => pub code: FailureCode,
        /// What is wrong.
        2 => pub text: String [max TEXT_BYTES_MAX],
        /// What can be done about it.
        3 => pub solution: String [max TEXT_BYTES_MAX],
    }
}

/// The number of a kind of failure. A number that is not known is carried like any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailureCode(pub u64);

impl FailureCode {
    /// Something went wrong at the end that says so.
    pub const INTERNAL: Self = Self(0);
    /// Bytes that are no message.
    pub const MALFORMED: Self = Self(1);
    /// No version in common.
    pub const VERSION: Self = Self(2);
    /// The node belongs to another fabric.
    pub const FABRIC: Self = Self(3);
    /// The name in the hello is not the one that was proven.
    pub const NAME: Self = Self(4);
    /// A message out of turn.
    pub const UNEXPECTED: Self = Self(5);
    /// A critical message or key that is not known.
    pub const UNKNOWN: Self = Self(6);
    /// More than a limit allows.
    pub const LIMIT: Self = Self(7);
    /// A signature that does not verify.
    pub const UNTRUSTED: Self = Self(8);
    /// The states of both ends do not come together.
    pub const DIVERGED: Self = Self(9);
    /// The node is not declared, or no longer.
    pub const UNDECLARED: Self = Self(10);
    /// A newer session of the same node has taken the place of this one.
    pub const REPLACED: Self = Self(11);
    /// The end that says so is about to stop.
    pub const STOPPING: Self = Self(12);
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// This end gave up, and told the other.
    Failed(Failure),
    /// The other end gave up, and told this one.
    Refused(Failure),
    /// Nothing was heard from the other end for as long as the configuration allows.
    Silent,
}

impl Failure {
    /// A failure; texts that are too long are cut.
    pub fn new(code: FailureCode, text: impl Into<String>, solution: impl Into<String>) -> Self {
        Self { code, text: cut(text.into()), solution: cut(solution.into()) }
    }
}

/// A text that is not longer than [`TEXT_BYTES_MAX`].
pub(crate) fn cut(mut text: String) -> String {
    let at_most = text.len().min(TEXT_BYTES_MAX);
    let end = (0..=at_most).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or(0));
    text
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.text, self.solution)
    }
}

impl netloom_cbor::Encode for FailureCode {
    fn encode(&self, encoder: &mut netloom_cbor::Encoder) {
        encoder.unsigned(self.0);
    }
}

impl netloom_cbor::Decode for FailureCode {
    fn decode(decoder: &mut netloom_cbor::Decoder<'_>) -> Result<Self, netloom_cbor::DecodeError> {
        decoder.unsigned().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_letters() {
        let long = "é".repeat(TEXT_BYTES_MAX);
        for shift in ["", "x"] {
            let failure = Failure::new(FailureCode::INTERNAL, format!("{shift}{long}"), "");
            assert_eq!(failure.text.len(), TEXT_BYTES_MAX - shift.len());
        }
        assert_eq!(cut("short".into()), "short");
    }
}
