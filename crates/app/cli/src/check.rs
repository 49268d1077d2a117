//! `netloom check`: everything that is wrong with a fabric's files, at once.

use crate::{output, source};
use netloom_model::words::counted;
use netloom_model::{Diagnostic, Fabric, Loaded, Severity};
use netloom_plan::assumed::Assumed;
use netloom_plan::findings;
use netloom_plan::promises::{self, Broken};
use serde_json::json;
use std::process::ExitCode;

/// Checks files and the promises of their `tests`.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Files of one fabric, YAML or TOML.
    #[arg(required = true)]
    files: Vec<String>,
    /// Print findings as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Check) -> ExitCode {
    let mut loaded = source::load(&arguments.files);
    let more = loaded.fabric.as_ref().map(findings::findings);
    loaded.diagnostics.extend(more.unwrap_or_default());
    let broken = loaded.fabric.as_ref().map(broken_promises).unwrap_or_default();
    let (errors, warnings) = source::counts(&loaded);
    if arguments.json {
        output::print(&as_json(&loaded, &broken));
    } else {
        output::print(&source::report(&loaded));
        broken.iter().for_each(|promise| output::print(&format!("{}\n", promise.text)));
        let tests = loaded.fabric.as_ref().map_or(0, |fabric| fabric.tests.len());
        output::print(&format!(
            "{}, {}; {}\n",
            counted(errors, "error"),
            counted(warnings, "warning"),
            output::holding(tests - broken.len(), tests)
        ));
    }
    if errors == 0 && broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn broken_promises(fabric: &Fabric) -> Vec<Broken> {
    promises::broken(fabric, &Assumed::of(fabric))
}

fn as_json(loaded: &Loaded, broken: &[Broken]) -> String {
    let findings: Vec<_> = loaded.diagnostics.iter().map(finding).collect();
    let promises: Vec<_> = broken
        .iter()
        .map(|promise| {
            json!({ "file": *promise.span.file, "line": promise.span.line,
                    "message": promise.text })
        })
        .collect();
    format!("{:#}\n", json!({ "findings": findings, "broken_tests": promises }))
}

/// One finding as JSON, the same as in the API.
fn finding(found: &Diagnostic) -> serde_json::Value {
    json!({
        "code": found.code.0,
        "severity": match found.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "file": *found.span.file,
        "line": found.span.line,
        "column": found.span.column,
        "message": found.message,
        "cause": found.cause,
        "solution": found.solution,
        "did_you_mean": found.did_you_mean,
    })
}
