//! No key and no secret is ever shown.

use crate::fabric::Fabric;
use netloom_pki::{Secret, SigningSecret, StoredKey, TlsKey};
use std::fmt::Debug;

/// That no four bytes of a secret stand in what `Debug` shows, in any usual form.
fn hides(shown: &impl Debug, secret: &[u8]) {
    for shown in [format!("{shown:?}"), format!("{shown:#?}")] {
        let squeezed: String = shown.split_whitespace().collect::<String>().to_lowercase();
        for part in secret.windows(4) {
            let decimal: Vec<String> = part.iter().map(u8::to_string).collect();
            let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(!squeezed.contains(&decimal.join(",")), "{shown}");
            assert!(!squeezed.contains(&hex), "{shown}");
        }
    }
}

/// The secret part of a key in PKCS #8: RFC 5958, with RFC 8410 or RFC 5915 inside.
fn secret_part(stored: &StoredKey) -> &[u8] {
    let bytes = stored.as_bytes();
    let start = bytes.windows(2).position(|two| two == [0x04, 0x20]).unwrap() + 2;
    &bytes[start..start + 32]
}

#[test]
fn keys_are_not_shown() {
    let fabric = Fabric::new();
    hides(&fabric.authority, secret_part(fabric.authority.stored_key()));
    hides(&fabric.control, secret_part(&fabric.control.key));
    hides(&fabric.node, secret_part(&fabric.node.key));
    hides(&fabric.node_secret, secret_part(fabric.node_secret.stored()));
    let key = TlsKey::generate();
    hides(&key, secret_part(key.stored()));
    hides(key.stored(), secret_part(key.stored()));
    let secret = Secret::random();
    hides(&secret, secret.as_bytes());
}

#[test]
fn the_test_for_it_sees_keys() {
    let key = SigningSecret::generate();
    let secret = secret_part(key.stored());
    for shown in [format!("{secret:?}"), format!("{secret:02x?}").replace([',', ' '], "")] {
        let seen = std::panic::catch_unwind(|| hides(&shown, secret));
        assert!(seen.is_err(), "{shown}");
    }
}

#[test]
fn stored_keys_come_back_and_broken_ones_are_refused() {
    let secret = SigningSecret::generate();
    let again = SigningSecret::from_stored(StoredKey::new(secret.stored().as_bytes().to_vec()));
    assert_eq!(again.unwrap().public(), secret.public());
    let tls = TlsKey::generate();
    assert!(TlsKey::from_stored(tls.stored().clone()).is_ok());
    // A key of another kind is no key.
    assert!(TlsKey::from_stored(secret.stored().clone()).is_err());
    assert!(SigningSecret::from_stored(tls.stored().clone()).is_err());
    for end in 0..secret.stored().as_bytes().len() {
        let cut = StoredKey::new(secret.stored().as_bytes()[..end].to_vec());
        assert!(SigningSecret::from_stored(cut).is_err());
    }
}
