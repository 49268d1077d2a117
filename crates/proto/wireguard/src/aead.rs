//! Keys that seal and open (ChaCha20-Poly1305, AES-256-GCM), by whatever is faster at it on this processor.

use crate::suite::Suite;
use aws_lc_rs::aead as aws_lc;
use netloom_aead::{Aes256Gcm, ChaCha20Poly1305, Wiped};
use ring::aead as ring;

/// Length of an AEAD authentication tag, in bytes.
pub const TAG_BYTES: usize = 16;

/// Packets that are sealed or opened at once, at most.
pub const AT_ONCE_MAX: usize = netloom_aead::PACKETS_MAX;
/// From so many packets of ChaCha20-Poly1305 on, lanes that stay empty cost less than a library (bench/aead).
const AT_ONCE_MIN: usize = 3;

/// A key of ChaCha20-Poly1305 (RFC 8439) or AES-256-GCM (NIST SP 800-38D), ready for use.
pub(crate) struct Aead {
    one: Implementation,
    /// The same key for many packets at once, where only that is our own.
    many: Option<Box<ChaCha20Poly1305>>,
}

/// The same functions several times (decisions 29 and 32). Libraries do not wipe their keys. Each is behind a pointer: what one of
/// them does not need of the space for another would keep what the stack held when it was moved.
enum Implementation {
    AwsLc(Wiped<aws_lc::LessSafeKey>),
    Ring(Wiped<ring::LessSafeKey>),
    Own(Box<Aes256Gcm>),
}

/// What is behind the suites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// aws-lc.
    AwsLc,
    /// ring: AES-GCM with AVX2 and VAES, and less work beside the cipher for each packet.
    Ring,
    /// Our own: AES-GCM with AVX-512 and VAES.
    Own,
}

impl Library {
    /// The faster one for a packet of a suite on this processor.
    pub fn faster(suite: Suite) -> Self {
        match suite {
            Suite::Aes256Gcm if Aes256Gcm::is_available() => Self::Own,
            Suite::Aes256Gcm | Suite::ChaCha20Poly1305 if cfg!(target_arch = "x86_64") => {
                Self::Ring
            }
            Suite::Aes256Gcm | Suite::ChaCha20Poly1305 => Self::AwsLc,
        }
    }
}

impl Aead {
    pub(crate) fn new(suite: Suite, key: &[u8; 32]) -> Self {
        Self::by(Library::faster(suite), suite, key)
    }

    /// A key in a library's hands; in ring's where our own has nothing for it.
    pub(crate) fn by(library: Library, suite: Suite, key: &[u8; 32]) -> Self {
        let sized = "the keys of both suites have 32 bytes";
        let many = match suite {
            Suite::ChaCha20Poly1305 => ChaCha20Poly1305::new(key).map(Box::new),
            Suite::Aes256Gcm => None,
        };
        let own = match (library, suite) {
            (Library::Own, Suite::Aes256Gcm) => Aes256Gcm::new(key),
            _ => None,
        };
        if let Some(own) = own {
            return Self { one: Implementation::Own(Box::new(own)), many };
        }
        let one = match library {
            Library::AwsLc => {
                let algorithm = match suite {
                    Suite::ChaCha20Poly1305 => &aws_lc::CHACHA20_POLY1305,
                    Suite::Aes256Gcm => &aws_lc::AES_256_GCM,
                };
                let key = aws_lc::UnboundKey::new(algorithm, key).expect(sized);
                Implementation::AwsLc(Wiped::new(aws_lc::LessSafeKey::new(key)))
            }
            Library::Ring | Library::Own => {
                let algorithm = match suite {
                    Suite::ChaCha20Poly1305 => &ring::CHACHA20_POLY1305,
                    Suite::Aes256Gcm => &ring::AES_256_GCM,
                };
                let key = ring::UnboundKey::new(algorithm, key).expect(sized);
                Implementation::Ring(Wiped::new(ring::LessSafeKey::new(key)))
            }
        };
        Self { one, many }
    }

