//! The three places for sessions: previous, current, and next (a responder's, not yet confirmed).

use crate::index_table::IndexTable;
use crate::session::{Role, Session};

/// At most three sessions at a time, so that a rekey loses no packet that is under way.
#[derive(Default)]
pub(super) struct Sessions {
    previous: Option<Box<Session>>,
    current: Option<Box<Session>>,
    next: Option<Box<Session>>,
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
        self.each().find(|session| session.local_index == index)
    }

    pub(super) fn by_index_mut(&mut self, index: u32) -> Option<&mut Session> {
        [&mut self.current, &mut self.previous, &mut self.next]
            .into_iter()
            .filter_map(|place| place.as_deref_mut())
            .find(|session| session.local_index == index)
    }

    fn each(&self) -> impl Iterator<Item = &Session> {
        [&self.current, &self.previous, &self.next].into_iter().filter_map(|place| place.as_deref())
    }

    /// Puts a new session in its place.
    ///
    /// An initiator may use it at once. A session that waits in `next` then was made by a
    /// handshake that crossed this one: the peer sends with it, so it becomes `previous`.
    /// A responder waits until a packet proves that the initiator has the keys (paper §5.1).
    pub(super) fn insert(&mut self, session: Session, indexes: &mut IndexTable) {
        match session.role {
            Role::Initiator => {
                let behind = self.next.take().or_else(|| self.current.take());
                release(self.current.take(), indexes);
                release(std::mem::replace(&mut self.previous, behind), indexes);
                self.current = Some(Box::new(session));
            }
            Role::Responder => {
                release(self.previous.take(), indexes);
                release(self.next.replace(Box::new(session)), indexes);
            }
        }
    }

    /// A packet came in `index`: if that is the next session, it is the current one from now on.
    pub(super) fn confirm(&mut self, index: u32, indexes: &mut IndexTable) -> bool {
        if self.next.as_ref().is_none_or(|next| next.local_index != index) {
            return false;
        }
        let before = std::mem::replace(&mut self.current, self.next.take());
        release(std::mem::replace(&mut self.previous, before), indexes);
        true
    }

    pub(super) fn clear(&mut self, indexes: &mut IndexTable) {
        for place in [&mut self.previous, &mut self.current, &mut self.next] {
            release(place.take(), indexes);
        }
    }
}

fn release(session: Option<Box<Session>>, indexes: &mut IndexTable) {
    if let Some(session) = session {
        indexes.release(session.local_index);
    }
}
