//! From the parts of a delta to what is held afterwards, with all that can be wrong on the way.

use super::collection::{Collection, Flaw};
use super::{AgentEvent, AgentSession, Delta, Staged};
use crate::digest::Digest;
use crate::failure::FailureCode;
use crate::limits::RESYNCS_MAX;
use crate::message::{DeltaPart, Message, Resync, ResyncReason};
use crate::seal::Seal;
use crate::set::{ResourceSet, delta_between};

impl AgentSession {
    pub(super) fn part(&mut self, part: DeltaPart) {
        if part.resyncs < self.resyncs {
            // Begun before control knew that everything is wanted.
            self.link.counters.ignored_parts += 1;
            return;
        }
        if let Some(collection) = self.collection.take_if(|one| one.sequence() == part.sequence) {
            self.collect(collection, part);
            return;
        }
        let is_new = part.resyncs == self.resyncs && part.sequence > self.last_sequence;
        if !is_new || self.staged.is_some() {
            self.link.unexpected(&Message::Delta(part));
            return;
        }
        self.last_sequence = part.sequence;
        self.collection = None;
        let held = self.held.digest();
        if part.base != Digest::of_nothing() && part.base != held {
            let text = format!("the delta begins at {:?}, the node holds {held:?}", part.base);
            self.ask_for_everything(ResyncReason::BASE, text);
        } else {
            self.collect(Collection::new(&part), part);
        }
    }

    fn collect(&mut self, mut collection: Collection, part: DeltaPart) {
        let seal = part.seal.clone();
        match collection.add(part) {
            Err(Flaw::Payload(key)) => {
                let text = format!("the version of {key:?} is not that of its payload");
                self.ask_for_everything(ResyncReason::PAYLOAD, text);
            }
            Err(Flaw::Inconsistent) => {
                let text = "the parts of a delta contradict each other";
                let solution = "bring both ends to the same version";
                self.link.fail(FailureCode::MALFORMED, text, solution);
            }
            Err(Flaw::TooMuch) => {
                let text = "a delta of more than this node can take";
                self.link.fail(FailureCode::LIMIT, text, "give the node less to hold");
            }
            Ok(()) => match seal {
                Some(seal) => self.stage(collection, seal),
                None => self.collection = Some(collection),
            },
        }
    }

    fn stage(&mut self, collection: Collection, seal: Seal) {
        let (sequence, revision) = (collection.sequence(), collection.revision());
        let (base, target) = (collection.base(), collection.target());
        let collected = collection.into_changes();
        let was_full = base == Digest::of_nothing();
        let whole: Option<ResourceSet> =
            was_full.then(|| collected.upserts.iter().cloned().collect());
        let (reached, changes) = match &whole {
            Some(whole) => (whole.digest(), delta_between(&self.held, whole)),
            None => (self.held.digest_after(&collected), collected),
        };
        if reached != target {
            let text = format!("the delta leads to {reached:?}, not to {target:?}");
            self.ask_for_everything(ResyncReason::TARGET, text);
            return;
        }
        self.resyncs_in_a_row = 0;
        let staged = Staged { sequence, revision, target, changes: changes.clone(), whole };
        self.staged = Some(staged);
        self.push(AgentEvent::Delta(Delta { sequence, revision, target, seal, was_full, changes }));
    }

    pub(super) fn ask_for_everything(&mut self, reason: ResyncReason, text: String) {
        (self.collection, self.staged) = (None, None);
        self.resyncs += 1;
        self.resyncs_in_a_row += 1;
        if self.resyncs_in_a_row > RESYNCS_MAX {
            let text = format!("{text}, and {RESYNCS_MAX} attempts to begin anew did not help");
            self.link.fail(FailureCode::DIVERGED, text, "report this: control contradicts itself");
            return;
        }
        let (digest, text) = (self.held.digest(), crate::failure::cut(text));
        self.link.send(&Message::Resync(Resync { digest, reason, text }));
    }
}
