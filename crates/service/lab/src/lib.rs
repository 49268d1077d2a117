//! Rootless fabrics in namespaces: the ground under the nodes is emulated, the nodes are real.
//!
//! ```text
//! `netloom lab up` ── socket ──► supervisor (process 1 of its own user, mount, net, pid namespaces)
//!        │                       ├─ ground: routers, translators, emulated links (own executor)
//!        │                       ├─ `netloom control` in the namespace of one of the nodes
//!        │                       ├─ `netloom join`, then `netloom node`, in each node's namespace
//!        │                       ├─ `netloom apply | status | …`: what is asked of control
//!        │                       └─ probes: `netloom connect | ping | lookup` in the workloads'
//!        └─ a listening socket of the caller's own namespace, passed on to control: the dashboard
//! ```
//! Invariants: control and nodes are run by the executable as users run it, never linked, and keep
//! their files as hosts do; everything ends with the supervisor, because everything lives in its
//! namespaces.
#![forbid(unsafe_code)]

mod agents;
mod asker;
mod change;
mod control;
mod daemon;
pub mod emulator;
mod machine;
mod names;
pub mod protocol;
mod report;
mod seat;
mod sources;
pub mod supervisor;
pub mod trial;
pub mod underlay;

use netloom_sys::namespace::{NamespaceError, SpawnError};
use netloom_sys::{ExecuteError, ObserveError};
use std::io;

/// Why a lab is not what was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// The fabric has errors.
    #[error("the fabric cannot be used:\n{0}")]
    Fabric(String),
    /// The ground cannot be planned.
    #[error(transparent)]
    Underlay(#[from] underlay::UnderlayError),
    /// The ground could not be laid.
    #[error("the ground: {0}")]
    Execute(#[from] ExecuteError),
    /// The ground could not be read.
    #[error("the ground: {0}")]
    Observe(#[from] ObserveError),
    /// A namespace could not be entered.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// A program could not be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// A node's agent failed.
    #[error("node {node}: {why}\n{log}")]
    Agent {
        /// The node.
        node: String,
        /// What happened.
        why: String,
        /// The end of its log.
        log: String,
    },
    /// Control failed.
    #[error("control: {why}\n{log}")]
    Control {
        /// What happened.
        why: String,
        /// The end of its log.
        log: String,
    },
    /// Control does not accept what is declared, and nothing has changed.
    #[error("{0}")]
    NotAccepted(String),
    /// A node cannot put in force what is declared, or a command failed.
    #[error("{0}")]
    Refused(String),
    /// Nodes have not acknowledged what was declared.
    #[error("not in force within 30 s: {0}; see what they say with `netloom lab status`")]
    Behind(String),
    /// Nodes do not hear of each other.
    #[error("nodes do not hear of each other within 30 s:\n{0}")]
    Peers(String),
    /// The machine of control would go.
    #[error(
        "control of this lab runs on {machine}, which the change removes or moves; \
         take the lab down and bring it up again"
    )]
    Unseated {
        /// The machine.
        machine: String,
    },
    /// Nodes behind translators did not get through.
    #[error("no handshake within 15 s: {0}; see the agents' logs with `netloom lab status`")]
    Sessions(String),
    /// Something else of the system.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Nothing is up.
    #[error("no fabric is up in this lab; run `netloom lab up FILE`")]
    NotUp,
    /// A change failed, and the lab is as it was.
    #[error("{0}\nthe lab was taken back to what it was")]
    TakenBack(String),
    /// A change failed, and so did the way back.
    #[error("{0}\nthe lab could not be taken back either ({1}); end it and bring it up again")]
    Mixed(String, String),
    /// The one who asked has gone away.
    #[error("the command was interrupted")]
    Abandoned,
}

impl LabError {
    pub(crate) fn io(what: &'static str, source: io::Error) -> Self {
        Self::Io { what, source }
    }

    /// Whether this was found before anything was changed.
    fn is_before_change(&self) -> bool {
        matches!(
            self,
            Self::Fabric(_) | Self::Underlay(_) | Self::Unseated { .. } | Self::NotAccepted(_)
        )
    }

    pub(crate) fn cause(cause: netloom_sys::executor::Cause) -> Self {
        Self::Io {
            what: "use a namespace of the ground",
            source: io::Error::other(cause.to_string()),
        }
    }
}