    /// Whether packets of one length are sealed and opened faster together.
    pub(crate) fn has_many(&self) -> bool {
        self.many.is_some() || matches!(self.one, Implementation::Own(_))
    }

    /// [`Self::seal`] of up to [`AT_ONCE_MAX`] packets of one length.
    pub(crate) fn seal_many(&self, nonces: &[[u8; 12]], aad: &[u8], in_outs: &mut [&mut [u8]]) {
        match (&self.one, &self.many) {
            (Implementation::Own(key), _) => key.seal(nonces, aad, in_outs),
            (_, Some(key)) if in_outs.len() >= AT_ONCE_MIN => key.seal(nonces, aad, in_outs),
            _ => {
                let each = nonces.iter().zip(in_outs);
                each.for_each(|(nonce, in_out)| self.seal(*nonce, aad, in_out));
            }
        }
    }

    /// [`Self::open`] of up to [`AT_ONCE_MAX`] packets of one length, each with a tag; tells which were sealed so.
    pub(crate) fn open_many(
        &self,
        nonces: &[[u8; 12]],
        aad: &[u8],
        in_outs: &mut [&mut [u8]],
    ) -> [bool; AT_ONCE_MAX] {
        match (&self.one, &self.many) {
            (Implementation::Own(key), _) => key.open(nonces, aad, in_outs),
            (_, Some(key)) if in_outs.len() >= AT_ONCE_MIN => key.open(nonces, aad, in_outs),
            _ => {
                let mut is_open = [false; AT_ONCE_MAX];
                for ((is_open, nonce), in_out) in is_open.iter_mut().zip(nonces).zip(in_outs) {
                    *is_open = self.open(*nonce, aad, in_out);
                }
                is_open
            }
        }
    }

    /// Encrypts all but the last 16 bytes of `in_out` in place and writes the tag there.
    ///
    /// # Panics
    /// If there is no room for the tag: a bug of the caller.
    pub(crate) fn seal(&self, nonce: [u8; 12], aad: &[u8], in_out: &mut [u8]) {
        if let Implementation::Own(key) = &self.one {
            return key.seal(&[nonce], aad, &mut [in_out]);
        }
        let (text, room) = in_out.split_last_chunk_mut::<TAG_BYTES>().expect("room for the tag");
        let short = "a packet is shorter than the cipher's limit of 64 GiB";
        match &self.one {
            Implementation::Own(_) => {}
            Implementation::AwsLc(key) => {
                let nonce = aws_lc::Nonce::assume_unique_for_key(nonce);
                let aad = aws_lc::Aad::from(aad);
                let tag = key.seal_in_place_separate_tag(nonce, aad, text).expect(short);
                room.copy_from_slice(tag.as_ref());
            }
            Implementation::Ring(key) => {
                let nonce = ring::Nonce::assume_unique_for_key(nonce);
                let aad = ring::Aad::from(aad);
                let tag = key.seal_in_place_separate_tag(nonce, aad, text).expect(short);
                room.copy_from_slice(tag.as_ref());
            }
        }
    }

