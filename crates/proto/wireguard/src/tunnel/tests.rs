//! What a tunnel leaves in memory.

use super::*;
use crate::crypto::kdf1;
use crate::key::PrivateKey;
use netloom_aead::freed::{FreedBlocks, SOUGHT_BYTES};
use netloom_base::WallTime;

const SEED: Seed = Seed([7; 32]);

fn tunnel() -> Box<Tunnel> {
    let private = |number| PrivateKey::from_seed(Seed::from_number(number));
    let config = TunnelConfig {
        remote: private(2).public(),
        preshared: PresharedKey::default(),
        agrees_keys: true,
        rekey_after: REKEY_AFTER_TIME,
        suite: Suite::default(),
        endpoint: Some(([192, 0, 2, 2], 51820).into()),
        keepalive: None,
        mtu_bytes: 1420,
        timestamp_floor: None,
    };
    let identity = Arc::new(Identity::new(private(1)));
    Box::new(Tunnel::new(identity, config, 0, SEED, Time::ZERO).expect("a key of high order"))
}

/// The middle of a secret: clamping changes its ends.
fn middle(secret: &[u8; 32]) -> [u8; SOUGHT_BYTES] {
    *secret[8..].first_chunk().expect("32 bytes hold 24")
}

/// §5.4.5: neither a call that is repeated nor one that is given up leaves its ephemeral key.
#[test]
fn no_ephemeral_key_is_left_of_a_call_that_was_not_answered() {
    let ephemeral = PrivateKey::random(&mut ErasingRng::new(SEED));
    let left = FreedBlocks::with(&middle(&ephemeral.to_bytes()), || {
        let (mut tunnel, mut indexes) = (tunnel(), IndexTable::new(SEED));
        tunnel.call(Time::ZERO);
        tunnel.handle_timeout(Time::ZERO, WallTime(0), &mut indexes);
        assert!(tunnel.attempt.is_some());
        tunnel.close(&mut indexes);
        drop(tunnel);
    });
    assert_eq!(left, 0);
}

/// A key that is handed on from one use to the next leaves nothing where it was.
#[test]
fn no_agreed_key_is_left_in_memory_that_was_given_back() {
    let secret = std::array::from_fn(|place| (place * 37 + 11) as u8);
    let agreed = kdf1(&[0; 32], &secret);
    let left = FreedBlocks::with(&middle(&agreed), || {
        let mut tunnel = tunnel();
        tunnel.offer_preshared(&[1; 32]);
        tunnel.promote_preshared();
        tunnel.offer_preshared(&secret);
        tunnel.promote_preshared();
        drop(tunnel);
    });
    assert_eq!(left, 0);
}
