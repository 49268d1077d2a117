//! Rootless fabrics in namespaces: the ground under the nodes is emulated, the nodes are real.
//!
//! ```text
//! `netloom lab up` ── socket ──► supervisor (process 1 of its own user, mount, net, pid namespaces)
//!                                ├─ ground: routers, translators, emulated links (own executor)
//!                                ├─ one `netloom node` for each node, in the node's namespace
//!                                └─ probes: `netloom connect | ping | lookup` in the workloads'
//! ```
//! Invariants: the nodes are run by the executable as users run it, never linked; everything ends
//! with the supervisor, because everything lives in its namespaces.
#![forbid(unsafe_code)]

mod agents;
pub mod emulator;
pub mod identity;
pub mod protocol;
mod report;
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

    pub(crate) fn cause(cause: netloom_sys::executor::Cause) -> Self {
        Self::Io {
            what: "use a namespace of the ground",
            source: io::Error::other(cause.to_string()),
        }
    }
}
