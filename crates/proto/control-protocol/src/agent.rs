//! The agent's end: holds a set of resources and follows what control wants.
//!
//! ```text
//!            welcome                 delta whole, as said            acknowledge
//! greeting ──────────► following ──────────────────────────► staged ────────────► following
//!                        │   ▲                                             (the set is the new one)
//!    base, target or a   │   │ a delta from nothing
//!    payload is not as   ▼   │
//!    said: resync ─────► wants everything (deltas begun before control knows are ignored)
//! ```

mod collection;
mod follow;
mod signal;

pub use signal::{AgentConfig, AgentEvent, Delta};

use crate::digest::Digest;
use crate::failure::FailureCode;
use crate::limits::{EVENTS_MAX, REFUSALS_MAX, STATUS_BYTES_MAX};
use crate::link::{Counters, Link, SendError};
use crate::message::{Applied, Hello, Message, Refusal, ResyncReason, Status, Welcome};
use crate::set::{Changes, ResourceSet};
use collection::Collection;
use netloom_base::{Seed, Time};
use std::collections::VecDeque;
use std::time::Duration;

/// A delta that the caller has not acknowledged yet.
#[derive(Debug)]
struct Staged {
    sequence: u64,
    revision: u64,
    target: Digest,
    changes: Changes,
    /// What is held afterwards, where control has sent everything.
    whole: Option<ResourceSet>,
}

/// The agent's end of a session.
#[derive(Debug)]
pub struct AgentSession {
    config: AgentConfig,
    link: Link,
    held: ResourceSet,
    revision: u64,
    /// The newest delta that a part of has come.
    last_sequence: u64,
    collection: Option<Collection>,
    staged: Option<Staged>,
    /// Times that everything was asked for, and how many of them in a row.
    resyncs: u64,
    resyncs_in_a_row: u32,
    events: VecDeque<AgentEvent>,
}

impl AgentSession {
    /// A session that begins with what the agent holds, and the revision that it got it with.
    pub fn new(
        config: AgentConfig,
        held: ResourceSet,
        revision: u64,
        seed: Seed,
        now: Time,
    ) -> Self {
        let mut link = Link::new(config.timing, seed, now);
        link.send(&Message::Hello(Hello {
            version_min: config.versions.min,
            version_max: config.versions.max,
            features: config.features.clone(),
            node: config.node.clone(),
            fabric: config.fabric,
            software: crate::failure::cut(config.software.clone()),
            digest: held.digest(),
            revision,
        }));
        Self {
            config,
            link,
            held,
            revision,
            last_sequence: 0,
            collection: None,
            staged: None,
            resyncs: 0,
            resyncs_in_a_row: 0,
            events: VecDeque::new(),
        }
    }

    /// What the agent holds: what it last acknowledged.
    pub fn held(&self) -> &ResourceSet {
        &self.held
    }

    /// The revision of what it holds.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What the session has counted.
    pub fn counters(&self) -> Counters {
        self.link.counters
    }

    /// How long the last ping took.
    pub fn round_trip(&self) -> Option<Duration> {
        self.link.round_trip()
    }

    // === the machine's verbs ===

    /// Takes in what has come over the stream.
    pub fn handle_input(&mut self, now: Time, bytes: &[u8]) {
        self.link.advance(now);
        self.link.push(bytes);
        while let Some(message) = self.link.next_message() {
            self.handle(message);
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        self.link.advance(now);
        self.link.handle_timeout();
    }

    /// The next frame for the stream.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.link.poll_transmit()
    }

    /// What has happened. The end of the session is the last event.
    pub fn poll_event(&mut self) -> Option<AgentEvent> {
        let call = |link: &mut Link| link.poll_call().map(AgentEvent::Call);
        let event = self.events.pop_front().or_else(|| call(&mut self.link));
        event.or_else(|| self.link.poll_end().map(AgentEvent::Ended))
    }

    /// When to call [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Time> {
        self.link.poll_timeout()
    }

    // === what the caller wants ===

    /// The delta has been stored and applied: it is what the agent holds from now on. Resources
    /// that cannot be put in force are held too, and named with the reason.
    pub fn acknowledge(
        &mut self,
        now: Time,
        sequence: u64,
        mut refused: Vec<Refusal>,
    ) -> Result<(), SendError> {
        self.link.advance(now);
        self.link.check_open()?;
        let staged = self.staged.take_if(|staged| staged.sequence == sequence);
        let staged = staged.ok_or(SendError::NotWaitedFor)?;
        match staged.whole {
            Some(whole) => self.held = whole,
            None => self.held.apply(&staged.changes),
        }
        self.revision = staged.revision;
        let more_refused = refused.len().saturating_sub(REFUSALS_MAX) as u64;
        refused.truncate(REFUSALS_MAX);
        self.link.send(&Message::Applied(Applied {
            sequence,
            digest: staged.target,
            refused,
            more_refused: (more_refused > 0).then_some(more_refused),
        }));
        Ok(())
    }

    /// Asks control for everything, for instance since a delta could not be stored.
    pub fn resync(&mut self, now: Time, why: impl Into<String>) -> Result<(), SendError> {
        self.link.advance(now);
        self.link.check_open()?;
        self.ask_for_everything(ResyncReason::WANTED, why.into());
        Ok(())
    }

    /// Tells how the node is. A status that is not yet sent gives way to a newer one.
    pub fn status(&mut self, now: Time, body: Vec<u8>) -> Result<(), SendError> {
        self.link.advance(now);
        self.link.check_open()?;
        if body.len() > STATUS_BYTES_MAX {
            return Err(SendError::TooLong { bytes: body.len(), max: STATUS_BYTES_MAX });
        }
        self.link.send_status(&Message::Status(Status { body: body.into() }));
        Ok(())
    }

    /// Asks control, and gives the number under which it will answer.
    pub fn request(&mut self, now: Time, body: Vec<u8>) -> Result<u32, SendError> {
        self.link.advance(now);
        self.link.request(body)
    }

    /// Answers a request of control.
    pub fn respond(&mut self, now: Time, id: u32, body: Vec<u8>) -> Result<(), SendError> {
        self.link.advance(now);
        self.link.respond(id, body)
    }

    /// Ends the session and tells control why.
    pub fn fail(
        &mut self,
        now: Time,
        code: FailureCode,
        text: impl Into<String>,
        solution: impl Into<String>,
    ) {
        self.link.advance(now);
        self.link.fail(code, text, solution);
    }

    // === what control says ===

    fn handle(&mut self, message: Message) {
        match message {
            Message::Welcome(welcome) => self.welcome(welcome),
            Message::Delta(part) => self.part(part),
            message => self.link.unexpected(&message),
        }
    }

    fn welcome(&mut self, welcome: Welcome) {
        let ours = self.config.versions;
        if !ours.contains(welcome.version) {
            let text = format!("control chose version {}; the node speaks {ours}", welcome.version);
            self.link.fail(FailureCode::VERSION, text, "bring control to the node's version");
            return;
        }
        self.link.open();
        self.push(AgentEvent::Welcomed(welcome));
    }

    fn push(&mut self, event: AgentEvent) {
        if self.events.len() >= EVENTS_MAX {
            let text = "more happens than this end can follow";
            self.link.fail(FailureCode::LIMIT, text, "send less at once");
            return;
        }
        self.events.push_back(event);
    }
}
