//! What a node asks of control: that its keys and endpoints be known, that its certificate be renewed.

use netloom_cbor::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What a control that knows of ciphers says in its greeting.
pub const FEATURE_CIPHERS: &str = "ciphers";
/// AES-256-GCM.
pub const CIPHER_AES_GCM: &str = "aes-256-gcm";
/// Most ciphers of a node.
pub const CIPHERS_MAX: usize = 16;
/// Longest certificate or request for one.
const CERTIFICATE_BYTES_MAX: usize = 16 << 10;
/// Most networks or addresses.
const LIST_MAX: usize = 4096;
/// Longest text.
const TEXT_BYTES_MAX: usize = 4096;

netloom_cbor::choice! {
    /// A question.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Call {
        /// The node's keys and where it can be called.
        0 => Keys {
            /// X25519 public keys by network.
            1 => public_keys: BTreeMap<String, [u8; 32]> [max LIST_MAX],
            /// UDP port of its tunnels.
            2 => listen_port: u16,
            /// Addresses of its links, the one that it reaches control from first.
            3 => addresses: Vec<IpAddr> [max LIST_MAX],
            /// Greater than that of all statements before.
            4 => generation: u64,
            /// The node's signature over the keys and their generation.
            5 => signature: [u8; 64],
            /// Ciphers that its processor has instructions for, by their names in [`CIPHER_AES_GCM`]
            /// and others to come; only where control has the feature [`FEATURE_CIPHERS`]. Signed
            /// with the keys.
            6 => ciphers: Option<BTreeSet<String>> [max CIPHERS_MAX],
        },
        /// A new certificate for the same key.
        1 => Renew {},
    }
}

netloom_cbor::choice! {
    /// An answer.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Answer {
        /// It is done.
        0 => Done {},
        /// A certificate.
        1 => Certificate {
            /// X.509, DER.
            1 => certificate: Bytes [max CERTIFICATE_BYTES_MAX],
        },
        /// It is not done.
        2 => Refused {
            /// Why.
            1 => cause: String [max TEXT_BYTES_MAX],
            /// What to do.
            2 => solution: String [max TEXT_BYTES_MAX],
        },
    }
}

/// Whether AES-256-GCM is among the ciphers that a node has named.
pub fn has_aes_gcm(ciphers: Option<&BTreeSet<String>>) -> bool {
    ciphers.is_some_and(|ciphers| ciphers.contains(CIPHER_AES_GCM))
}

/// The ciphers that a node names.
pub fn ciphers(has_aes_gcm: bool) -> BTreeSet<String> {
    has_aes_gcm.then(|| CIPHER_AES_GCM.to_owned()).into_iter().collect()
}
