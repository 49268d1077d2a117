//! `netloom explain`: each step of a flow's way, and the line of the file that decides it.

mod flow;

use crate::host::{self, Host, Known};
use crate::output;
use netloom_plan::names::whom;
use netloom_plan::reach::allowed::{self, Allowed};
use netloom_plan::reach::change::{Change, altering};
use netloom_plan::reach::{self, Answer, Step, StepKind, Unanswerable};
use netloom_policy::words;
use serde_json::json;
use std::process::ExitCode;

/// Explains why a flow passes or does not.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// Who calls: a workload, a node, an address, or `internet`.
    from: String,
    /// Who is called and how: `db-1:5432/tcp`, `cam-1:7777/udp`, `web-1:icmp`, `db-1:NAME` with a name of
    /// the file's `ports`; without a port, everything that may pass is listed. A service stands for each of its
    /// members, and names that resolvers answer, such as `db-1.shop.internal`, for whom they answer with.
    to: String,
    /// Files of the fabric; if none are named, `netloom.yaml` in this folder, or else what is in force, as
    /// control on this host says.
    #[arg(short, long = "file")]
    files: Vec<String>,
    #[command(flatten)]
    host: Host,
    /// Print the steps as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Explain) -> anyhow::Result<ExitCode> {
    let Known { fabric, world } = host::known(&arguments.host, &arguments.files)?;
    let input = world.input(&fabric);
    let called = whom(&fabric, &arguments.to);
    if !called.is_empty() {
        let from = flow::party(&fabric, &arguments.from)?;
        let mut all = Vec::new();
        for to in &called {
            let pairs = allowed::allowed(&input, &from, to);
            all.extend(pairs.map_err(|why| refused(why, arguments))?);
        }
        return Ok(list(&all, arguments));
    }
    flow::possible(&arguments.to)?;
    let mut told = Vec::new();
    for flow in flow::parse(&fabric, &arguments.from, &arguments.to)? {
        let answers = reach::reach(&input, &flow).map_err(|why| refused(why, arguments))?;
        told.extend(answers.into_iter().map(|answer| {
            let changes = altering(&input, &flow, &answer);
            (answer, changes)
        }));
    }
    if arguments.json {
        let answers: Vec<_> =
            told.iter().map(|(answer, changes)| answer_json(answer, changes.as_deref())).collect();
        output::print(&format!("{:#}\n", json!(answers)));
    } else {
        for (answer, changes) in &told {
            output::print(&render(answer, changes.as_deref(), arguments));
        }
    }
    let passes = told.iter().any(|(answer, _)| answer.passes());
    Ok(if passes { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn refused(why: Unanswerable, arguments: &Explain) -> anyhow::Error {
    let (from, to) = (&arguments.from, &arguments.to);
    match why {
        Unanswerable::NoCommonFamily => anyhow::anyhow!(
            "{from} and {to} have no address of a common family: give their subnets one each"
        ),
        Unanswerable::Outside => anyhow::anyhow!("neither {from} nor {to} is in the fabric"),
    }
}

/// Lists everything that may pass; a failure if nothing may.
fn list(all: &[Allowed], arguments: &Explain) -> ExitCode {
    if arguments.json {
        let pairs: Vec<_> = all.iter().map(allowed_json).collect();
        output::print(&format!("{:#}\n", json!(pairs)));
    } else {
        output::print(&listed(all, arguments));
    }
    let some = all.iter().any(|pair| !pair.transports.is_empty());
    if some { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn listed(all: &[Allowed], arguments: &Explain) -> String {
    let line = |pair: &Allowed| {
        let what = match (&pair.obstacle, words::words(&pair.transports)) {
            (Some(obstacle), _) => format!("nothing: {obstacle}"),
            (None, words) if words.is_empty() => "nothing: no rule allows any".to_owned(),
            (None, words) => words.join(", "),
        };
        let (from, to) = (&arguments.from, &arguments.to);
        format!("{from} ({}) -> {to} ({}): {what}\n", pair.source, pair.destination)
    };
    all.iter().map(line).collect()
}

fn allowed_json(pair: &Allowed) -> serde_json::Value {
    json!({ "source": pair.source, "destination": pair.destination,
            "allowed": words::words(&pair.transports), "obstacle": pair.obstacle })
}

fn word(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Name => "name",
        StepKind::SourceCheck => "source",
        StepKind::Egress => "egress",
        StepKind::Route => "route",
        StepKind::Tunnel => "tunnel",
        StepKind::Ingress => "ingress",
        StepKind::AclEgress => "acl out",
        StepKind::AclIngress => "acl in",
        StepKind::Gateway => "gateway",
        StepKind::Answer => "answer",
    }
}

fn render(answer: &Answer, changes: Option<&[Change]>, arguments: &Explain) -> String {
    let verdict = if answer.passes() { "allowed" } else { "denied" };
    let mut text = format!(
        "{} ({}) -> {} ({}): {verdict}\n",
        arguments.from, answer.source, arguments.to, answer.destination
    );
    for step in &answer.steps {
        text.push_str(&render_step(step));
    }
    text.push_str(&render_changes(answer, changes));
    text
}

/// The smallest changes that alter the answer, or what else can be done.
fn render_changes(answer: &Answer, changes: Option<&[Change]>) -> String {
    let what = if answer.passes() { "to close it" } else { "to open it" };
    match (changes, answer.obstacle().and_then(|step| step.remedy.as_ref())) {
        (Some([change]), _) => format!("  {what}: {change}\n"),
        (Some(changes), _) => {
            let mut text = format!("  {what}, all of:\n");
            changes.iter().for_each(|change| text.push_str(&format!("    - {change}\n")));
            text
        }
        (None, Some(remedy)) => format!("  {what}: {remedy}\n"),
        (None, None) => format!("  {what}: no rule decides it\n"),
    }
}

fn render_step(step: &Step) -> String {
    let mark = output::mark(step.passes);
    let place = step.span.as_ref().map(|span| format!("  [{span}]")).unwrap_or_default();
    format!("  {mark} {:<8} {}{place}\n", word(step.kind), step.finding)
}

fn answer_json(answer: &Answer, changes: Option<&[Change]>) -> serde_json::Value {
    let steps: Vec<_> = answer
        .steps
        .iter()
        .map(|step| {
            let place = step.span.as_ref().map(
                |span| json!({ "file": *span.file, "line": span.line, "column": span.column }),
            );
            json!({ "step": word(step.kind), "passes": step.passes, "finding": step.finding,
                    "place": place, "remedy": step.remedy })
        })
        .collect();
    json!({ "source": answer.source, "destination": answer.destination,
            "allowed": answer.passes(), "steps": steps,
            "changes": changes.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>()) })
}

#[cfg(test)]
mod tests;
