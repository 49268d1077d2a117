//! The preshared keys of a tunnel: the declared one, and those that both ends agree upon inside it.
//!
//! An initiator tries all that it has on a response, newest first; a responder seals with the newest that it knows
//! the initiator to have. An initiator without an agreed key, as after a restart, says so in the timestamp of its
//! initiation, which nobody in between can read or change.

use super::Tunnel;
use crate::crypto::kdf1;
use crate::key::PresharedKey;
use crate::tai64n::Tai64n;
use netloom_base::Time;

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct PresharedKeys {
    declared: PresharedKey,
    /// Both ends have it.
    agreed: Option<PresharedKey>,
    /// The peer may have it.
    offered: Option<PresharedKey>,
    /// The peer may not yet have the agreed one.
    previous: Option<PresharedKey>,
}

impl PresharedKeys {
    pub(super) fn new(declared: PresharedKey) -> Self {
        Self { declared, ..Self::default() }
    }

    /// What a response is sealed with, and whether that was agreed upon.
    pub(super) fn answering(&self, is_lost_there: bool) -> (&PresharedKey, bool) {
        match &self.agreed {
            Some(agreed) if !is_lost_there => (agreed, true),
            Some(_) | None => (&self.declared, false),
        }
    }

    /// What a response may be sealed with, newest first, and whether that was agreed upon.
    pub(super) fn opening(&self) -> impl Iterator<Item = (&PresharedKey, bool)> {
        let agreed = [&self.agreed, &self.offered, &self.previous].into_iter().flatten();
        agreed.map(|key| (key, true)).chain([(&self.declared, false)])
    }

    fn forget_agreed(&mut self) {
        *self = Self::new(std::mem::take(&mut self.declared));
    }

    fn agree(&self, secret: &[u8; 32]) -> PresharedKey {
        // Who declared a key relies on it as well.
        PresharedKey::from_bytes(*kdf1(self.declared.as_bytes(), secret))
    }
}

impl Tunnel {
    /// Changes the preshared key of the next handshake; the session stays. What was agreed upon is forgotten.
    pub fn set_preshared(&mut self, preshared: PresharedKey) {
        self.preshared = PresharedKeys::new(preshared);
    }

    /// Whether the peer agrees upon keys inside the tunnel. If not, what was agreed upon is forgotten.
    pub fn set_agrees_keys(&mut self, agrees_keys: bool) {
        self.agrees_keys = agrees_keys;
        if !agrees_keys {
            self.preshared.forget_agreed();
        }
    }

    /// The peer may seal handshakes with `secret` from now on.
    pub fn offer_preshared(&mut self, secret: &[u8; 32]) {
        self.preshared.offered = Some(self.preshared.agree(secret));
    }

    /// The peer has the secret that was offered.
    pub fn promote_preshared(&mut self) {
        if let Some(offered) = self.preshared.offered.take() {
            self.preshared.previous = self.preshared.agreed.replace(offered);
        }
    }

    /// Both ends have `secret`: a handshake with it is asked for.
    pub fn adopt_preshared(&mut self, now: Time, secret: &[u8; 32]) {
        let agreed = self.preshared.agree(secret);
        self.preshared.previous = self.preshared.agreed.replace(agreed);
        self.want_handshake(now);
    }

    /// Whether the session that is sent in has a key that was agreed upon.
    pub fn has_agreed_key(&self, now: Time) -> bool {
        let current = self.sessions.current().filter(|session| !session.is_expired(now));
        current.is_some_and(|session| session.is_agreed)
    }

    /// Tells a node that agrees upon keys if there is none on this side.
    pub(super) fn without_key_if_so(&self, timestamp: Tai64n) -> Tai64n {
        let has_key = self.preshared.agreed.is_some() || self.preshared.offered.is_some();
        if self.agrees_keys && !has_key { timestamp.without_agreed_key() } else { timestamp }
    }

    /// Whether the peer says that it holds no agreed key.
    pub(super) const fn is_key_lost_there(&self, timestamp: Tai64n) -> bool {
        self.agrees_keys && timestamp.is_without_agreed_key()
    }
}