    /// Checks the tag at the end of `in_out` and decrypts what is before it in place.
    pub(crate) fn open(&self, nonce: [u8; 12], aad: &[u8], in_out: &mut [u8]) -> bool {
        match &self.one {
            Implementation::Own(key) => {
                in_out.len() >= TAG_BYTES && key.open(&[nonce], aad, &mut [in_out])[0]
            }
            Implementation::AwsLc(key) => {
                let nonce = aws_lc::Nonce::assume_unique_for_key(nonce);
                key.open_in_place(nonce, aws_lc::Aad::from(aad), in_out).is_ok()
            }
            Implementation::Ring(key) => {
                let nonce = ring::Nonce::assume_unique_for_key(nonce);
                key.open_in_place(nonce, ring::Aad::from(aad), in_out).is_ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_aead::freed::FreedBlocks;
    use proptest::prelude::*;
    use std::hint::black_box;
    use std::sync::Arc;

    /// Of all tests of this crate; it only looks where it is asked to.
    #[global_allocator]
    static ALLOCATOR: FreedBlocks = FreedBlocks;

    #[test]
    fn no_key_is_left_in_memory_that_was_given_back() {
        let key: [u8; 32] = std::array::from_fn(|place| (place * 37 + 11) as u8);
        let (first, second) = key.split_first_chunk().expect("32 bytes hold 16");
        let second = second.first_chunk().expect("and 16 more");
        assert_eq!(
            FreedBlocks::with(first, || drop(black_box(Box::new(key)))),
            1,
            "it finds what is left"
        );
        for half in [first, second] {
            for suite in [Suite::ChaCha20Poly1305, Suite::Aes256Gcm] {
                for library in [Library::AwsLc, Library::Ring, Library::Own] {
                    let left = FreedBlocks::with(half, || {
                        let aead = Arc::new(Aead::by(library, suite, &key));
                        aead.seal([1; 12], &[], &mut [0; 100]);
                        drop(black_box(aead));
                    });
                    assert_eq!(left, 0, "{suite} by {library:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn many_are_sealed_as_one_by_one(
            key: [u8; 32], first: u64, bytes in 0..300_usize, count in 1..=AT_ONCE_MAX, flipped: prop::sample::Index,
        ) {
            for suite in [Suite::ChaCha20Poly1305, Suite::Aes256Gcm] {
                let aead = Aead::new(suite, &key);
                let nonces: Vec<_> = (0..count as u64).map(|at| suite.nonce(first.wrapping_add(at))).collect();
                let packet = |at: usize| -> Vec<u8> {
                    (0..bytes + TAG_BYTES).map(|place| (place * 31 + at) as u8).collect()
                };
                let mut apart: Vec<_> = (0..count).map(packet).collect();
                let mut together = apart.clone();
                for (nonce, packet) in nonces.iter().zip(&mut apart) {
                    aead.seal(*nonce, &[], packet);
                }
                let mut slices: Vec<_> = together.iter_mut().map(|one| &mut one[..]).collect();
                aead.seal_many(&nonces, &[], &mut slices);
                prop_assert_eq!(&apart, &together);
                let broken = flipped.index(count);
                together[broken][bytes] ^= 1;
                let mut slices: Vec<_> = together.iter_mut().map(|one| &mut one[..]).collect();
                let is_open = aead.open_many(&nonces, &[], &mut slices);
                for (at, is_open) in is_open.into_iter().enumerate() {
                    prop_assert_eq!(is_open, at < count && at != broken);
                }
            }
        }

        #[test]
        fn all_seal_alike_and_open_each_others(
            key: [u8; 32], nonce: [u8; 12], aad in prop::collection::vec(any::<u8>(), 0..=64),
            text in prop::collection::vec(any::<u8>(), 0..1600), flipped: prop::sample::Index,
        ) {
            for suite in [Suite::ChaCha20Poly1305, Suite::Aes256Gcm] {
                let all = [Library::AwsLc, Library::Ring, Library::Own];
                let keys = all.map(|one| Aead::by(one, suite, &key));
                let sealed = keys.each_ref().map(|one| {
                    let mut in_out = [&text[..], &[0; TAG_BYTES]].concat();
                    one.seal(nonce, &aad, &mut in_out);
                    in_out
                });
                prop_assert!(sealed.iter().all(|one| *one == sealed[0]));
                for one in &keys {
                    let mut whole = sealed[0].clone();
                    prop_assert!(one.open(nonce, &aad, &mut whole));
                    prop_assert_eq!(&whole[..text.len()], &text[..]);
                    let mut broken = sealed[0].clone();
                    let at = flipped.index(broken.len());
                    broken[at] ^= 1;
                    prop_assert!(!one.open(nonce, &aad, &mut broken));
                }
            }
        }
    }
}
