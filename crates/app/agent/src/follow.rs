//! What control says, made so: verified, kept, applied, acknowledged.

use crate::agent::{Agent, chain};
use crate::desired::Source;
use crate::kept::{Kept, is_signed};
use crate::link::{Command, ControlLink, Event, KeyFacts, LinkState};
use netloom_base::Time;
use netloom_control_protocol::{Delta, Refusal, Resource};
use netloom_resource::Kind;
use netloom_sys::clock::monotonic_now;
use netloom_sys::processor::has_aes_gcm;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How often control hears how the node is, beside changes.
const STATUS_INTERVAL: Duration = Duration::from_secs(5);
/// How often something that could not be put in force is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Events of drift that control hears of; the node itself keeps more.
const EVENTS_REPORTED_MAX: usize = 10;

/// The agent's side of the link to control.
pub(crate) struct Follower {
    link: ControlLink,
    state: LinkState,
    keys: Option<KeyFacts>,
    /// Where control answers, as the link knows.
    members: Vec<String>,
    status_due: Time,
    retry_due: Time,
    /// The error that control was told of last, if there was one.
    told_error: Option<String>,
    /// Why what control sent is not kept on disk, if it is not.
    not_kept: Option<String>,
    /// How far this host's clock was ahead of control's when control last greeted the node.
    pub(crate) clock_ahead_ms: Option<i64>,
}

impl Follower {
    /// Opens the link.
    pub(crate) fn start(source: &Source, folder: PathBuf) -> anyhow::Result<Self> {
        let Source { joined, held, revision, time_ms, .. } = source;
        let facts = joined.facts.clone();
        let members = facts.control.clone();
        let link = ControlLink::start(folder, facts, held.clone(), *revision, *time_ms)?;
        let now = monotonic_now();
        Ok(Self {
            link,
            state: LinkState::Away("not tried yet".to_owned()),
            keys: None,
            members,
            status_due: now,
            retry_due: now,
            told_error: None,
            not_kept: None,
            clock_ahead_ms: None,
        })
    }

    /// Ready to read when control has said something.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.link.descriptor()
    }

    /// How the link is doing, in words, and whether there is a session.
    pub(crate) fn state(&self) -> (bool, String) {
        match &self.state {
            LinkState::Connected(member) => (true, format!("connected to {member}")),
            LinkState::Away(why) => (false, why.clone()),
        }
    }

    /// Why what is held would not survive a restart, if it would not.
    pub(crate) fn not_kept(&self) -> Option<&str> {
        self.not_kept.as_deref()
    }
}

impl Agent {
    /// Does what control has said since the last time.
    pub(crate) fn follow(&mut self) {
        while let Some(event) = self.follower.link.next() {
            match event {
                Event::State(state) => self.follower.state = state,
                Event::Delta(delta) => self.take(delta),
                Event::Asked(asked) => self.answer(&asked),
                Event::ClockAhead(ahead_ms) => self.follower.clock_ahead_ms = Some(ahead_ms),
            }
            self.report(true);
        }
    }

    /// Keeps and applies a change, if it is control's.
    fn take(&mut self, delta: Delta) {
        let (control, follower) = (&mut self.source, &self.follower);
        let mut held = control.held.clone();
        held.apply(&delta.changes);
        let signed = held.digest() == delta.target
            && is_signed(&control.joined, delta.revision, &held, &delta.seal);
        if !signed {
            follower.link.tell(Command::Distrust);
            return;
        }
        control.held = held;
        control.revision = delta.revision;
        control.time_ms = delta.seal.time_ms;
        control.unkept = Some(delta.seal);
        control.unusable = None;
        let refused = match self.apply_change(&delta.changes) {
            Ok(()) => {
                self.keep();
                self.unusable()
            }
            Err(error) => self
                .whole()
                .map(|fabric| Refusal::new(&fabric, chain(&error)))
                .into_iter()
                .collect(),
        };
        self.follower.retry_due = monotonic_now() + RETRY_INTERVAL;
        self.follower.link.tell(Command::Acknowledge { sequence: delta.sequence, refused });
    }

    /// Keeps what is in force for the next start. What could not be put in force is not kept: a node
    /// that starts again goes on with what it could, and hears from control what it cannot.
    fn keep(&mut self) {
        let source = &mut self.source;
        let Some(seal) = source.unkept.take() else { return };
        let kept = Kept::write(source.joined.folder(), source.revision, &source.held, &seal);
        self.follower.not_kept = kept.err().map(|error| {
            source.unkept = Some(seal);
            format!(
                "{error:#}; what control has sent is in force, and a restart would go back to what \
                 was kept before: make room, or mend the disk"
            )
        });
    }

    /// The resource that stands for all of them: a plan that fails is not the fault of one.
    fn whole(&self) -> Option<Arc<Resource>> {
        self.source.held.iter().find(|one| one.key().kind == Kind::Fabric as u16).cloned()
    }

    /// Resources that this node holds and cannot use.
    fn unusable(&self) -> Vec<Refusal> {
        let find = |kind: u16, name: &str| {
            self.source.held.iter().find(|one| one.key().kind == kind && one.key().name == name)
        };
        let refused = self.desired.refused.iter();
        refused
            .filter_map(|refused| {
                let resource = find(refused.kind, &refused.name)?;
                Some(Refusal::new(resource, refused.reason.clone()))
            })
            .collect()
    }

    /// Tells control how the node is and how it can be called, as often as that is of use, and
    /// tries again what has failed.
    pub(crate) fn report(&mut self, at_once: bool) {
        let now = monotonic_now();
        if now >= self.follower.retry_due
            && (self.last_error.is_some() || self.source.unkept.is_some())
        {
            // What goes wrong is told by status.
            if self.last_error.is_none() || self.apply().is_ok() {
                self.keep();
            }
            self.follower.retry_due = now + RETRY_INTERVAL;
        }
        let keys = KeyFacts {
            public_keys: self
                .desired
                .private_keys
                .iter()
                .map(|(network, key)| (network.clone(), *key.public().as_bytes()))
                .collect(),
            listen_port: self.desired.listen_port,
            has_aes_gcm: has_aes_gcm(),
        };
        let members = &self.source.joined.facts.control;
        if self.follower.members != *members {
            self.follower.members.clone_from(members);
            self.follower.link.tell(Command::Members(members.clone()));
        }
        let due = now >= self.follower.status_due;
        // Who refused something, and is well again, is not to be shown otherwise for longer than that is so.
        let has_turned = self.follower.told_error != self.last_error;
        let status = (at_once || due || has_turned).then(|| self.status());
        let follower = &mut self.follower;
        if follower.keys.as_ref() != Some(&keys) && !keys.public_keys.is_empty() {
            follower.link.tell(Command::Keys(keys.clone()));
            follower.keys = Some(keys);
        }
        if let Some(status) = status {
            follower.status_due = now + STATUS_INTERVAL;
            follower.told_error.clone_from(&self.last_error);
            let shortened = status.map(|mut status| {
                status.drift.shorten(EVENTS_REPORTED_MAX);
                serde_json::to_vec(&status)
            });
            if let Ok(text) = shortened
                && let Ok(text) = text
            {
                follower.link.tell(Command::Status(text));
            }
        }
    }
}
