//! `netloom plan`, `apply`, `history`, `diff`, `rollback`.

mod words;

use super::place::Host;
use super::time::utc;
use super::{author, wait_for};
use crate::source::{self, Files};
use crate::{output, shell};
use anyhow::Context as _;
use netloom::api::{self, Applied, Sources};
use netloom_model::Fabric;
use netloom_model::load::API_FILE;
use netloom_model::words::counted;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(super) use words::{result, shown};

/// Shows what an apply would change, on each node, and which flows it would open or close.
#[derive(Debug, clap::Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    host: Host,
    /// Files of the fabric.
    #[arg(required = true)]
    files: Vec<String>,
    /// Print the plan as JSON.
    #[arg(long)]
    json: bool,
}

/// Makes what the files declare the next revision, and waits until the nodes hold it.
#[derive(Debug, clap::Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    host: Host,
    /// Files of the fabric.
    #[arg(required_unless_present = "sources", conflicts_with = "sources")]
    files: Vec<String>,
    /// Take the files and their texts from a file of JSON, as `POST /v1/apply` has them.
    #[arg(long, value_name = "FILE", requires = "fabric")]
    sources: Option<PathBuf>,
    /// Why, for the history.
    #[arg(short, long, default_value = "")]
    message: String,
    /// Only if this revision is in force still, as when the plan was made.
    #[arg(long, value_name = "REVISION")]
    expect: Option<u64>,
    /// Longest wait for the nodes, in seconds.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    wait: u64,
    /// Keep the revision even if nodes refuse it, instead of going back.
    #[arg(long)]
    keep_refused: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Lists the newest revisions, or shows one with its files.
#[derive(Debug, clap::Args)]
pub(crate) struct History {
    #[command(flatten)]
    host: Host,
    /// Only this one, with its files.
    revision: Option<u64>,
    /// How many.
    #[arg(short = 'n', long, default_value_t = 20)]
    count: usize,
    /// Print them as JSON.
    #[arg(long)]
    json: bool,
}

/// Makes an earlier revision's files the next revision. Addresses stay as they are.
#[derive(Debug, clap::Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    host: Host,
    /// The revision to go back to.
    revision: u64,
    /// Show what it would change, as `plan` does, and change nothing.
    #[arg(long)]
    plan: bool,
    /// Only if this revision is in force still, as when the plan was made.
    #[arg(long, value_name = "REVISION")]
    expect: Option<u64>,
    /// Why, for the history.
    #[arg(short, long, default_value = "")]
    message: String,
    /// Longest wait for the nodes, in seconds.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    wait: u64,
    /// Keep the revision even if nodes refuse it, instead of staying at the one before.
    #[arg(long)]
    keep_refused: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// The files as they are, and what they declare; their errors are shown before anything is sent. What
/// they refer to may have been declared over the API of the fabric's control.
pub(super) fn sources(host: &Host, files: &[String]) -> anyhow::Result<(Fabric, Sources)> {
    let Files { fabric, roots, texts } =
        source::read(files, |fabric| declared_over_api(host, fabric))?;
    Ok((fabric, Sources { roots, texts }))
}

/// What is in force that was declared over the API, if anything is, and control can be asked.
fn declared_over_api(host: &Host, fabric: &str) -> Option<String> {
    let client = host.place(fabric).client();
    let status = wait_for(client.status()).ok()?;
    wait_for(client.revision(status.revision)).ok()?.api
}

/// Files as somebody else has read them.
fn written_sources(file: &Path) -> anyhow::Result<Sources> {
    let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| {
        format!("{} is not {{\"roots\": [NAME], \"texts\": {{NAME: TEXT}}}}", file.display())
    })
}

pub(crate) fn plan(arguments: &Plan) -> anyhow::Result<ExitCode> {
    let (fabric, sources) = sources(&arguments.host, &arguments.files)?;
    let client = arguments.host.place(&fabric.name).client();
    let proposed = wait_for(client.plan(&api::Plan { sources, rollback_to: None }))?;
    let files = shell::words(&arguments.files, " ");
    told(&proposed, &format!("apply --expect {} {files}", proposed.base_revision), arguments.json)
}

