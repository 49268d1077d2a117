//! Entry points for fuzzing: plain functions over bytes, replayed by an ordinary test.

use crate::{Message, Oversize, Reassembly, mss};

/// Takes `bytes` as a packet out of a tunnel, in all that follows from one.
pub fn message(bytes: &[u8]) {
    let _ = Oversize::of(bytes, 1280);
    mss::clamp(&mut bytes.to_vec(), 1280, false);
    mss::clamp(&mut bytes.to_vec(), 1280, true);
    let Some(message) = Message::parse(bytes) else { return };
    let mut encoded = Vec::new();
    message.encode(&mut encoded);
    assert_eq!(Message::parse(&encoded), Some(message), "what is written is read");
    let mut reassembly = Reassembly::default();
    if let Message::Fragment { id, offset, is_last, part } = message {
        let _ = reassembly.add(id, offset, is_last, part);
        let _ = reassembly.add(id, 0, false, part);
        let _ = reassembly.add(id, offset.wrapping_add(1), true, part);
    }
}
