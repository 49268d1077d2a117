//! Commands on real hosts: control, nodes that join it, and what is declared.

mod access;
mod changes;
mod connectivity;
mod daemons;
mod diff;
mod doctor;
mod down;
mod in_force;
mod install;
mod join;
mod membership;
mod needed;
mod network;
mod nodes;
mod objects;
mod place;
mod ports;
mod seat;
mod started;
mod status;
mod supervise;
mod time;
mod up;
mod vpn;
mod within_lab;

pub(crate) use access::{AccessCommand, Dashboard, access, dashboard};
pub(crate) use changes::{Apply, History, Plan, Rollback, apply, history, plan, rollback};
pub(crate) use daemons::{Control, control};
pub(crate) use diff::{Diff, diff};
pub(crate) use doctor::{Doctor, doctor};
pub(crate) use down::{Down, Start, Stop, down, start, stop};
pub(crate) use in_force::{Known, known};
pub(crate) use install::{Install, install};
pub(crate) use join::{Join, join};
pub(crate) use network::{NetworkCommand, network};
pub(crate) use nodes::{NodeName, Nodes, TokenCommand, approve, list, remove, revoke, token};
pub(crate) use objects::{Objects, objects};
pub(crate) use place::Host;
pub(crate) use ports::{Ports, ports};
pub(crate) use status::{Status, status};
pub(crate) use supervise::{Supervise, supervise};
pub(crate) use up::{Up, up};
pub(crate) use vpn::{VpnCommand, vpn};
pub(crate) use within_lab::LabMachine;

use anyhow::Context as _;
use netloom::ClientError;
use std::future::Future;

/// Runs a conversation with control to its end.
fn wait_for<T>(conversation: impl Future<Output = Result<T, ClientError>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    runtime.block_on(conversation).map_err(explained)
}

/// What control refuses, with all that it says.
fn explained(error: ClientError) -> anyhow::Error {
    match error {
        ClientError::Refused(refused) => {
            if !refused.rendered.is_empty() {
                crate::output::error(&refused.rendered);
            }
            if refused.solution.is_empty() {
                anyhow::anyhow!("{}", refused.message)
            } else {
                anyhow::anyhow!("{}; {}", refused.message, refused.solution)
            }
        }
        ClientError::Failed(ref failed) => {
            if !failed.rendered.is_empty() {
                crate::output::error(&failed.rendered);
            }
            error.into()
        }
        ClientError::Unreachable { .. } => anyhow::anyhow!(
            "{error}; is control up? `netloom up FILE` starts it, `netloom status` on its host shows it"
        ),
        ClientError::Silent { .. } => {
            anyhow::anyhow!("{error}; `netloom doctor` on its host says more")
        }
        other => other.into(),
    }
}

/// Whether control was asked and no answer came, or one that does not say: it may have done what it was asked for.
fn is_unanswered(error: &anyhow::Error) -> bool {
    let told = error.downcast_ref::<ClientError>();
    matches!(
        told,
        Some(ClientError::Broken { .. } | ClientError::Answer(_) | ClientError::Failed(_))
    )
}

/// Who runs the command, for the history.
fn author() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    user.unwrap_or_else(|| format!("user {}", netloom_sys::process::effective_user()))
}
