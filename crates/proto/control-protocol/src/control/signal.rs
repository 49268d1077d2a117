//! What goes in and comes out at control's end of a session, beside bytes.

use crate::digest::Digest;
use crate::failure::End;
use crate::link::{Call, Timing};
use crate::message::{FabricId, Hello, Refusal, ResyncReason};
use crate::version::Versions;
use std::collections::BTreeSet;

/// Whom a session is with.
#[derive(Clone, Debug)]
pub struct ControlConfig {
    /// Control's fabric.
    pub fabric: FabricId,
    /// The node's name as its certificate proves it.
    pub node: String,
    /// What control can do beyond the version.
    pub features: BTreeSet<String>,
    /// What control speaks: [`Versions::OURS`].
    pub versions: Versions,
    /// Times.
    pub timing: Timing,
}

/// What happens to control's end of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlEvent {
    /// The agent has said who it is, and it is whom it should be: call [`super::ControlSession::accept`].
    Hello(Hello),
    /// A delta is held by the agent: call [`super::ControlSession::publish`], the feed may have moved on.
    Applied {
        /// The revision that the agent holds.
        revision: u64,
        /// What it holds.
        digest: Digest,
        /// Resources of the delta that it cannot put in force.
        refused: Vec<Refusal>,
        /// How many more there are.
        more_refused: u64,
    },
    /// The agent needs everything: call [`super::ControlSession::publish`].
    ResyncAsked {
        /// Why.
        reason: ResyncReason,
        /// The same for people.
        text: String,
    },
    /// How the node is.
    Status(Vec<u8>),
    /// Requests and answers.
    Call(Call),
    /// The session is over.
    Ended(End),
}

/// What a session has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Deltas from what the agent held.
    pub deltas: u64,
    /// Deltas with everything.
    pub fulls: u64,
    /// Resources and removals of all of them.
    pub items: u64,
}
