//! The handshake's cryptography: Noise_IKpsk2 over the paper's §5.4.2 and §5.4.3.

use crate::aead::{Aead, TAG_BYTES};
use crate::crypto::{HASH_BYTES, Secret, hash, kdf1, kdf2, kdf3};
use crate::key::{KEY_BYTES, PresharedKey, PrivateKey, PublicKey};
use crate::message::{INITIATION_BYTES, Initiation, RESPONSE_BYTES, Response};
use crate::suite::Suite;
use crate::tai64n::{TAI64N_BYTES, Tai64n};
use zeroize::{Zeroize as _, Zeroizing};

const IDENTIFIER: &[u8] = b"WireGuard v1 zx2c4 Jason@zx2c4.com";

/// The chaining key C and the hash H of the paper (Noise's SymmetricState).
#[derive(Clone)]
pub(crate) struct Transcript {
    suite: Suite,
    chaining: Secret,
    hash: [u8; HASH_BYTES],
}

/// What a handshake ends in: the keys of one session, seen from this side.
pub(crate) struct TransportKeys {
    pub(crate) suite: Suite,
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
    fn new(suite: Suite, prologue: &[u8], responder: &PublicKey) -> Self {
        let start = hash(&[suite.construction()]);
        let mut transcript = Self { suite, chaining: Zeroizing::new(start), hash: start };
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
        Aead::new(self.suite, key).seal(self.suite.nonce(0), &self.hash, field);
        self.mix_hash(field);
    }

    /// Opens `field` in place; the hash takes in the sealed bytes.
    fn open(&mut self, key: &Secret, field: &mut [u8]) -> Option<()> {
        let after = hash(&[&self.hash, field]);
        let opened = Aead::new(self.suite, key).open(self.suite.nonce(0), &self.hash, field);
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
    pub(crate) suite: Suite,
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
    let mut message = Initiation::blank(keys.suite, sender);
    message[Initiation::EPHEMERAL_AT..Initiation::STATIC_AT]
        .copy_from_slice(ephemeral.public().as_bytes());
    let (head, payload) = message[..Initiation::MACS_AT].split_at_mut(Initiation::TIMESTAMP_AT);
    payload[..TAI64N_BYTES].copy_from_slice(timestamp.as_bytes());
    let static_field = &mut head[Initiation::STATIC_AT..];
    let transcript = seal_initiation(IDENTIFIER, keys, &ephemeral, static_field, payload)?;
    Some((Initiating { transcript, ephemeral }, message))
}

/// Noise's `e, es, s, ss` and the payload.
fn seal_initiation(
    prologue: &[u8],
    keys: &InitiatorKeys<'_>,
    ephemeral: &PrivateKey,
    static_field: &mut [u8],
    payload: &mut [u8],
) -> Option<Transcript> {
    let mut transcript = Transcript::new(keys.suite, prologue, keys.remote);
    transcript.mix_ephemeral(&ephemeral.public());
    let key = transcript.mix_key_for_aead(&*ephemeral.diffie_hellman(keys.remote)?);
    static_field[..KEY_BYTES].copy_from_slice(keys.local.as_bytes());
    transcript.seal(&key, static_field);
    let key = transcript.mix_key_for_aead(&**keys.static_static);
    transcript.seal(&key, payload);
    Some(transcript)
}

impl Initiating {
    /// Reads the response, which is sealed with one of several preshared keys; gives what stands beside that one. The state
    /// stays as it is, so that a forged response ends nothing; nor does it cost an exchange for each of the keys.
    pub(crate) fn finish<'a, T>(
        &self,
        local: &PrivateKey,
        preshared: impl IntoIterator<Item = (&'a PresharedKey, T)>,
        response: &Response<'_>,
    ) -> Option<(TransportKeys, T)> {
        let mut before = self.transcript.clone();
        let remote_ephemeral = response.ephemeral();
        before.mix_ephemeral(&remote_ephemeral);
        before.mix_key(&*self.ephemeral.diffie_hellman(&remote_ephemeral)?);
        before.mix_key(&*local.diffie_hellman(&remote_ephemeral)?);
        preshared.into_iter().find_map(|(preshared, beside)| {
            let mut transcript = before.clone();
            let key = transcript.mix_preshared(preshared);
            transcript.open(&key, &mut response.sealed_empty().clone())?;
            let (send, receive) = transcript.split();
            Some((TransportKeys { suite: transcript.suite, send, receive }, beside))
        })
    }
}

// === responder ===

/// Reads who sent an initiation; `None` if it does not decrypt.
pub(crate) fn open(
    local: &PrivateKey,
    local_public: &PublicKey,
    initiation: &Initiation<'_>,
) -> Option<(Opening, PublicKey)> {
    let mut transcript = Transcript::new(initiation.suite(), IDENTIFIER, local_public);
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
        message[Response::EPHEMERAL_AT..Response::EMPTY_AT]
            .copy_from_slice(ephemeral.public().as_bytes());
        let payload = &mut message[Response::EMPTY_AT..Response::MACS_AT];
        self.seal_response(remote, preshared, ephemeral, payload)?;
        let (receive, send) = self.transcript.split();
        Some((TransportKeys { suite: self.transcript.suite, send, receive }, message))
    }

