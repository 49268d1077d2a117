//! What control says, made so: verified, kept, applied, acknowledged.

use crate::agent::{Agent, chain};
use crate::desired::{FromControl, Source};
use crate::kept::{Kept, is_signed};
use crate::link::{Command, ControlLink, Event, KeyFacts, LinkState};
use netloom_base::Time;
use netloom_control_protocol::{Delta, Refusal, Resource};
use netloom_resource::Kind;
use netloom_sys::clock::monotonic_now;
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
    /// Why what control sent is not kept on disk, if it is not.
    not_kept: Option<String>,
}

impl Follower {
    /// Opens the link, if the node hears from control.
    pub(crate) fn start(source: &Source, folder: PathBuf) -> anyhow::Result<Option<Self>> {
        let Source::Control(control) = source else { return Ok(None) };
        let FromControl { joined, held, revision, time_ms } = control.as_ref();
        let facts = joined.facts.clone();
        let members = facts.control.clone();
        let link = ControlLink::start(folder, facts, held.clone(), *revision, *time_ms)?;
        let now = monotonic_now();
        Ok(Some(Self {
            link,
            state: LinkState::Away("not tried yet".to_owned()),
            keys: None,
            members,
            status_due: now,
            retry_due: now,
            not_kept: None,
        }))
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
        while let Some(event) = self.follower.as_ref().and_then(|follower| follower.link.next()) {
            match event {
                Event::State(state) => {
                    if let Some(follower) = &mut self.follower {
                        follower.state = state;
                    }
                }
                Event::Delta(delta) => self.take(delta),
            }
            self.report(true);
        }
    }

    /// Keeps and applies a change, if it is control's.
    fn take(&mut self, delta: Delta) {
        let (Source::Control(control), Some(follower)) = (&mut self.source, &mut self.follower)
        else {
            return;
        };
        let mut held = control.held.clone();
        held.apply(&delta.changes);
        let signed = held.digest() == delta.target
            && is_signed(&control.joined, delta.revision, &held, &delta.seal);
        if !signed {
            follower.link.tell(Command::Distrust);
            return;
        }
        let kept = Kept::write(control.joined.folder(), delta.revision, &held, &delta.seal);
        follower.not_kept = kept.err().map(|error| format!("{error:#}"));
        control.held = held;
        control.revision = delta.revision;
        control.time_ms = delta.seal.time_ms;
        let refused = match self.apply() {
            Ok(_) => self.unusable(),
            Err(error) => self
                .whole()
                .map(|fabric| Refusal::new(&fabric, chain(&error)))
                .into_iter()
                .collect(),
        };
        if let Some(follower) = &mut self.follower {
            follower.retry_due = monotonic_now() + RETRY_INTERVAL;
            follower.link.tell(Command::Acknowledge { sequence: delta.sequence, refused });
        }
    }

    /// The resource that stands for all of them: a plan that fails is not the fault of one.
    fn whole(&self) -> Option<Arc<Resource>> {
        let Source::Control(control) = &self.source else { return None };
        control.held.iter().find(|one| one.key().kind == Kind::Fabric as u16).cloned()
    }

    /// Resources that this node holds and cannot use.
    fn unusable(&self) -> Vec<Refusal> {
        let Source::Control(control) = &self.source else { return Vec::new() };
        let find = |kind: u16, name: &str| {
            control.held.iter().find(|one| one.key().kind == kind && one.key().name == name)
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
        if self.follower.as_ref().is_some_and(|follower| now >= follower.retry_due)
            && self.last_error.is_some()
        {
            // What goes wrong is told by status.
            let _ = self.apply();
            if let Some(follower) = &mut self.follower {
                follower.retry_due = now + RETRY_INTERVAL;
            }
        }
        let keys = KeyFacts {
            public_keys: self
                .desired
                .private_keys
                .iter()
                .map(|(network, key)| (network.clone(), *key.public().as_bytes()))
                .collect(),
            listen_port: self.desired.listen_port,
        };
        if let (Source::Control(control), Some(follower)) = (&self.source, &mut self.follower)
            && follower.members != control.joined.facts.control
        {
            follower.members.clone_from(&control.joined.facts.control);
            follower.link.tell(Command::Members(follower.members.clone()));
        }
        let due = self.follower.as_ref().is_some_and(|follower| now >= follower.status_due);
        let status = (at_once || due).then(|| self.status());
        let Some(follower) = &mut self.follower else { return };
        if follower.keys.as_ref() != Some(&keys) && !keys.public_keys.is_empty() {
            follower.link.tell(Command::Keys(keys.clone()));
            follower.keys = Some(keys);
        }
        if let Some(status) = status {
            follower.status_due = now + STATUS_INTERVAL;
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
