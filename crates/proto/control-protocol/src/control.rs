//! Control's end: brings one agent to what its feed wants, one delta after the other.
//!
//! ```text
//!            hello             accept                    applied as said
//! awaiting ─────────► greeted ───────► following ◄──────────────────────── delta under way
//!                                          │  publish: the feed is elsewhere      ▲
//!                                          └──────────────────────────────────────┘
//!                                   from what the agent holds, if the feed knows it; else everything
//! ```
//! At most one delta is under way. What changes in the meantime is not kept here: the next delta is
//! computed from the feed's journal when the agent has acknowledged, so that all that has happened
//! since becomes one change.

mod parts;
mod signal;

pub use signal::{ControlConfig, ControlEvent, Sent};

use crate::digest::Digest;
use crate::failure::FailureCode;
use crate::feed::{Feed, Since};
use crate::limits::{EVENTS_MAX, RESYNCS_MAX};
use crate::link::{Counters, Link, SendError};
use crate::message::{Applied, Hello, Message, Resync, ResyncReason, Welcome};
use netloom_base::{Seed, Time};
use parts::Parts;
use std::collections::VecDeque;
use std::time::Duration;

/// Control's end of a session.
#[derive(Debug)]
pub struct ControlSession {
    config: ControlConfig,
    link: Link,
    /// The hello that is to be accepted.
    greeting: Option<Hello>,
    /// What the agent holds, and its revision; nothing where only everything helps.
    held: Option<(Digest, u64)>,
    under_way: Option<Parts>,
    last_sequence: u64,
    /// Times that the agent has asked for everything, and how many attempts in a row have failed.
    resyncs: u64,
    failures_in_a_row: u32,
    sent: Sent,
    events: VecDeque<ControlEvent>,
}

impl ControlSession {
    /// A session with a node that has proven its name.
    pub fn new(config: ControlConfig, seed: Seed, now: Time) -> Self {
        let link = Link::new(config.timing, seed, now);
        Self {
            config,
            link,
            greeting: None,
            held: None,
            under_way: None,
            last_sequence: 0,
            resyncs: 0,
            failures_in_a_row: 0,
            sent: Sent::default(),
            events: VecDeque::new(),
        }
    }

    /// What the session has counted.
    pub fn counters(&self) -> Counters {
        self.link.counters
    }

