//! What sealing a packet costs with each library and suite on this processor, and which one a tunnel takes for a single one.
//!
//! ```text
//! cargo run --release --package netloom-bench-aead
//! ```
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "its figures are what this program is for")]

use netloom_wireguard::{Library, Suite};
use std::hint::black_box;
use std::time::Instant;

/// Bytes of packets: the smallest, game traffic, a datagram of 1,372 bytes, and one of the default MTU.
const SIZES: [usize; 4] = [64, 200, 1400, 1420];
/// The best of so many rounds counts: others use the processor too.
const ROUNDS: usize = 9;
const PACKETS: u32 = 4_000;

fn main() {
    println!("| ns per packet | bytes: {} |", SIZES.map(|size| size.to_string()).join(" | "));
    for suite in [Suite::ChaCha20Poly1305, Suite::Aes256Gcm] {
        for library in [Library::AwsLc, Library::Ring] {
            let costs = SIZES.map(|size| format!("{:.0}", seal_ns(library, suite, size)));
            let taken = if Library::faster(suite) == library { ", taken here" } else { "" };
            println!("| {suite} by {library:?}{taken} | {} |", costs.join(" | "));
        }
        for count in [1, netloom_aead::PACKETS_MAX] {
            let costs = SIZES.map(|size| format!("{:.0}", together_ns(suite, size, count)));
            println!("| {suite} by our own, {count} at once | {} |", costs.join(" | "));
        }
    }
}

/// A packet of `count` that are sealed at once; not a number where the processor lacks what it takes.
fn together_ns(suite: Suite, bytes: usize, count: usize) -> f64 {
    use netloom_aead::{Aes256Gcm, ChaCha20Poly1305, PACKETS_MAX, TAG_BYTES};
    let nonces: [[u8; 12]; PACKETS_MAX] = std::array::from_fn(|place| [place as u8; 12]);
    let mut packets = vec![vec![7; bytes + TAG_BYTES]; PACKETS_MAX];
    let mut packets = packets.iter_mut();
    let mut slices: [&mut [u8]; PACKETS_MAX] =
        std::array::from_fn(|_| &mut packets.next().expect("as many")[..]);
    let (nonces, slices) = (&nonces[..count], &mut slices[..count]);
    let all_ns = match suite {
        Suite::ChaCha20Poly1305 => ChaCha20Poly1305::new(&[1; 32])
            .map(|key| best_ns(|| key.seal(nonces, &[], black_box(slices)))),
        Suite::Aes256Gcm => {
            Aes256Gcm::new(&[1; 32]).map(|key| best_ns(|| key.seal(nonces, &[], black_box(slices))))
        }
    };
    all_ns.unwrap_or(f64::NAN) / count as f64
}

fn seal_ns(library: Library, suite: Suite, bytes: usize) -> f64 {
    let mut packet = vec![7; bytes];
    match library {
        Library::Own => together_ns(suite, bytes, 1),
        Library::AwsLc => {
            use aws_lc_rs::aead::{
                AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
            };
            let algorithm = match suite {
                Suite::ChaCha20Poly1305 => &CHACHA20_POLY1305,
                Suite::Aes256Gcm => &AES_256_GCM,
            };
            let key = LessSafeKey::new(UnboundKey::new(algorithm, &[1; 32]).expect("32 bytes"));
            best_ns(|| {
                let nonce = Nonce::assume_unique_for_key([0; 12]);
                black_box(key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut packet).is_ok());
            })
        }
        Library::Ring => {
            use ring::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
            let algorithm = match suite {
                Suite::ChaCha20Poly1305 => &CHACHA20_POLY1305,
                Suite::Aes256Gcm => &AES_256_GCM,
            };
            let key = LessSafeKey::new(UnboundKey::new(algorithm, &[1; 32]).expect("32 bytes"));
            best_ns(|| {
                let nonce = Nonce::assume_unique_for_key([0; 12]);
                black_box(key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut packet).is_ok());
            })
        }
    }
}

fn best_ns(mut seal: impl FnMut()) -> f64 {
    let round = |seal: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..PACKETS).for_each(|_| seal());
        start.elapsed().as_secs_f64() * 1e9 / f64::from(PACKETS)
    };
    (0..ROUNDS).map(|_| round(&mut seal)).fold(f64::INFINITY, f64::min)
}
