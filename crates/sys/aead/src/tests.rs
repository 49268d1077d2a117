//! Against another implementation, and against vectors of RFC 8439 and of GCM's specification.

use super::*;
use proptest::prelude::*;
use ring::aead::{AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

/// What another implementation makes of a packet.
fn sealed(
    algorithm: &'static Algorithm,
    key: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    text: &[u8],
) -> Vec<u8> {
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key).unwrap());
    let mut packet = text.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut packet).unwrap();
    packet
}

/// Seals and opens, by either of them.
trait Many {
    fn seal(&self, nonces: &[[u8; 12]], aad: &[u8], packets: &mut [&mut [u8]]);
    fn open(
        &self,
        nonces: &[[u8; 12]],
        aad: &[u8],
        packets: &mut [&mut [u8]],
    ) -> [bool; PACKETS_MAX];
}

macro_rules! many {
    ($name:ident) => {
        impl Many for $name {
            fn seal(&self, nonces: &[[u8; 12]], aad: &[u8], packets: &mut [&mut [u8]]) {
                self.seal(nonces, aad, packets);
            }

            fn open(
                &self,
                nonces: &[[u8; 12]],
                aad: &[u8],
                packets: &mut [&mut [u8]],
            ) -> [bool; PACKETS_MAX] {
                self.open(nonces, aad, packets)
            }
        }
    };
}

many!(ChaCha20Poly1305);
many!(Aes256Gcm);

/// What this processor has of a key, and what to compare it with; a test without any says so.
fn all(key: &[u8; 32]) -> Vec<(Box<dyn Many>, &'static Algorithm)> {
    let mut all: Vec<(Box<dyn Many>, &'static Algorithm)> = Vec::new();
    if let Some(key) = ChaCha20Poly1305::new(key) {
        all.push((Box::new(key), &CHACHA20_POLY1305));
    }
    if let Some(key) = Aes256Gcm::new(key) {
        all.push((Box::new(key), &AES_256_GCM));
    }
    if all.len() < 2 {
        println!("SKIPPED in part: this processor has wide vectors for {} of 2", all.len());
    }
    all
}

fn slices(packets: &mut [Vec<u8>]) -> Vec<&mut [u8]> {
    packets.iter_mut().map(|one| &mut one[..]).collect()
}

#[test]
fn the_vector_of_the_rfc_is_sealed_in_each_place() {
    // RFC 8439 §2.8.2.
    let key: [u8; 32] = std::array::from_fn(|place| 0x80 + place as u8);
    let nonce = [7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47];
    let aad = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
    let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
                 sunscreen would be it.";
    let tag = 0x1ae1_0b59_4f09_e26a_7e90_2ecb_d060_0691_u128.to_be_bytes();
    let Some(key) = ChaCha20Poly1305::new(&key) else {
        println!("SKIPPED: this processor has no wide vectors");
        return;
    };
    for count in 0..=PACKETS_MAX {
        let mut packets = vec![[&text[..], &[0; 16]].concat(); count];
        key.seal(&vec![nonce; count], &aad, &mut slices(&mut packets));
        for packet in packets {
            assert_eq!(packet[..4], [0xd3, 0x1a, 0x8d, 0x34]);
            assert_eq!(packet[text.len()..], tag);
        }
    }
}

#[test]
fn the_vectors_of_gcm_are_sealed() {
    // McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, test cases 13 and 14.
    let Some(key) = Aes256Gcm::new(&[0; 32]) else {
        println!("SKIPPED: this processor has no wide vectors");
        return;
    };
    let mut nothing = vec![vec![0; 16]];
    key.seal(&[[0; 12]], &[], &mut slices(&mut nothing));
    assert_eq!(nothing[0], 0x530f_8afb_c745_36b9_a963_b4f1_c4cb_738b_u128.to_be_bytes());
    let mut block = vec![vec![0; 32]];
    key.seal(&[[0; 12]], &[], &mut slices(&mut block));
    assert_eq!(block[0][..16], 0xcea7_403d_4d60_6b6e_074e_c5d3_baf3_9d18_u128.to_be_bytes());
    assert_eq!(block[0][16..], 0xd0d1_c8a7_9999_6bf0_265b_98b5_d48a_b919_u128.to_be_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn packets_are_sealed_and_opened_as_by_another_implementation(
        key: [u8; 32],
        nonces in prop::collection::vec(any::<[u8; 12]>(), 1..=PACKETS_MAX),
        aad in prop::collection::vec(any::<u8>(), 0..=AAD_BYTES_MAX),
        bytes in prop_oneof![0..600_usize, 1300..1500_usize, Just(8900_usize)],
        fill: u8,
        random: bool,
        flipped: prop::sample::Index,
        broken: prop::sample::Index,
    ) {
        let text = |place: usize| -> Vec<u8> {
            // All bytes the same, or bytes that look random.
            let byte = |at: usize| {
                if random { (at * 167 + place * 59 + (at >> 8) * 31) as u8 ^ fill } else { fill }
            };
            (0..bytes).map(byte).collect()
        };
        let texts: Vec<Vec<u8>> = (0..nonces.len()).map(text).collect();
        for (own, algorithm) in all(&key) {
            let expected: Vec<Vec<u8>> = texts
                .iter()
                .zip(&nonces)
                .map(|(text, nonce)| sealed(algorithm, &key, *nonce, &aad, text))
                .collect();
            let mut packets: Vec<Vec<u8>> =
                texts.iter().map(|text| [&text[..], &[0; 16]].concat()).collect();
            own.seal(&nonces, &aad, &mut slices(&mut packets));
            prop_assert_eq!(&packets, &expected);
            let (victim, at) = (broken.index(packets.len()), flipped.index(bytes + TAG_BYTES));
            packets[victim][at] ^= 1;
            let is_right = own.open(&nonces, &aad, &mut slices(&mut packets));
            for (place, packet) in packets.iter().enumerate() {
                prop_assert_eq!(is_right[place], place != victim);
                if place != victim {
                    prop_assert_eq!(&packet[..bytes], &texts[place][..]);
                }
            }
            prop_assert!(!is_right[packets.len()..].contains(&true));
        }
    }
}
