//! Cookies, both sides (paper §5.3, §5.4.7): given out under load, and used when received.

use crate::aead::TAG_BYTES;
use crate::crypto::{MAC_BYTES, Mac, xaead};
use crate::identity::MacKeys;
use crate::key::PublicKey;
use crate::limits::COOKIE_SECRET_LIFETIME;
use crate::message::{COOKIE_REPLY_BYTES, CookieReply, Macs};
use crate::rng::ErasingRng;
use netloom_base::Time;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A received cookie is used this much shorter than its maker keeps the secret, for the time
/// that the message is under way.
const COOKIE_LATENCY: Duration = Duration::from_secs(5);

/// The secret that this node's cookies come from; replaced every two minutes.
pub(crate) struct CookieSecret {
    mac: Mac,
    made_at: Time,
}

impl CookieSecret {
    pub(crate) fn new(rng: &mut ErasingRng, now: Time) -> Self {
        Self { mac: Mac::new(&*rng.block()), made_at: now }
    }

    pub(crate) fn rotate_if_old(&mut self, rng: &mut ErasingRng, now: Time) {
        if now.saturating_since(self.made_at) >= COOKIE_SECRET_LIFETIME {
            *self = Self::new(rng, now);
        }
    }

    /// The cookie of a source: of its address and port.
    fn cookie(&self, source: SocketAddr) -> [u8; MAC_BYTES] {
        let port = source.port().to_be_bytes();
        match source.ip() {
            IpAddr::V4(v4) => self.mac.over(&[&v4.octets(), &port]),
            IpAddr::V6(v6) => self.mac.over(&[&v6.octets(), &port]),
        }
    }

    /// Whether mac2 proves that the sender receives what is sent to `source`.
    pub(crate) fn verifies(&self, source: SocketAddr, macs: &Macs<'_>) -> bool {
        Mac::new(&self.cookie(source)).verify(&[macs.body, macs.mac1], macs.mac2)
    }

    /// The reply that hands the cookie of `source` to the sender of a message.
    pub(crate) fn reply(
        &self,
        rng: &mut ErasingRng,
        keys: &MacKeys,
        source: SocketAddr,
        macs: &Macs<'_>,
    ) -> [u8; COOKIE_REPLY_BYTES] {
        let mut reply = CookieReply::blank(macs.sender);
        let random = rng.block();
        let nonce = random.first_chunk::<24>().expect("32 bytes hold 24");
        reply[CookieReply::NONCE_AT..CookieReply::COOKIE_AT].copy_from_slice(nonce);
        let field = &mut reply[CookieReply::COOKIE_AT..];
        field[..MAC_BYTES].copy_from_slice(&self.cookie(source));
        let (aead, nonce) = xaead(&keys.cookie, nonce);
        aead.seal(nonce, macs.mac1, field);
        reply
    }
}

/// What a tunnel signs its handshake messages with, and the cookie it was given.
pub(crate) struct CookieJar {
    keys: MacKeys,
    cookie: Option<([u8; MAC_BYTES], Time)>,
    /// The mac1 of the last message, which a cookie reply must name.
    awaiting: Option<[u8; MAC_BYTES]>,
}

impl CookieJar {
    pub(crate) fn new(remote: &PublicKey) -> Self {
        Self { keys: MacKeys::of(remote), cookie: None, awaiting: None }
    }

    /// Writes mac1, and mac2 if there is a fresh cookie, at the end of a handshake message.
    pub(crate) fn sign(&mut self, now: Time, message: &mut [u8]) {
        let body_bytes = message.len() - 2 * MAC_BYTES;
        let mac1 = self.keys.mac1.over(&[&message[..body_bytes]]);
        message[body_bytes..body_bytes + MAC_BYTES].copy_from_slice(&mac1);
        let fresh = COOKIE_SECRET_LIFETIME - COOKIE_LATENCY;
        if let Some((cookie, received_at)) = self.cookie
            && now.saturating_since(received_at) < fresh
        {
            let covered = body_bytes + MAC_BYTES;
            let mac2 = Mac::new(&cookie).over(&[&message[..covered]]);
            message[covered..].copy_from_slice(&mac2);
        }
        self.awaiting = Some(mac1);
    }

    /// Takes the cookie out of a reply; one reply per message sent.
    pub(crate) fn receive(&mut self, now: Time, reply: &CookieReply<'_>) -> Option<()> {
        let mac1 = self.awaiting?;
        let mut field: [u8; MAC_BYTES + TAG_BYTES] = *reply.sealed_cookie();
        let (aead, nonce) = xaead(&self.keys.cookie, reply.nonce());
        if !aead.open(nonce, &mac1, &mut field) {
            return None;
        }
        self.cookie = Some((*field.first_chunk()?, now));
        self.awaiting = None;
        Some(())
    }
}
