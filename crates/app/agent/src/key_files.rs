//! Keys that users keep in files of their own, named by the fabric's file and never in it.

use anyhow::{Context as _, anyhow};
use netloom_wireguard::{PresharedKey, PrivateKey};
use std::fmt::Display;
use std::str::FromStr;

/// A node's private key in a network.
pub(crate) fn private_key(path: &str) -> anyhow::Result<PrivateKey> {
    read(path, "private key", "wg genkey")
}

/// What is mixed into handshakes with a stock peer.
pub(crate) fn preshared_key(path: &str) -> anyhow::Result<PresharedKey> {
    read(path, "preshared key", "wg genpsk")
}

fn read<K: FromStr<Err: Display>>(path: &str, what: &str, made_by: &str) -> anyhow::Result<K> {
    let text = std::fs::read_to_string(path).with_context(|| {
        format!("the {what} file {path} cannot be read; put the key there, for root to read alone")
    })?;
    text.trim().parse().map_err(|error| {
        anyhow!("{path} holds no {what}: {error}; write one line as `{made_by}` prints it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_or_holds_no_key_is_named_with_its_cure() {
        let missing = preshared_key("/nowhere/psk").unwrap_err();
        assert!(format!("{missing:#}").contains("/nowhere/psk cannot be read"), "{missing:#}");
        let odd = private_key("/proc/self/comm").unwrap_err();
        assert!(odd.to_string().contains("wg genkey"), "{odd}");
    }
}
