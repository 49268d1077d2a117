//! Entry points for fuzzing: plain functions over bytes, replayed by an ordinary test.

use crate::{Message, Oversize, Part, Reassembly, mss};
use netloom_base::Time;

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
        let part = Part { id, offset, is_last, bytes: part, is_congested: false };
        for part in [
            part,
            Part { offset: 0, is_last: false, ..part },
            Part { offset: offset.wrapping_add(1), is_last: true, ..part },
        ] {
            let _ = reassembly.add(Time::ZERO, &part);
        }
    }
}
