//! The sessions of a tunnel: the one to send with, one not yet confirmed, and those that the peer
//! may still be sending with.

use crate::index_table::IndexTable;
use crate::limits::RETIRED_SESSIONS_MAX;
use crate::session::{Role, Session};
use netloom_base::Time;
use std::collections::VecDeque;

/// The paper's previous, current and next session (§6.3), with more than one previous: where both
/// ends start at once, each sends with the session that it has started, and a rekey of both leaves
/// three that packets may still come in.
#[derive(Default)]
pub(super) struct Sessions {
    current: Option<Box<Session>>,
    /// A responder's, until a packet proves that the initiator has the keys too.
    next: Option<Box<Session>>,
    /// Oldest first.
    retired: VecDeque<Box<Session>>,
}

impl Sessions {
    /// The session to send with.
    pub(super) fn current(&self) -> Option<&Session> {
        self.current.as_deref()
    }

    pub(super) fn current_mut(&mut self) -> Option<&mut Session> {
        self.current.as_deref_mut()
    }

    pub(super) fn by_index(&self, index: u32) -> Option<&Session> {
        let named = self.current.iter().chain(&self.next);
        named.chain(&self.retired).map(|s| &**s).find(|session| session.local_index == index)
    }

    pub(super) fn by_index_mut(&mut self, index: u32) -> Option<&mut Session> {
        let named = self.current.iter_mut().chain(&mut self.next);
        let all = named.chain(&mut self.retired).map(|s| &mut **s);
        all.into_iter().find(|session| session.local_index == index)
    }

    /// Puts a new session in its place: an initiator may send with it at once, a responder waits.
    pub(super) fn insert(&mut self, session: Session, now: Time, indexes: &mut IndexTable) {
        match session.role {
            Role::Initiator => {
                let before = self.current.replace(Box::new(session));
                self.retire(before, now, indexes);
                // What waits in `next` was made by a handshake that crossed this one, so the
                // peer, its initiator, sends with it.
                let crossed = self.next.take();
                self.retire(crossed, now, indexes);
            }
            Role::Responder => {
                // The initiator has started anew, so it never got the keys of the one before.
                if let Some(before) = self.next.replace(Box::new(session)) {
                    indexes.release(before.local_index);
                }
            }
        }
    }

    /// A packet came in session `index`: if that is the next one, it is the current from now on.
    pub(super) fn confirm(&mut self, index: u32, now: Time, indexes: &mut IndexTable) -> bool {
        let Some(next) = self.next.take_if(|next| next.local_index == index) else { return false };
        let before = self.current.replace(next);
        self.retire(before, now, indexes);
        true
    }

    pub(super) fn clear(&mut self, indexes: &mut IndexTable) {
        let named = self.current.take().into_iter().chain(self.next.take());
        for session in named.chain(self.retired.drain(..)) {
            indexes.release(session.local_index);
        }
    }

    fn retire(&mut self, session: Option<Box<Session>>, now: Time, indexes: &mut IndexTable) {
        self.retired.extend(session);
        while let Some(oldest) = self.retired.front()
            && (oldest.is_expired(now) || self.retired.len() > RETIRED_SESSIONS_MAX)
        {
            indexes.release(oldest.local_index);
            self.retired.pop_front();
        }
    }
}
