//! What control signs, so that a node can keep it and trust it later: which state was wanted, and when.

use crate::digest::Digest;
use crate::message::FabricId;

netloom_cbor::record! {
    /// Control's word for a state. This crate carries it; the caller makes it and verifies it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Seal {
        /// When it was signed: milliseconds since 1970. It is a floor for the node's clock.
        1 => pub time_ms: u64,
        /// Ed25519 over [`statement`].
        2 => pub signature: [u8; 64],
    }
}

/// Tells this statement from everything else that is signed with the same key.
const CONTEXT: &[u8] = b"netloom control state v1\0";

/// The bytes that control signs: the context with its zero byte; fabric (16 bytes); revision,
/// time (8 bytes each, big-endian); target digest (32 bytes); and the node's name to the end, so
/// that what was signed for one node means nothing to another.
pub fn statement(
    fabric: &FabricId,
    node: &str,
    revision: u64,
    target: &Digest,
    time_ms: u64,
) -> Vec<u8> {
    let (revision, time) = (revision.to_be_bytes(), time_ms.to_be_bytes());
    [CONTEXT, fabric, &revision, &time, &target.0, node.as_bytes()].concat()
}
