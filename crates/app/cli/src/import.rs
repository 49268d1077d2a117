//! `netloom import`: files of others into a fabric's file, with an account of every key of theirs.

use crate::output;
use anyhow::{Context as _, ensure};
use netloom_import::{Account, Import, Imported, Kind, Outcome, Source};
use netloom_model::words::counted;
use netloom_model::{Loaded, Severity, diagnostic};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Most bytes of a source that are read, so that one that is too large is found to be.
const SOURCE_BYTES_MAX: u64 = (16 << 20) + 1;

/// Makes a fabric's file of files of others: Docker Compose, Bolt, VPC and firewall files, programs
/// with peerings, and what `aws ec2 describe-…` prints. Several files make one fabric. What became
/// of each key is told: it means the same (exact), nearly (approximated), or nothing (refused), or that it has no meaning here (irrelevant).
/// Nothing of a file is run. The end is a success if a file was made that loads, whatever was refused.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportFiles {
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What the files are; told by what is in them if not given.
    #[arg(long = "as", value_name = "KIND", value_parser = kind)]
    kind: Option<Kind>,
    /// The fabric's name; made of the files if not given.
    #[arg(long, value_name = "NAME")]
    fabric: Option<String>,
    /// Write the fabric's file here instead of printing it; it must not be there yet.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Add a server to each subnet, so that the policy can be tried in a lab, and tests of it.
    #[arg(long)]
    with_probes: bool,
    /// Leave exact keys out of the table: only what differs is shown.
    #[arg(long)]
    brief: bool,
    /// Print file and account as JSON.
    #[arg(long)]
    json: bool,
}

fn kind(text: &str) -> Result<Kind, String> {
    let names = Kind::ALL.map(|(name, _)| name).join(", ");
    Kind::named(text).ok_or_else(|| format!("use one of: {names}"))
}

