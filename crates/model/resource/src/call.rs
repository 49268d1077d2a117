//! What a node asks of control: that its keys and endpoints be known, that its certificate be renewed.

use netloom_cbor::Bytes;
use std::collections::BTreeMap;
use std::net::IpAddr;

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
