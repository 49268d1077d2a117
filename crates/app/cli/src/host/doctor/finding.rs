//! What the doctor says: each finding with cause, solution, and the command that mends it.

use crate::output;
use netloom_model::words::counted;
use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// As it should be.
    Ok,
    /// It works, or may work, and not as well as it could; or it cannot be seen.
    Warning,
    /// Something does not work.
    Error,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// Which part was looked at.
    pub(super) check: &'static str,
    /// How bad it is.
    pub(super) severity: Severity,
    /// What was found.
    pub(super) what: String,
    /// Why it is so.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) cause: String,
    /// What to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) solution: String,
    /// The command that does it, where there is one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) command: String,
}

impl Finding {
    pub(super) fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(check, Severity::Ok, what)
    }

    pub(super) fn warning(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(check, Severity::Warning, what)
    }

    pub(super) fn error(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(check, Severity::Error, what)
    }

    fn new(check: &'static str, severity: Severity, what: impl Into<String>) -> Self {
        let (cause, solution, command) = (String::new(), String::new(), String::new());
        Self { check, severity, what: what.into(), cause, solution, command }
    }

    pub(super) fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = cause.into();
        self
    }

    pub(super) fn solved_by(mut self, solution: impl Into<String>) -> Self {
        self.solution = solution.into();
        self
    }

    pub(super) fn with(mut self, command: impl Into<String>) -> Self {
        self.command = command.into();
        self
    }
}

/// Findings as people read them; of what is well, one line for each.
pub(super) fn shown(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let mark = match finding.severity {
            Severity::Ok => output::mark(true),
            Severity::Warning => "!",
            Severity::Error => output::mark(false),
        };
        text.push_str(&format!("{mark} {:<10} {}\n", finding.check, finding.what));
        for (name, line) in [
            ("cause", &finding.cause),
            ("solution", &finding.solution),
            ("command", &finding.command),
        ] {
            if !line.is_empty() {
                text.push_str(&format!("             {name}: {line}\n"));
            }
        }
    }
    let count = |severity| findings.iter().filter(|found| found.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    text.push_str(&format!("{}, {}\n", counted(errors, "error"), counted(warnings, "warning")));
    text
}
