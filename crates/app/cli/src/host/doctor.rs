//! `netloom doctor`: what is wrong on this host, why, and the command that mends it.
//!
//! ```text
//! gather (looks, changes nothing) ─► Facts ─► judge (pure) ─► findings
//! ```

mod facts;
mod finding;
mod forward;
mod gather;
mod gather_network;
mod judge;
mod judge_daemons;
mod judge_network;
pub(super) mod sockets;
#[cfg(test)]
mod tests;

use super::place::Host;
use super::within_lab::LabMachine;
use crate::output;
use finding::Severity;
use std::process::ExitCode;

/// Looks for what is wrong on this host: kernel, folders, daemons, workloads, ports, clock, control,
/// tunnels, names, routes, rules, MTU. Nothing is changed; the exit code is 1 if there is an error.
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    host: Host,
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn doctor(arguments: &Doctor) -> anyhow::Result<ExitCode> {
    let place = arguments.host.chosen()?;
    let lab = LabMachine::of_this_command();
    let words = match (&lab, &arguments.host.fabric) {
        (None, _) => arguments.host.words(),
        // Its folders are in the environment of commands there.
        (Some(_), Some(fabric)) => format!(" --fabric {fabric}"),
        (Some(_), None) => String::new(),
    };
    let mut findings = judge::judge(&gather::gather(&place, words, lab.is_some()));
    if let Some(machine) = lab {
        findings.iter_mut().for_each(|found| found.command = machine.typed(&found.command));
    }
    if arguments.json {
        output::print(&format!("{}\n", serde_json::to_string_pretty(&findings)?));
    } else {
        output::print(&finding::shown(&findings));
    }
    let has_error = findings.iter().any(|found| found.severity == Severity::Error);
    Ok(if has_error { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
