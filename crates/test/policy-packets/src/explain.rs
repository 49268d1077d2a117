//! The command `netloom explain` asked about flows, as a user asks.

use crate::Tally;
use crate::flow::{FlowProtocol, Trial};
use anyhow::Context as _;
use netloom_model::fabric::Party;
use std::path::Path;
use std::process::Command;

/// Flows of each fabric that are asked about; each is a run of the executable.
const FLOWS_ASKED: usize = 4;

/// Asks about the first flows between workloads and compares with what their packets did.
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
        (Party::Workload(from), Party::Workload(to)) => Some((trial, from, to.clone())),
        (Party::Workload(from), Party::Address(to)) => Some((trial, from, to.to_string())),
        _ => None,
    });
    for (trial, from, to) in asked.take(FLOWS_ASKED) {
        let flow = match trial.protocol {
            FlowProtocol::Tcp => format!("{to}:{}/tcp", trial.port),
            FlowProtocol::Udp => format!("{to}:{}/udp", trial.port),
            FlowProtocol::Icmp => format!("{to}:icmp"),
        };
        let output = Command::new(executable)
            .args(["explain", from, &flow, "--json", "--file"])
            .arg(file)
            .output()
            .context("cannot run netloom explain")?;
        let told: serde_json::Value = serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        let answer = told.as_array().into_iter().flatten().find(|answer| {
            answer["source"] == trial.source.to_string()
                && answer["destination"] == trial.destination.to_string()
        });
        let allowed = answer.and_then(|answer| answer["allowed"].as_bool());
        tally.explained += 1;
        // Where answers were tried, a flow that gets none is denied.
        let passes = trial.arrived && (trial.answered || !answers);
        if allowed != Some(passes) {
            tally.explained_otherwise.push(format!("seed {seed}: {trial}; explain: {allowed:?}"));
        }
    }
    Ok(())
}
