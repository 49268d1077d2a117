//! The command `netloom explain` asked about flows, as a user asks.

use crate::Tally;
use crate::flow::{FlowProtocol, Trial};
use anyhow::Context as _;
use netloom_model::fabric::Party;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// How many runs of the command go on at the same time: each waits more than it computes.
const RUNS_AT_ONCE: usize = 8;

/// Asks about all flows that can be named and compares with what their packets did.
///
/// # Errors
/// The executable cannot be run, or answers something that is not an answer.
pub fn compare(
    executable: &Path,
    file: &Path,
    seed: u64,
    trials: &[Trial],
    answers: bool,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    // Nodes' addresses follow from the fabric's id, which no file holds.
    let plain = trials.iter().filter(|trial| !trial.spoofed && !trial.middle);
    let asked = plain.filter_map(|trial| match (&trial.sender, &trial.receiver) {
        (Party::Workload(from), Party::Workload(to)) => Some((trial, from.clone(), to.clone())),
        (Party::Workload(from), Party::Address(to)) => Some((trial, from.clone(), to.to_string())),
        (Party::Address(from), Party::Workload(to)) => Some((trial, from.to_string(), to.clone())),
        _ => None,
    });
    let asked: Vec<(&Trial, String, String)> = asked.collect();
    for together in asked.chunks(RUNS_AT_ONCE) {
        let runs =
            together.iter().map(|(trial, from, to)| start(executable, file, trial, from, to));
        let runs = runs.collect::<std::io::Result<Vec<Child>>>();
        for ((trial, ..), run) in together.iter().zip(runs.context("cannot run netloom explain")?) {
            let output = run.wait_with_output().context("netloom explain says nothing")?;
            let allowed = told(&output, trial)?;
            tally.explained += 1;
            // Where answers were tried, a flow that gets none is denied.
            let passes = trial.arrived && (trial.answered || !answers);
            if allowed != Some(passes) {
                let line = format!("seed {seed}: {trial}; explain: {allowed:?}");
                tally.explained_otherwise.push(line);
            }
        }
    }
    Ok(())
}

/// Runs the command about one flow.
fn start(
    executable: &Path,
    file: &Path,
    trial: &Trial,
    from: &str,
    to: &str,
) -> std::io::Result<Child> {
    let flow = match trial.protocol {
        FlowProtocol::Tcp => format!("{to}:{}/tcp", trial.port),
        FlowProtocol::Udp => format!("{to}:{}/udp", trial.port),
        FlowProtocol::Icmp => format!("{to}:icmp"),
    };
    let mut command = Command::new(executable);
    command.args(["explain", from, &flow, "--json", "--file"]).arg(file);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// Whether it says that the flow passes between the addresses of a trial.
fn told(output: &Output, trial: &Trial) -> anyhow::Result<Option<bool>> {
    let told: serde_json::Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let answer = told.as_array().into_iter().flatten().find(|answer| {
        answer["source"] == trial.source.to_string()
            && answer["destination"] == trial.destination.to_string()
    });
    Ok(answer.and_then(|answer| answer["allowed"].as_bool()))
}