pub(crate) fn run(arguments: &ImportFiles) -> anyhow::Result<ExitCode> {
    if let Some(path) = &arguments.output {
        ensure!(
            !path.exists(),
            "{} is there already; name a new file, or remove that one",
            path.display()
        );
    }
    let sources: Vec<Source> =
        arguments.files.iter().map(|path| read(path)).collect::<anyhow::Result<_>>()?;
    let import = Import {
        kind: arguments.kind,
        fabric: arguments.fabric.as_deref(),
        with_probes: arguments.with_probes,
    };
    let imported = import.run(&sources)?;
    let loaded = load(&imported.yaml);
    if let Some(path) = &arguments.output {
        write(path, &imported.yaml)?;
    }
    if arguments.json {
        output::print(&as_json(&imported, &loaded));
    } else {
        let mut told = table(&imported.account, arguments.brief) + &summary(&imported);
        told.push_str(&faults(&loaded));
        match &arguments.output {
            // The file alone goes to standard output, so that it can be sent on.
            None => {
                output::print(&imported.yaml);
                output::error(&told);
            }
            Some(path) => {
                let path = path.display();
                output::print(&told);
                output::error(&format!("{path} is written; try it: netloom check {path}\n"));
            }
        }
    }
    Ok(if loaded.fabric.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(path: &Path) -> anyhow::Result<Source> {
    let shown = path.display();
    let file = std::fs::File::open(path)
        .with_context(|| format!("cannot read {shown}; check the path"))?;
    let mut bytes = Vec::new();
    file.take(SOURCE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {shown}; is it a file?"))?;
    Ok(Source { file: path.to_string_lossy().into_owned(), bytes })
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = std::fs::File::options().write(true).create_new(true).open(path);
    let mut file = file.with_context(|| format!("cannot make {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// The file as a fabric, to know whether it can be used as it is.
fn load(yaml: &str) -> Loaded {
    netloom_model::load(&["imported".to_owned()], |_| Ok(yaml.as_bytes().to_vec()))
}

/// The account as columns: place, key, outcome, words.
fn table(account: &Account, brief: bool) -> String {
    let shown =
        |outcome: Outcome| !brief || !matches!(outcome, Outcome::Exact | Outcome::Irrelevant);
    let head = ["where", "key", "outcome", "how, or why"].map(str::to_owned).to_vec();
    let entries = account.entries.iter().filter(|entry| shown(entry.outcome));
    let rows: Vec<Vec<String>> = [head]
        .into_iter()
        .chain(entries.map(|entry| {
            let place = match entry.line {
                0 => "-".to_owned(),
                line => format!("{}:{line}", entry.file),
            };
            vec![place, entry.path.clone(), entry.outcome.to_string(), entry.words.clone()]
        }))
        .collect();
    output::table(&rows)
}

fn summary(imported: &Imported) -> String {
    let count = |outcome| imported.account.count(outcome);
    let kinds: Vec<String> =
        imported.kinds.iter().map(|(file, kind)| format!("{file}: {}\n", kind.what())).collect();
    format!(
        "{}{} exact, {} irrelevant, {} approximated, {} refused; {} added\n",
        kinds.concat(),
        count(Outcome::Exact),
        count(Outcome::Irrelevant),
        count(Outcome::Approximated),
        count(Outcome::Refused),
        count(Outcome::Added),
    )
}

/// What must be mended in the file before it can be used.
fn faults(loaded: &Loaded) -> String {
    let errors: Vec<_> = loaded
        .diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error)
        .cloned()
        .collect();
    if errors.is_empty() {
        return String::new();
    }
    let found = diagnostic::render(&errors, &loaded.sources);
    let (count, them) = match errors.len() {
        1 => (counted(1, "error"), "it"),
        more => (counted(more, "error"), "them"),
    };
    format!("{found}the file has {count}; mend {them} before it is used\n")
}

fn as_json(imported: &Imported, loaded: &Loaded) -> String {
    let entries: Vec<_> = imported
        .account
        .entries
        .iter()
        .map(|entry| {
            json!({ "file": entry.file, "line": entry.line, "key": entry.path,
                    "outcome": entry.outcome.to_string(), "words": entry.words })
        })
        .collect();
    let sources: Vec<_> = imported
        .kinds
        .iter()
        .map(|(file, kind)| json!({ "file": file, "kind": kind.name() }))
        .collect();
    let count = |outcome| imported.account.count(outcome);
    let errors: Vec<_> = loaded
        .diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error)
        .map(|found| {
            json!({ "code": found.code.0, "line": found.span.line, "message": found.message,
                    "cause": found.cause, "solution": found.solution })
        })
        .collect();
    let whole = json!({
        "sources": sources,
        "yaml": imported.yaml,
        "account": entries,
        "counts": {
            "exact": count(Outcome::Exact),
            "approximated": count(Outcome::Approximated),
            "refused": count(Outcome::Refused),
            "irrelevant": count(Outcome::Irrelevant),
            "added": count(Outcome::Added),
        },
        "errors": errors,
    });
    format!("{whole:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_row_for_each_key_and_brief_ones_leave_exact_keys_out() {
        let text = "network:\n  vpc: { name: app, cidr: 10.0.0.0/16, flow_logs: true }\n";
        let source = Source { file: "vpc.yaml".to_owned(), bytes: text.into() };
        let imported = Import::default().run(&[source]).unwrap();
        let whole = table(&imported.account, false);
        assert!(whole.contains("vpc.yaml:2"), "{whole}");
        assert!(whole.contains("network.vpc.cidr"), "{whole}");
        let brief = table(&imported.account, true);
        assert!(!brief.contains("network.vpc.cidr") && brief.contains("flow_logs"), "{brief}");
        assert!(summary(&imported).contains(" 1 refused"), "{}", summary(&imported));
        let value: serde_json::Value =
            serde_json::from_str(&as_json(&imported, &load(&imported.yaml))).unwrap();
        assert_eq!(value["counts"]["refused"], 1);
        assert_eq!(value["sources"][0]["kind"], "vpc");
        assert_eq!(value["errors"].as_array().map(Vec::len), Some(0));
    }
}
