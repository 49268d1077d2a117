//! The handshake's cryptography: Noise_IKpsk2 over the paper's §5.4.2 and §5.4.3.

use crate::crypto::{Aead, HASH_BYTES, Secret, TAG_BYTES, counter_nonce, hash, kdf1, kdf2, kdf3};
use crate::key::{KEY_BYTES, PresharedKey, PrivateKey, PublicKey};
use crate::message::{INITIATION_BYTES, Initiation, RESPONSE_BYTES, Response};
use crate::tai64n::{TAI64N_BYTES, Tai64n};
use zeroize::{Zeroize as _, Zeroizing};

const CONSTRUCTION: &[u8] = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
const IDENTIFIER: &[u8] = b"WireGuard v1 zx2c4 Jason@zx2c4.com";

/// The chaining key C and the hash H of the paper (Noise's SymmetricState).
#[derive(Clone)]
pub(crate) struct Transcript {
    chaining: Secret,
    hash: [u8; HASH_BYTES],
}

/// What a handshake ends in: the keys of one session, seen from this side.
pub(crate) struct TransportKeys {
    pub(crate) send: Secret,
    pub(crate) receive: Secret,
}

/// An initiator waiting for the response.
pub(crate) struct Initiating {
    transcript: Transcript,
    ephemeral: PrivateKey,
}

/// An initiation whose sender has been read, but whose timestamp has not been verified.
pub(crate) struct Opening {
    transcript: Transcript,
    ephemeral: PublicKey,
    sealed_timestamp: [u8; TAI64N_BYTES + TAG_BYTES],
}

/// An initiation that proved its sender; the responder answers it.
pub(crate) struct Responding {
    transcript: Transcript,
    remote_ephemeral: PublicKey,
}

// === impl Transcript ===

impl Transcript {
    fn new(prologue: &[u8], responder: &PublicKey) -> Self {
        let start = hash(&[CONSTRUCTION]);
        let mut transcript = Self { chaining: Zeroizing::new(start), hash: start };
        transcript.mix_hash(prologue);
        transcript.mix_hash(responder.as_bytes());
        transcript
    }

    fn mix_hash(&mut self, data: &[u8]) {
        self.hash = hash(&[&self.hash, data]);
    }

    fn mix_key(&mut self, input: &[u8]) {
        self.chaining = kdf1(&*self.chaining, input);
    }

    /// Noise's `e` token where a preshared key is in play: the hash and the key take it in.
    fn mix_ephemeral(&mut self, ephemeral: &PublicKey) {
        self.mix_hash(ephemeral.as_bytes());
        self.mix_key(ephemeral.as_bytes());
    }

    fn mix_key_for_aead(&mut self, input: &[u8]) -> Secret {
        let (chaining, key) = kdf2(&*self.chaining, input);
        self.chaining = chaining;
        key
    }

    fn mix_preshared(&mut self, preshared: &PresharedKey) -> Secret {
        let (chaining, mixed, key) = kdf3(&*self.chaining, preshared.as_bytes());
        self.chaining = chaining;
        self.mix_hash(&*mixed);
        key
    }

    /// Seals all but the last 16 bytes of `field` in place; every key seals one field.
    fn seal(&mut self, key: &Secret, field: &mut [u8]) {
        Aead::new(key).seal(counter_nonce(0), &self.hash, field);
        self.mix_hash(field);
    }

    /// Opens `field` in place; the hash takes in the sealed bytes.
    fn open(&mut self, key: &Secret, field: &mut [u8]) -> Option<()> {
        let after = hash(&[&self.hash, field]);
        let opened = Aead::new(key).open(counter_nonce(0), &self.hash, field);
        self.hash = after;
        opened.then_some(())
    }

    fn split(&self) -> (Secret, Secret) {
        kdf2(&*self.chaining, &[])
    }
}

impl Drop for Transcript {
    fn drop(&mut self) {
        self.hash.zeroize();
    }
}

// === initiator ===

/// What an initiator knows before it starts.
pub(crate) struct InitiatorKeys<'a> {
    pub(crate) local: PublicKey,
    pub(crate) remote: &'a PublicKey,
    /// DH(local static, remote static), computed once per peer.
    pub(crate) static_static: &'a Secret,
}

/// Writes an initiation, without macs; `None` if the peer's key is of low order.
pub(crate) fn initiate(
    keys: &InitiatorKeys<'_>,
    ephemeral: PrivateKey,
    timestamp: Tai64n,
    sender: u32,
) -> Option<(Initiating, [u8; INITIATION_BYTES])> {
    initiate_with(IDENTIFIER, keys, ephemeral, timestamp, sender)
}