    /// Noise's `e, ee, se, psk` and the payload.
    fn seal_response(
        &mut self,
        remote: &PublicKey,
        preshared: &PresharedKey,
        ephemeral: &PrivateKey,
        payload: &mut [u8],
    ) -> Option<()> {
        self.transcript.mix_ephemeral(&ephemeral.public());
        self.transcript.mix_key(&*ephemeral.diffie_hellman(&self.remote_ephemeral)?);
        self.transcript.mix_key(&*ephemeral.diffie_hellman(remote)?);
        let key = self.transcript.mix_preshared(preshared);
        self.transcript.seal(&key, payload);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::unhex;

    fn key(hex: &str) -> PrivateKey {
        PrivateKey::from_bytes(unhex(hex).try_into().unwrap())
    }

    /// A text with room for its tag.
    fn payload(text: &str) -> Vec<u8> {
        [text.as_bytes(), &[0; TAG_BYTES]].concat()
    }

    /// The vector of Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s in the cacophony collection, which
    /// has a prologue and payloads where WireGuard has its own.
    #[test]
    fn the_handshake_agrees_with_the_noise_test_vector() {
        let initiator = key("e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1");
        let responder = key("4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893");
        let first = key("893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a");
        let second = key("bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b");
        let preshared = PresharedKey::from_bytes(*b"This is my Austrian perspective!");

        let remote = responder.public();
        let static_static = initiator.diffie_hellman(&remote).unwrap();
        let local = initiator.public();
        let suite = Suite::ChaCha20Poly1305;
        let keys = InitiatorKeys { suite, local, remote: &remote, static_static: &static_static };
        let (mut sealed, mut text) = ([0; KEY_BYTES + TAG_BYTES], payload("Ludwig von Mises"));
        let prologue = b"John Galt";
        let transcript = seal_initiation(prologue, &keys, &first, &mut sealed, &mut text).unwrap();
        let message = [first.public().as_bytes(), &sealed[..], &text].concat();
        let expected = "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944\
                        001e21de9f98ddd8e2ad57527207feb56253c9c94a9e496782ecfcb2a75fbcaf\
                        1b52948cc48daefe660c62119ab50009\
                        80c84831215f2441eba616548e832985464cf17e51ee93109008399a21f7e13f";
        assert_eq!(message, unhex(expected));

        let mut responding = Responding { transcript, remote_ephemeral: first.public() };
        let mut text = payload("Murray Rothbard");
        responding.seal_response(&local, &preshared, &second, &mut text).unwrap();
        let message = [&second.public().as_bytes()[..], &text].concat();
        let expected = "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843\
                        cb765f2caef0751b8f007572dab0322217755c0632f365717edbf34d33e87a";
        assert_eq!(message, unhex(expected));
        let (to_responder, to_initiator) = responding.transcript.split();
        let transport = [
            (
                &to_responder,
                0,
                "F. A. Hayek",
                "8153ca9833bc3c1b91a7e66e5f4d4f5b59bf9e64c2f20d15f0bba7",
            ),
            (
                &to_initiator,
                0,
                "Carl Menger",
                "07af0c9c86e1b4e80f36b04ff7688d51141af3debd0332f0a705ef",
            ),
            (
                &to_responder,
                1,
                "Jean-Baptiste Say",
                "6ab1467c0448cc78394494abaaf23afce0e234315d6e2624dcbfa8a21c1c4d073d",
            ),
        ];
        for (key, counter, text, expected) in transport {
            let mut text = payload(text);
            Aead::new(suite, key).seal(suite.nonce(counter), &[], &mut text);
            assert_eq!(text, unhex(expected));
        }
    }

    struct Ends {
        a: PrivateKey,
        b: PrivateKey,
        shared: Secret,
    }

    fn ends() -> Ends {
        let [a, b] = [1, 2].map(|n| PrivateKey::from_bytes([n; KEY_BYTES]));
        let shared = a.diffie_hellman(&b.public()).unwrap();
        Ends { a, b, shared }
    }

    fn initiation(ends: &Ends, suite: Suite) -> (Initiating, [u8; INITIATION_BYTES]) {
        let (local, remote) = (ends.a.public(), &ends.b.public());
        let keys = InitiatorKeys { suite, local, remote, static_static: &ends.shared };
        let ephemeral = PrivateKey::from_bytes([3; KEY_BYTES]);
        initiate(&keys, ephemeral, Tai64n::from_bytes([7; TAI64N_BYTES]), 11).unwrap()
    }

    fn opened(ends: &Ends, message: &[u8]) -> Option<(Opening, PublicKey)> {
        let crate::Message::Initiation(initiation) = crate::Message::parse(message).unwrap() else {
            unreachable!("it is an initiation")
        };
        open(&ends.b, &ends.b.public(), &initiation)
    }

    /// Both ends come to the same keys, and only with the same preshared key.
    #[test]
    fn initiator_and_responder_agree() {
        for suite in [Suite::ChaCha20Poly1305, Suite::Aes256Gcm] {
            let ends = ends();
            let (initiating, message) = initiation(&ends, suite);
            let (opening, remote) = opened(&ends, &message).unwrap();
            assert_eq!(remote, ends.a.public());
            let (responding, timestamp) = opening.verify(&ends.shared).unwrap();
            assert_eq!(timestamp, Tai64n::from_bytes([7; TAI64N_BYTES]));
            let psk = PresharedKey::from_bytes([5; KEY_BYTES]);
            let ephemeral = PrivateKey::from_bytes([4; KEY_BYTES]);
            let answer = responding.respond(&ends.a.public(), &psk, &ephemeral, (22, 11));
            let (theirs, message) = answer.unwrap();
            let crate::Message::Response(response) = crate::Message::parse(&message).unwrap()
            else {
                unreachable!("it is a response")
            };
            assert_eq!((response.sender(), response.receiver()), (22, 11));
            let none = PresharedKey::default();
            assert!(initiating.finish(&ends.a, [(&none, 1)], &response).is_none());
            let keys = [(&none, 1), (&psk, 2), (&none, 3)];
            let (ours, which) = initiating.finish(&ends.a, keys, &response).unwrap();
            assert_eq!(which, 2);
            assert!(ours.send == theirs.receive && ours.receive == theirs.send);
            assert_eq!((ours.suite, theirs.suite), (suite, suite));
        }
    }

    /// Whoever changes the type of an initiation in between ends the handshake.
    #[test]
    fn nobody_in_between_chooses_the_suite() {
        for (suite, other) in [(Suite::Aes256Gcm, 1), (Suite::ChaCha20Poly1305, 17)] {
            let (_, mut message) = initiation(&ends(), suite);
            message[0] = other;
            assert!(opened(&ends(), &message).is_none());
        }
    }

    /// The peer is an implementation of the Noise framework.
    #[test]
    fn another_implementation_completes_both_suites() {
        for suite in [Suite::ChaCha20Poly1305, Suite::Aes256Gcm] {
            let ends = ends();
            let name = std::str::from_utf8(suite.construction()).unwrap();
            let secret = ends.b.to_bytes();
            let builder = snow::Builder::new(name.parse().unwrap());
            let builder = builder.local_private_key(&*secret).unwrap();
            let builder = builder.prologue(IDENTIFIER).unwrap().psk(2, &[5; KEY_BYTES]).unwrap();
            let mut peer = builder.build_responder().unwrap();
            let (initiating, message) = initiation(&ends, suite);
            let (mut stamp, mut answer) = ([0; TAI64N_BYTES], [0; 48]);
            let body = &message[Initiation::EPHEMERAL_AT..Initiation::MACS_AT];
            assert_eq!(peer.read_message(body, &mut stamp).unwrap(), TAI64N_BYTES);
            assert_eq!(stamp, [7; TAI64N_BYTES]);
            peer.write_message(&[], &mut answer).unwrap();
            let mut message = Response::blank(22, 11);
            message[Response::EPHEMERAL_AT..Response::MACS_AT].copy_from_slice(&answer);
            let crate::Message::Response(response) = crate::Message::parse(&message).unwrap()
            else {
                unreachable!("it is a response")
            };
            let psk = PresharedKey::from_bytes([5; KEY_BYTES]);
            let (keys, ()) = initiating.finish(&ends.a, [(&psk, ())], &response).unwrap();
            let peer = peer.into_stateless_transport_mode().unwrap();
            for counter in [0, 1, 258] {
                let mut sealed = payload("Carl Menger");
                let mut text = vec![0; sealed.len()];
                Aead::new(suite, &keys.send).seal(suite.nonce(counter), &[], &mut sealed);
                let bytes = peer.read_message(counter, &sealed, &mut text).unwrap();
                assert_eq!(&text[..bytes], b"Carl Menger");
            }
        }
    }
}
