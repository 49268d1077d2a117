//! `attach: { wireguard: … }`: a stock peer's key, and how its node calls it.

use super::{At, Decoder};
use crate::diagnostic::{Diagnostic, code};
use crate::fabric::{Attach, StockPeer};
use crate::tree::Tree;
use std::time::Duration;

/// Longest keepalive: WireGuard counts it in 16 bits of seconds.
const KEEPALIVE_MAX: Duration = Duration::from_secs(65_535);

impl Decoder {
    /// A stock peer, and where its endpoint stands.
    pub(super) fn stock_peer(&mut self, tree: &Tree) -> Option<(Attach, Option<At<String>>)> {
        const KEYS: [&str; 4] = ["public_key", "endpoint", "keepalive", "preshared_key_file"];
        let fields = self.fields(tree, "`wireguard`", &KEYS)?;
        let public_key = fields.optional("public_key").map(|tree| self.public_key(tree));
        let endpoint = fields.optional_reference("endpoint", self);
        let keepalive = fields.optional("keepalive").and_then(|tree| self.keepalive(tree));
        let file = fields.optional("preshared_key_file");
        let preshared_key_file = file.and_then(|tree| self.absolute_path(tree));
        let peer = StockPeer {
            // A key that cannot be read is an error; one that is not there may come later.
            public_key: public_key.flatten(),
            endpoint: endpoint.as_ref().map(|endpoint| endpoint.value.clone()),
            keepalive,
            preshared_key_file,
        };
        Some((Attach::Wireguard(peer), endpoint))
    }

    fn public_key(&mut self, tree: &Tree) -> Option<[u8; 32]> {
        let text = self.text(tree, "a public key as `wg pubkey` prints it is needed")?;
        let key = key_bytes(text);
        if key.is_none() {
            self.push(Diagnostic::error(
                code::BAD_VALUE,
                &tree.span,
                format!("`{text}` is not a public key"),
                "a WireGuard key is 32 bytes in base64: 43 characters and `=`",
                "write the key that `wg pubkey` prints on the peer, or leave it out until it is known",
            ));
        }
        key
    }

    /// A time span in whole seconds; `0s` and `off` are none.
    fn keepalive(&mut self, tree: &Tree) -> Option<Duration> {
        if self.text(tree, "a time such as 25s is needed")? == "off" {
            return None;
        }
        let keepalive = self.duration(tree)?;
        if keepalive > KEEPALIVE_MAX || keepalive.subsec_nanos() > 0 {
            self.error(
                code::BAD_VALUE,
                &tree.span,
                "a keepalive of this length cannot be set",
                "WireGuard counts it in whole seconds, 65535 at most",
                "write a time such as 25s, which keeps most translators' mappings alive",
            );
            return None;
        }
        (!keepalive.is_zero()).then_some(keepalive)
    }
}

/// The bytes of a key in the one base64 form that WireGuard's tools write.
fn key_bytes(text: &str) -> Option<[u8; 32]> {
    let value = |character: u8| -> Option<u32> {
        Some(u32::from(match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        }))
    };
    let digits = text.strip_suffix('=').filter(|digits| digits.len() == 43)?;
    let mut bytes = Vec::with_capacity(33);
    for group in digits.as_bytes().chunks(4) {
        let mut bits = 0;
        for digit in group {
            bits = bits << 6 | value(*digit)?;
        }
        // The last group has three digits: 18 bits, of which the last two belong to no byte.
        let bits = if group.len() == 4 { bits } else { bits << 6 };
        bytes.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
    let (key, rest) = bytes.split_first_chunk()?;
    (rest == [0]).then_some(*key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_one_form() {
        let zero = "A".repeat(43) + "=";
        assert_eq!(key_bytes(&zero), Some([0; 32]));
        let one = "A".repeat(42) + "E=";
        assert_eq!(key_bytes(&one).map(|key| key[31]), Some(1));
        // Stray bits after the last byte, another length, other characters.
        for bad in
            ["A".repeat(42) + "B=", "A".repeat(44), "A".repeat(42) + "=", "-".repeat(43) + "="]
        {
            assert_eq!(key_bytes(&bad), None, "{bad}");
        }
        assert_eq!(key_bytes("<server-public-key>"), None);
    }
}