/// Shows a plan, and the command that makes it so; a failure where that would be refused.
fn told(proposed: &api::Proposed, command: &str, as_json: bool) -> anyhow::Result<ExitCode> {
    let is_refused = !proposed.broken_tests.is_empty();
    if as_json {
        output::json(proposed)?;
    } else {
        let next = match is_refused {
            true => "it would be refused: change the policy, or the tests".to_owned(),
            false => format!("to make it so: netloom {command}"),
        };
        let base = proposed.base_revision;
        output::print(&format!("{}compared with revision {base}; {next}\n", shown(proposed)));
    }
    Ok(if is_refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

pub(crate) fn apply(arguments: &Apply) -> anyhow::Result<ExitCode> {
    let (client, sources) = match &arguments.sources {
        Some(file) => (arguments.host.chosen()?.client(), written_sources(file)?),
        None => {
            let (fabric, sources) = sources(&arguments.host, &arguments.files)?;
            (arguments.host.place(&fabric.name).client(), sources)
        }
    };
    let apply = api::Apply {
        sources,
        message: arguments.message.clone(),
        author: author(),
        expected_revision: arguments.expect,
        wait_ms: arguments.wait * 1000,
        keep_refused: arguments.keep_refused,
    };
    finish(&wait_for(client.apply(&apply))?, arguments.json)
}

pub(crate) fn rollback(arguments: &Rollback) -> anyhow::Result<ExitCode> {
    let client = arguments.host.chosen()?.client();
    let revision = arguments.revision;
    if arguments.plan {
        let plan = api::Plan { rollback_to: Some(revision), ..api::Plan::default() };
        let proposed = wait_for(client.plan(&plan))?;
        let command = format!("rollback {revision} --expect {}", proposed.base_revision);
        return told(&proposed, &command, arguments.json);
    }
    let rollback = api::Rollback {
        revision,
        expected_revision: arguments.expect,
        message: arguments.message.clone(),
        author: author(),
        wait_ms: arguments.wait * 1000,
        keep_refused: arguments.keep_refused,
    };
    finish(&wait_for(client.rollback(&rollback))?, arguments.json)
}

/// Tells what a change did; a failure where not every node holds it.
pub(super) fn finish(applied: &Applied, as_json: bool) -> anyhow::Result<ExitCode> {
    if as_json {
        output::json(applied)?;
    } else {
        output::print(&result(applied));
    }
    Ok(code_of(applied))
}

/// Whether all nodes have done what was asked of them.
pub(super) fn code_of(applied: &Applied) -> ExitCode {
    let good = applied.refused.is_empty() && applied.behind.is_empty();
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

pub(crate) fn history(arguments: &History) -> anyhow::Result<ExitCode> {
    let client = arguments.host.chosen()?.client();
    if let Some(number) = arguments.revision {
        let revision = wait_for(client.revision(number))?;
        if arguments.json {
            output::json(&revision)?;
        } else {
            output::print(&listed(std::slice::from_ref(&revision)));
            let api = revision.api.map(|text| (API_FILE.to_owned(), text));
            for (name, text) in revision.sources.unwrap_or_default().texts.into_iter().chain(api) {
                output::print(&format!("\n# {name}\n{}\n", text.trim_end()));
            }
        }
        return Ok(ExitCode::SUCCESS);
    }
    let revisions = wait_for(client.history(arguments.count))?;
    if arguments.json {
        output::json(&revisions)?;
    } else {
        output::print(&listed(&revisions));
    }
    Ok(ExitCode::SUCCESS)
}

/// Revisions, a line each.
fn listed(revisions: &[api::Revision]) -> String {
    let row = |one: &api::Revision| {
        // What others have written is shown on one line, and does nothing to the terminal.
        let plain = |text: &str| text.replace(char::is_control, " ");
        let message = match one.rollback_of {
            Some(number) => format!("(back to {number}) {}", plain(&one.message)),
            None => plain(&one.message),
        };
        let workloads = counted(one.workloads, "workload");
        vec![one.number.to_string(), utc(one.time_ms), plain(&one.author), workloads, message]
    };
    let rows: Vec<Vec<String>> = revisions.iter().map(row).collect();
    output::table(&rows)
}
