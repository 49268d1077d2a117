//! Against another implementation, and against the vectors of RFC 8439.

use super::*;
use proptest::prelude::*;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

/// What another implementation makes of a packet.
fn sealed(key: &[u8; 32], nonce: [u8; 12], aad: &[u8], text: &[u8]) -> Vec<u8> {
    let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).unwrap());
    let mut packet = text.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut packet).unwrap();
    packet
}

/// All vectors that this processor has; a test without any says so.
fn all() -> Vec<Wide> {
    let found: Vec<Wide> = Wide::detect().into_iter().collect();
    if found.is_empty() {
        println!("SKIPPED: this processor has no wide vectors");
    }
    found
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
    for wide in all() {
        for count in 1..=PACKETS_MAX {
            let mut packets = vec![[&text[..], &[0; 16]].concat(); count];
            let nonces = vec![nonce; count];
            let mut slices: Vec<&mut [u8]> = packets.iter_mut().map(|one| &mut one[..]).collect();
            wide.seal(&Key::new(&key), &aad, &nonces, &mut slices);
            for packet in packets {
                assert_eq!(packet[..4], [0xd3, 0x1a, 0x8d, 0x34]);
                assert_eq!(packet[text.len()..], tag);
            }
        }
    }
}

#[test]
fn sums_next_to_the_modulus_are_reduced() {
    // RFC 8439 A.3, vectors 7 to 11: keys and texts whose sums are next to 2^130 − 5. The tag is the sum of
    // the first limbs; here the last step alone is tried.
    let mut key = [0; BLOCK_BYTES];
    let modulus = [(1 << 44) - 5, (1 << 44) - 1, (1 << 42) - 1];
    assert_eq!(poly1305::tag(modulus, &key), [0; 16]);
    let [low, middle, high] = modulus;
    assert_eq!(poly1305::tag([low + 4, middle, high], &key)[..2], [4, 0]);
    assert_eq!(poly1305::tag([low + 5, middle, high], &key)[..2], [5, 0]);
    assert_eq!(poly1305::tag([low - 1, middle, high], &key)[..2], [0xfa, 0xff]);
    let above = poly1305::tag([0, 1 << 44, 1 << 42], &key);
    assert_eq!(above, poly1305::tag([5, 0, 1], &key));
    key[16..32].fill(0xff);
    assert_eq!(poly1305::tag([2, 0, 0], &key)[..2], [1, 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn packets_are_sealed_and_opened_as_by_another_implementation(
        key: [u8; 32],
        nonces in prop::collection::vec(any::<[u8; 12]>(), 1..=PACKETS_MAX),
        aad in prop::collection::vec(any::<u8>(), 0..=AAD_BYTES_MAX),
        bytes in prop_oneof![0..200_usize, 1300..1500_usize, Just(8900_usize)],
        fill: u8,
        random: bool,
        flipped: prop::sample::Index,
        broken: prop::sample::Index,
    ) {
        let text = |place: usize| -> Vec<u8> {
            // All bytes the same, or bytes that look random.
            let byte = |at: usize| if random { (at * 167 + place * 59 + (at >> 8) * 31) as u8 ^ fill } else { fill };
            (0..bytes).map(byte).collect()
        };
        let texts: Vec<Vec<u8>> = (0..nonces.len()).map(text).collect();
        let expected: Vec<Vec<u8>> = texts.iter().zip(&nonces).map(|(text, nonce)| sealed(&key, *nonce, &aad, text)).collect();
        let own = Key::new(&key);
        for wide in all() {
            let mut packets: Vec<Vec<u8>> = texts.iter().map(|text| [&text[..], &[0; 16]].concat()).collect();
            let mut slices: Vec<&mut [u8]> = packets.iter_mut().map(|one| &mut one[..]).collect();
            wide.seal(&own, &aad, &nonces, &mut slices);
            prop_assert_eq!(&packets, &expected);
            let (victim, at) = (broken.index(packets.len()), flipped.index(bytes + TAG_BYTES));
            packets[victim][at] ^= 1;
            let mut slices: Vec<&mut [u8]> = packets.iter_mut().map(|one| &mut one[..]).collect();
            let is_right = wide.open(&own, &aad, &nonces, &mut slices);
            for (place, packet) in packets.iter().enumerate() {
                prop_assert_eq!(is_right[place], place != victim);
                if place != victim {
                    prop_assert_eq!(&packet[..bytes], &texts[place][..]);
                }
            }
            prop_assert!(!is_right[packets.len()..].contains(&true));
        }
    }

    #[test]
    fn tags_are_those_of_the_definition(h0 in 0..1_u64 << 46, h1 in 0..1_u64 << 46, h2 in 0..1_u64 << 44, s: u128) {
        let mut key = [0; BLOCK_BYTES];
        key[16..32].copy_from_slice(&s.to_le_bytes());
        // Modulo 2^130 − 5 in two halves: what is above 2^130 counts five times.
        let low = u128::from(h0) + (u128::from(h1) << 44) + (u128::from(h2 & ((1 << 40) - 1)) << 88);
        let (above, low) = (u128::from(h2 >> 40) + u128::from(low < u128::from(h0)), low);
        let (sum, carried) = low.overflowing_add((above >> 2) * 5);
        let top = (above & 3) + u128::from(carried);
        let (more, over) = sum.overflowing_add((top >> 2) * 5);
        let top = (top & 3) + u128::from(over);
        let reduced = if top == 3 && more >= u128::MAX - 4 { more.wrapping_add(5) } else { more };
        prop_assert_eq!(poly1305::tag([h0, h1, h2], &key), reduced.wrapping_add(s).to_le_bytes());
    }
}
