//! What goes in and comes out at the agent's end of a session, beside bytes.

use crate::digest::Digest;
use crate::failure::End;
use crate::link::{Call, Timing};
use crate::message::{FabricId, Welcome};
use crate::seal::Seal;
use crate::set::Changes;
use crate::version::Versions;
use std::collections::BTreeSet;

/// Who the agent is.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// The fabric that it belongs to.
    pub fabric: FabricId,
    /// Its node's name.
    pub node: String,
    /// Name and version of its software.
    pub software: String,
    /// What it can do beyond the version.
    pub features: BTreeSet<String>,
    /// What it speaks: [`Versions::OURS`].
    pub versions: Versions,
    /// Times.
    pub timing: Timing,
}

/// What happens to an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentEvent {
    /// Control has greeted.
    Welcomed(Welcome),
    /// Control wants something else from now on. It is held once it is acknowledged.
    Delta(Delta),
    /// Requests and answers.
    Call(Call),
    /// The session is over.
    Ended(End),
}

/// What control wants to change. The caller verifies the seal over [`crate::seal::statement`],
/// stores and applies the changes, and then calls [`super::AgentSession::acknowledge`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// Its number in the session.
    pub sequence: u64,
    /// The revision that it leads to.
    pub revision: u64,
    /// What the agent will hold.
    pub target: Digest,
    /// Control's word for it.
    pub seal: Seal,
    /// Whether control has sent everything. The changes are against what is held in any case.
    pub was_full: bool,
    /// What changes.
    pub changes: Changes,
}
