//! The primitives of the paper's §5.4 in its own terms: Hash, Mac, Kdf, Aead and Xaead.

use crate::aead::Aead;
use crate::suite::Suite;
use blake2::digest::consts::U16;
use blake2::digest::{FixedOutput as _, Mac as _, Update as _};
use blake2::{Blake2s256, Blake2sMac, Digest as _};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Length of a Mac, in bytes.
pub(crate) const MAC_BYTES: usize = 16;
/// Length of a Hash, in bytes.
pub(crate) const HASH_BYTES: usize = 32;

/// HMAC's block size for BLAKE2s (RFC 2104, RFC 7693).
const HMAC_BLOCK_BYTES: usize = 64;

/// A secret of 32 bytes, wiped when dropped.
pub(crate) type Secret = Zeroizing<[u8; HASH_BYTES]>;

/// Hash(parts): BLAKE2s with 32 bytes of output (RFC 7693).
pub(crate) fn hash(parts: &[&[u8]]) -> [u8; HASH_BYTES] {
    let mut digest = Blake2s256::new();
    for part in parts {
        blake2::Digest::update(&mut digest, part);
    }
    digest.finalize().into()
}

/// A Mac under a key that is set up once: keyed BLAKE2s with 16 bytes of output.
#[derive(Clone)]
pub(crate) struct Mac(Blake2sMac<U16>);

impl Mac {
    /// A Mac under `key` of 1 to 32 bytes.
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(Blake2sMac::new_from_slice(key).expect("every key here has 16 or 32 bytes"))
    }

    /// Mac(key, parts).
    pub(crate) fn over(&self, parts: &[&[u8]]) -> [u8; MAC_BYTES] {
        let mut mac = self.0.clone();
        for part in parts {
            blake2::digest::Update::update(&mut mac, part);
        }
        mac.finalize_fixed().into()
    }

    /// Whether `mac` is Mac(key, parts), in constant time.
    pub(crate) fn verify(&self, parts: &[&[u8]], mac: &[u8; MAC_BYTES]) -> bool {
        self.over(parts).ct_eq(mac).into()
    }
}

/// HMAC over BLAKE2s (RFC 2104), for keys of at most a block.
fn hmac(key: &[u8], parts: &[&[u8]]) -> Secret {
    let mut pad = Zeroizing::new([0; HMAC_BLOCK_BYTES]);
    pad[..key.len()].copy_from_slice(key);
    pad.iter_mut().for_each(|byte| *byte ^= 0x36);
    let mut inner = Blake2s256::new().chain(*pad);
    for part in parts {
        blake2::Digest::update(&mut inner, part);
    }
    let inner = Zeroizing::new(<[u8; HASH_BYTES]>::from(inner.finalize()));
    pad.iter_mut().for_each(|byte| *byte ^= 0x36 ^ 0x5c);
    let outer = Blake2s256::new().chain(*pad).chain(*inner);
    Zeroizing::new(outer.finalize().into())
}

/// Kdf1(key, input): the chaining key alone.
pub(crate) fn kdf1(key: &[u8], input: &[u8]) -> Secret {
    let extracted = hmac(key, &[input]);
    hmac(&*extracted, &[&[1]])
}

/// Kdf2(key, input).
pub(crate) fn kdf2(key: &[u8], input: &[u8]) -> (Secret, Secret) {
    let (first, second, _) = kdf3(key, input);
    (first, second)
}

/// Kdf3(key, input): HKDF (RFC 5869) over HMAC-BLAKE2s.
pub(crate) fn kdf3(key: &[u8], input: &[u8]) -> (Secret, Secret, Secret) {
    let extracted = hmac(key, &[input]);
    let first = hmac(&*extracted, &[&[1]]);
    let second = hmac(&*extracted, &[&*first, &[2]]);
    let third = hmac(&*extracted, &[&*second, &[3]]);
    (first, second, third)
}

/// Xaead's key and nonce for the inner AEAD (draft-irtf-cfrg-xchacha-03 §2.3).
pub(crate) fn xaead(key: &[u8; HASH_BYTES], nonce: &[u8; 24]) -> (Aead, [u8; 12]) {
    let (head, tail) = nonce.split_first_chunk::<16>().expect("24 bytes hold 16");
    let mut inner_nonce = [0; 12];
    inner_nonce[4..].copy_from_slice(tail);
    (Aead::new(Suite::ChaCha20Poly1305, &hchacha20(key, head)), inner_nonce)
}

