//! What explains that a bar was missed: the program that measured it is run again and looks closer.

use crate::cargo::stream;
use crate::output;
use std::process::Command;

/// Seconds that traffic is watched for.
const SECONDS: &str = "4";

/// A closer look, at an implementation by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Explanation {
    /// Processor time while one stream of TCP passes.
    Stream(&'static str),
    /// Processor time while small packets pass.
    Small(&'static str),
    /// What waking a thread costs.
    WakeUps,
}

impl Explanation {
    fn arguments(self) -> Vec<&'static str> {
        match self {
            Self::Stream(name) => {
                vec!["--profile", name, "--traffic", "stream", "--seconds", SECONDS]
            }
            Self::Small(name) => {
                vec!["--profile", name, "--traffic", "small", "--seconds", SECONDS]
            }
            Self::WakeUps => vec!["--wake-ups"],
        }
    }
}

/// Lets the program print it. A bar is missed with or without, so it is only said if that fails.
pub(super) fn print(command: &mut Command, explanation: Explanation) {
    let arguments = explanation.arguments();
    output::progress(&format!("a target is missed: {}", arguments.join(" ")));
    let why = match stream(command.args(&arguments), |_| {}) {
        Ok(status) if status.success() => return,
        Ok(status) => status.to_string(),
        Err(error) => format!("{error:#}"),
    };
    output::progress(&format!("NO EXPLANATION of what is missed: {why}"));
}
