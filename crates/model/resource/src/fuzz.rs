//! Entry points for fuzzing: whatever the bytes are, nothing panics.

use crate::{Kind, assemble};

/// The first byte picks the kind, the rest is the payload; all kinds are tried together too.
pub fn payload(bytes: &[u8]) {
    let Some((first, payload)) = bytes.split_first() else { return };
    let (_, refused) = assemble([(u16::from(*first), "x", payload)]);
    assert!(refused.len() <= 1);
    let _ = assemble(Kind::ALL.map(|kind| (kind as u16, "x", payload)));
}