    /// What the session has sent.
    pub fn sent(&self) -> Sent {
        self.sent
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

    /// The next frame for the stream. Parts of a delta are made one by one, when they are asked
    /// for, and everything else goes before them.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        if let Some(bytes) = self.link.poll_transmit() {
            return Some(bytes);
        }
        let part = self.under_way.as_mut().filter(|_| !self.link.has_ended())?.next()?;
        self.link.has_sent();
        Some(crate::frame::frame(&netloom_cbor::to_bytes(&Message::Delta(part))))
    }

    /// What has happened. The end of the session is the last event.
    pub fn poll_event(&mut self) -> Option<ControlEvent> {
        let call = |link: &mut Link| link.poll_call().map(ControlEvent::Call);
        let event = self.events.pop_front().or_else(|| call(&mut self.link));
        event.or_else(|| self.link.poll_end().map(ControlEvent::Ended))
    }

    /// When to call [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Time> {
        self.link.poll_timeout()
    }

    // === what the caller wants ===

    /// Greets the agent, and begins to bring it to what the feed wants. `time_ms` is what control's
    /// clock shows: milliseconds since 1970.
    pub fn accept(&mut self, now: Time, time_ms: u64, feed: &Feed) -> Result<(), SendError> {
        let hello = self.welcome(now, time_ms, Some(feed.revision()))?;
        self.held = Some((hello.digest, hello.revision));
        self.publish(now, feed);
        Ok(())
    }

    /// Greets an agent that is brought nothing, and may only ask.
    pub fn greet(&mut self, now: Time, time_ms: u64) -> Result<(), SendError> {
        self.welcome(now, time_ms, None).map(drop)
    }

    /// Welcomes the agent; to one that is brought nothing, what it holds counts as the newest.
    fn welcome(
        &mut self,
        now: Time,
        time_ms: u64,
        revision: Option<u64>,
    ) -> Result<Hello, SendError> {
        self.link.advance(now);
        if self.link.has_ended() {
            return Err(SendError::Ended);
        }
        let hello = self.greeting.take().ok_or(SendError::NotWaitedFor)?;
        let versions = self.config.versions.highest_shared(&hello.versions());
        let version = versions.expect("a hello without a shared version is not offered");
        let features = self.config.features.intersection(&hello.features).cloned().collect();
        let revision = revision.unwrap_or(hello.revision);
        self.link.send(&Message::Welcome(Welcome { version, features, time_ms, revision }));
        self.link.open();
        Ok(hello)
    }

    /// Sends what the agent lacks of what the feed wants, unless a delta is under way. To be called
    /// whenever the feed has changed, and after the events that say so.
    pub fn publish(&mut self, now: Time, feed: &Feed) {
        self.link.advance(now);
        if self.link.check_open().is_err() || self.under_way.is_some() {
            return;
        }
        let since = match &self.held {
            Some((digest, revision)) => feed.since(digest, *revision),
            None => Since::Unknown,
        };
        let (base, changes) = match (since, &self.held) {
            (Since::UpToDate, _) => return,
            (Since::Changes(changes), Some((digest, _))) => {
                self.sent.deltas += 1;
                (*digest, changes)
            }
            _ => {
                self.sent.fulls += 1;
                (Digest::of_nothing(), feed.everything())
            }
        };
        self.sent.items += changes.len() as u64;
        self.last_sequence += 1;
        let numbers = (self.last_sequence, self.resyncs);
        self.under_way = Some(Parts::new(numbers, base, changes, feed));
    }

    /// Whether the agent has not said yet what it holds after what was sent last.
    pub fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Asks the agent, and gives the number under which it will answer.
    pub fn request(&mut self, now: Time, body: Vec<u8>) -> Result<u32, SendError> {
        self.link.advance(now);
        self.link.request(body)
    }

    /// Answers a request of the agent.
    pub fn respond(&mut self, now: Time, id: u32, body: Vec<u8>) -> Result<(), SendError> {
        self.link.advance(now);
        self.link.respond(id, body)
    }

    /// Ends the session and tells the agent why.
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

    // === what the agent says ===

    fn handle(&mut self, message: Message) {
        match message {
            Message::Hello(hello) if self.greeting.is_none() => self.hello(hello),
            Message::Applied(applied) => self.applied(applied),
            Message::Resync(resync) => self.resync(resync),
            Message::Status(status) => self.push(ControlEvent::Status(status.body.0)),
            message => self.link.unexpected(&message),
        }
    }

    fn hello(&mut self, hello: Hello) {
        let (ours, theirs) = (self.config.versions, hello.versions());
        if ours.highest_shared(&theirs).is_none() {
            let text = format!("no version in common: the node speaks {theirs}, control {ours}");
            let older = if theirs.max < ours.min { "the node" } else { "control" };
            let solution = format!("bring {older} to a newer version");
            self.link.fail(FailureCode::VERSION, text, solution);
        } else if hello.fabric != self.config.fabric {
            let text = "the node belongs to another fabric";
            let solution = "give it an address of its own fabric's control, or let it join here";
            self.link.fail(FailureCode::FABRIC, text, solution);
        } else if hello.node != self.config.node {
            let name = &self.config.node;
            let text = format!("the node calls itself {:?}, and has proven {name:?}", hello.node);
            let solution = "start it with the state of the node that it is";
            self.link.fail(FailureCode::NAME, text, solution);
        } else {
            self.greeting = Some(hello.clone());
            self.push(ControlEvent::Hello(hello));
        }
    }

    fn applied(&mut self, applied: Applied) {
        let is_answer =
            |parts: &mut Parts| parts.sequence() == applied.sequence && parts.are_sent();
        let Some(parts) = self.under_way.take_if(is_answer) else {
            self.link.unexpected(&Message::Applied(applied));
            return;
        };
        if applied.digest != parts.target() {
            let digest = applied.digest;
            let text = format!("the node holds {digest:?}, not {:?}", parts.target());
            self.give_everything(ResyncReason::TARGET, text);
            return;
        }
        self.failures_in_a_row = 0;
        self.held = Some((parts.target(), parts.revision()));
        self.push(ControlEvent::Applied {
            revision: parts.revision(),
            digest: applied.digest,
            refused: applied.refused,
            more_refused: applied.more_refused.unwrap_or(0),
        });
    }

    fn resync(&mut self, resync: Resync) {
        self.resyncs += 1;
        self.give_everything(resync.reason, resync.text);
    }

    fn give_everything(&mut self, reason: ResyncReason, text: String) {
        (self.under_way, self.held) = (None, None);
        self.failures_in_a_row += 1;
        if self.failures_in_a_row > RESYNCS_MAX {
            let text = format!("{text}, and {RESYNCS_MAX} attempts to begin anew did not help");
            self.link.fail(FailureCode::DIVERGED, text, "report this: the agent goes astray");
            return;
        }
        self.push(ControlEvent::ResyncAsked { reason, text });
    }

    fn push(&mut self, event: ControlEvent) {
        if self.events.len() >= EVENTS_MAX {
            let text = "more happens than this end can follow";
            self.link.fail(FailureCode::LIMIT, text, "send less at once");
            return;
        }
        self.events.push_back(event);
    }
}