fn initiate_with(
    prologue: &[u8],
    keys: &InitiatorKeys<'_>,
    ephemeral: PrivateKey,
    timestamp: Tai64n,
    sender: u32,
) -> Option<(Initiating, [u8; INITIATION_BYTES])> {
    let mut message = Initiation::blank(sender);
    let mut transcript = Transcript::new(prologue, keys.remote);
    let ephemeral_public = ephemeral.public();
    message[Initiation::EPHEMERAL_AT..Initiation::STATIC_AT]
        .copy_from_slice(ephemeral_public.as_bytes());
    transcript.mix_ephemeral(&ephemeral_public);

    let key = transcript.mix_key_for_aead(&*ephemeral.diffie_hellman(keys.remote)?);
    let field = &mut message[Initiation::STATIC_AT..Initiation::TIMESTAMP_AT];
    field[..KEY_BYTES].copy_from_slice(keys.local.as_bytes());
    transcript.seal(&key, field);

    let key = transcript.mix_key_for_aead(&**keys.static_static);
    let field = &mut message[Initiation::TIMESTAMP_AT..Initiation::MACS_AT];
    field[..TAI64N_BYTES].copy_from_slice(timestamp.as_bytes());
    transcript.seal(&key, field);
    Some((Initiating { transcript, ephemeral }, message))
}

impl Initiating {
    /// Reads the response. The state stays as it is, so that a forged response ends nothing.
    pub(crate) fn finish(
        &self,
        local: &PrivateKey,
        preshared: &PresharedKey,
        response: &Response<'_>,
    ) -> Option<TransportKeys> {
        let mut transcript = self.transcript.clone();
        let remote_ephemeral = response.ephemeral();
        transcript.mix_ephemeral(&remote_ephemeral);
        transcript.mix_key(&*self.ephemeral.diffie_hellman(&remote_ephemeral)?);
        transcript.mix_key(&*local.diffie_hellman(&remote_ephemeral)?);
        let key = transcript.mix_preshared(preshared);
        transcript.open(&key, &mut response.sealed_empty().clone())?;
        let (send, receive) = transcript.split();
        Some(TransportKeys { send, receive })
    }
}

// === responder ===

/// Reads who sent an initiation; `None` if it does not decrypt.
pub(crate) fn open(
    local: &PrivateKey,
    local_public: &PublicKey,
    initiation: &Initiation<'_>,
) -> Option<(Opening, PublicKey)> {
    open_with(IDENTIFIER, local, local_public, initiation)
}

fn open_with(
    prologue: &[u8],
    local: &PrivateKey,
    local_public: &PublicKey,
    initiation: &Initiation<'_>,
) -> Option<(Opening, PublicKey)> {
    let mut transcript = Transcript::new(prologue, local_public);
    let ephemeral = initiation.ephemeral();
    transcript.mix_ephemeral(&ephemeral);
    let key = transcript.mix_key_for_aead(&*local.diffie_hellman(&ephemeral)?);
    let mut field = *initiation.sealed_static();
    transcript.open(&key, &mut field)?;
    let remote = PublicKey::from_bytes(*field.first_chunk()?);
    let sealed_timestamp = *initiation.sealed_timestamp();
    Some((Opening { transcript, ephemeral, sealed_timestamp }, remote))
}

impl Opening {
    /// Verifies that the initiation comes from the peer whose `static_static` this is.
    pub(crate) fn verify(mut self, static_static: &Secret) -> Option<(Responding, Tai64n)> {
        let key = self.transcript.mix_key_for_aead(&**static_static);
        let mut field = self.sealed_timestamp;
        self.transcript.open(&key, &mut field)?;
        let timestamp = Tai64n::from_bytes(*field.first_chunk()?);
        let responding =
            Responding { transcript: self.transcript, remote_ephemeral: self.ephemeral };
        Some((responding, timestamp))
    }
}

impl Responding {
    /// Writes the response, without macs.
    pub(crate) fn respond(
        mut self,
        remote: &PublicKey,
        preshared: &PresharedKey,
        ephemeral: &PrivateKey,
        (sender, receiver): (u32, u32),
    ) -> Option<(TransportKeys, [u8; RESPONSE_BYTES])> {
        let mut message = Response::blank(sender, receiver);
        let ephemeral_public = ephemeral.public();
        message[Response::EPHEMERAL_AT..Response::EMPTY_AT]
            .copy_from_slice(ephemeral_public.as_bytes());
        self.transcript.mix_ephemeral(&ephemeral_public);
        self.transcript.mix_key(&*ephemeral.diffie_hellman(&self.remote_ephemeral)?);
        self.transcript.mix_key(&*ephemeral.diffie_hellman(remote)?);
        let key = self.transcript.mix_preshared(preshared);
        self.transcript.seal(&key, &mut message[Response::EMPTY_AT..Response::MACS_AT]);
        let (receive, send) = self.transcript.split();
        Some((TransportKeys { send, receive }, message))
    }
}
