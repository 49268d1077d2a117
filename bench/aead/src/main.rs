//! What sealing a packet costs with each library and suite on this processor, and which one a tunnel takes.
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
    let costs = SIZES.map(|size| format!("{:.0}", wide_ns(size)));
    println!("| ChaCha20-Poly1305, sixteen at once | {} |", costs.join(" | "));
    for suite in [Suite::ChaCha20Poly1305, Suite::Aes256Gcm] {
        for library in [Library::AwsLc, Library::Ring] {
            let costs = SIZES.map(|size| format!("{:.0}", seal_ns(library, suite, size)));
            let taken = if Library::faster(suite) == library { ", taken here" } else { "" };
            println!("| {suite} by {library:?}{taken} | {} |", costs.join(" | "));
        }
    }
}

/// A packet of sixteen that are sealed at once.
fn wide_ns(bytes: usize) -> f64 {
    let Some(wide) = netloom_chacha::Wide::detect() else { return f64::NAN };
    let key = netloom_chacha::Key::new(&[1; 32]);
    let nonces: [[u8; 12]; netloom_chacha::PACKETS_MAX] =
        std::array::from_fn(|place| [place as u8; 12]);
    let mut packets = vec![vec![7; bytes + netloom_chacha::TAG_BYTES]; nonces.len()];
    best_ns(|| {
        let mut packets = packets.iter_mut();
        let mut slices: [&mut [u8]; netloom_chacha::PACKETS_MAX] =
            std::array::from_fn(|_| &mut packets.next().expect("as many")[..]);
        wide.seal(&key, &[], &nonces, black_box(&mut slices));
    }) / nonces.len() as f64
}

fn seal_ns(library: Library, suite: Suite, bytes: usize) -> f64 {
    let mut packet = vec![7; bytes];
    match library {
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