/// HChaCha20 (draft-irtf-cfrg-xchacha-03 §2.2): ChaCha's rounds without the final addition.
pub(crate) fn hchacha20(key: &[u8; HASH_BYTES], nonce: &[u8; 16]) -> Secret {
    let word = |bytes: &[u8], i: usize| {
        u32::from_le_bytes([bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]])
    };
    let mut state = Zeroizing::new([0u32; 16]);
    for i in 0..4 {
        state[i] = word(b"expand 32-byte k", i);
        state[4 + i] = word(key, i);
        state[8 + i] = word(key, 4 + i);
        state[12 + i] = word(nonce, i);
    }
    for _ in 0..10 {
        for i in 0..4 {
            quarter_round(&mut state, [i, 4 + i, 8 + i, 12 + i]);
        }
        for i in 0..4 {
            quarter_round(&mut state, [i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4]);
        }
    }
    let mut subkey = Zeroizing::new([0; HASH_BYTES]);
    for (i, chunk) in subkey.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        *chunk = state[if i < 4 { i } else { 8 + i }].to_le_bytes();
    }
    subkey
}

fn quarter_round(state: &mut [u32; 16], [a, b, c, d]: [usize; 4]) {
    for (first, second, x, y) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
        state[first] = state[first].wrapping_add(state[second]);
        state[x] = (state[x] ^ state[first]).rotate_left(y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aead::TAG_BYTES;
    use crate::testing::unhex;

    #[test]
    fn blake2s_rfc_7693_appendix_b() {
        let expected = "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982";
        assert_eq!(hash(&[b"a", b"bc"]).to_vec(), unhex(expected));
    }

    /// The test vectors that the WireGuard project publishes for its key derivation.
    #[test]
    fn kdf_known_answers() {
        let cases = [
            (
                "746573742d6b6579",
                "746573742d696e707574",
                "6f0e5ad38daba1bea8a0d213688736f19763239305e0f58aba697f9ffc41c633",
                "df1194df20802a4fe594cde27e92991c8cae66c366e8106aaa937a55fa371e8a",
                "fac6e2745a325f5dc5d11a5b165aad08b0ada28e7b4e666b7c077934a4d76c24",
            ),
            (
                "776972656775617264",
                "776972656775617264",
                "491d43bbfdaa8750aaf535e334ecbfe5129967cd64635101c566d4caefda96e8",
                "1e71a379baefd8a79aa4662212fcafe19a23e2b609a3db7d6bcba8f560e3d25f",
                "31e1ae48bddfbe5de38f295e5452b1909a1b4e38e183926af3780b0c1e1f0160",
            ),
        ];
        for (key, input, first, second, third) in cases {
            let (t1, t2, t3) = kdf3(&unhex(key), &unhex(input));
            assert_eq!(t1.to_vec(), unhex(first));
            assert_eq!(t2.to_vec(), unhex(second));
            assert_eq!(t3.to_vec(), unhex(third));
            assert_eq!(kdf1(&unhex(key), &unhex(input)), t1);
        }
    }

    /// The start of the handshake's hash: Hash(Construction), computed by other implementations.
    #[test]
    fn construction_hash_known_answer() {
        let expected = "60e26daef327efc02ec335e2a025d2d016eb4206f87277f52d38d1988b78cd36";
        assert_eq!(hash(&[b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"]).to_vec(), unhex(expected));
    }

    #[test]
    fn hchacha20_draft_section_2_2_1() {
        let key: [u8; 32] = std::array::from_fn(|i| i as u8);
        let nonce: [u8; 16] = unhex("000000090000004a0000000031415927").try_into().unwrap();
        let expected = "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc";
        assert_eq!(hchacha20(&key, &nonce).to_vec(), unhex(expected));
    }

    /// draft-irtf-cfrg-xchacha-03 appendix A.3.1.
    #[test]
    fn xchacha20_poly1305_draft_appendix_a() {
        let key: [u8; 32] = std::array::from_fn(|i| 0x80 + i as u8);
        let nonce: [u8; 24] = std::array::from_fn(|i| 0x40 + i as u8);
        let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip \
                     for the future, sunscreen would be it.";
        let mut buffer = text.to_vec();
        buffer.extend([0; TAG_BYTES]);
        let (aead, inner) = xaead(&key, &nonce);
        let aad = unhex("50515253c0c1c2c3c4c5c6c7");
        aead.seal(inner, &aad, &mut buffer);
        assert_eq!(buffer[..8], unhex("bd6d179d3e83d43b"));
        assert_eq!(buffer[text.len()..], unhex("c0875924c1c7987947deafd8780acf49"));
        assert!(aead.open(inner, &aad, &mut buffer));
        assert_eq!(&buffer[..text.len()], text);
    }
}
