//! The messages: probes, canaries, fragments, and their answers.
//!
//! ```text
//! 0        40    41    42        44        48
//! | IPv6   | kind| arg | 0       | id      | the kind's own ...
//! ```
//! Integers are big-endian. Unknown kinds are left alone, so that newer nodes may say more.
//!
//! | kind | arg | id | then |
//! |---|---|---|---|
//! | 1 probe | 0 | of the probe | zeros up to the size that is tried |
//! | 2 probe's answer | 1 if checksums may be left out | of the probe | its size (16 bits) |
//! | 3 part of a canary | 0 sent in one piece, 1 sent alone | of the round | place (8 bits), zeros |
//! | 4 canary's question | 0 | of the round | – |
//! | 5 canary's answer | 1 if checksums may be left out | of the round | places that came in one piece (64 bits), alone (64 bits) |
//! | 6 fragment | 1 if it is the last | of the packet | offset (16 bits), bytes of the packet |
//! | 7 key ask | 1 if a key is held | of the exchange | the held key's exchange (32 bits), encapsulation key (1,184 bytes) |
//! | 8 key answer | 0 | of the exchange | ciphertext (1,088 bytes) |
//! | 9 key confirmation | 0 | of the exchange | – |

use crate::key_exchange::{CIPHERTEXT_BYTES, ENCAPSULATION_KEY_BYTES};
use std::net::Ipv6Addr;

/// Where messages come from: inside `100::/64`.
pub const SOURCE: Ipv6Addr = Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0);
/// Where messages go: the node at the other end.
pub const DESTINATION: Ipv6Addr = Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 1);
/// For experiments, "no next header" would be dropped by who dissects it (RFC 3692).
const NEXT_HEADER: u8 = 253;
const IP_BYTES: usize = 40;
/// Header of a message: that of IPv6, and kind, argument and id.
pub const HEADER_BYTES: usize = IP_BYTES + 8;
/// Header of a fragment.
pub const FRAGMENT_HEADER_BYTES: usize = HEADER_BYTES + 2;

/// A message between two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// To be answered with its size.
    Probe {
        /// Its number.
        id: u32,
        /// Length of the whole packet.
        packet_bytes: u16,
    },
    /// A probe came through.
    ProbeAnswer {
        /// Its number.
        id: u32,
        /// Length of the whole packet as it came.
        packet_bytes: u16,
        /// Whether its sender takes packets whose checksum is left out.
        takes_partial: bool,
    },
    /// A part of a canary.
    CanaryPart {
        /// The round's number.
        round: u32,
        /// Whether it was sent alone, not in one piece with others.
        is_alone: bool,
        /// Its place in its group.
        place: u8,
        /// Length of the whole packet.
        packet_bytes: u16,
    },
    /// Which parts of a round have come?
    CanaryQuestion {
        /// The round's number.
        round: u32,
    },
    /// These parts have come, as bits.
    CanaryAnswer {
        /// The round's number.
        round: u32,
        /// Those that were sent in one piece.
        in_piece: u64,
        /// Those that were sent alone.
        alone: u64,
        /// Whether its sender takes packets whose checksum is left out.
        takes_partial: bool,
    },
    /// A part of a packet.
    Fragment {
        /// The packet's number.
        id: u32,
        /// Where the part belongs.
        offset: u16,
        /// Whether the packet ends with it.
        is_last: bool,
        /// The bytes.
        part: &'a [u8],
    },
    /// A secret is wanted.
    KeyAsk {
        /// The exchange's number.
        id: u32,
        /// The exchange of which this end holds the secret.
        held: Option<u32>,
        /// An encapsulation key.
        key: &'a [u8; ENCAPSULATION_KEY_BYTES],
    },
    /// Here is one.
    KeyAnswer {
        /// The exchange's number.
        id: u32,
        /// What the key's owner opens it with.
        ciphertext: &'a [u8; CIPHERTEXT_BYTES],
    },
    /// It has come.
    KeyConfirmation {
        /// The exchange's number.
        id: u32,
    },
}

/// Whether a packet is addressed to the discard prefix `100::/64` (RFC 6666), where only messages go.
pub fn is_to_node(packet: &[u8]) -> bool {
    packet.len() >= IP_BYTES && packet[0] >> 4 == 6 && packet[24..32] == [0x01, 0, 0, 0, 0, 0, 0, 0]
}

impl<'a> Message<'a> {
    /// Reads a packet for which [`is_to_node`] holds; padding behind it is passed over. `None` if it is
    /// cut short, otherwise addressed or of a kind that is not known.
    pub fn parse(packet: &'a [u8]) -> Option<Self> {
        let (header, body) = packet.split_at_checked(IP_BYTES)?;
        let body_bytes = u16::from_be_bytes([header[4], header[5]]);
        let is_ours = header[0] >> 4 == 6
            && header[6] == NEXT_HEADER
            && header[8..24] == SOURCE.octets()
            && header[24..40] == DESTINATION.octets();
        let body = body.get(..usize::from(body_bytes)).filter(|_| is_ours)?;
        let (head, rest) = body.split_first_chunk::<8>()?;
        let [kind, argument, _, _, id @ ..] = *head;
        let id = u32::from_be_bytes(id);
        let packet_bytes = u16::try_from(IP_BYTES).ok()?.checked_add(body_bytes)?;
        Some(match kind {
            1 => Self::Probe { id, packet_bytes },
            2 => {
                let takes_partial = argument == 1;
                Self::ProbeAnswer { id, packet_bytes: number(rest)?, takes_partial }
            }
            3 => Self::CanaryPart {
                round: id,
                is_alone: argument == 1,
                place: *rest.first()?,
                packet_bytes,
            },
            4 => Self::CanaryQuestion { round: id },
            5 => {
                let (in_piece, rest) = rest.split_first_chunk::<8>()?;
                let alone = u64::from_be_bytes(*rest.first_chunk()?);
                let in_piece = u64::from_be_bytes(*in_piece);
                let takes_partial = argument == 1;
                Self::CanaryAnswer { round: id, in_piece, alone, takes_partial }
            }
            6 => {
                let part = rest.get(2..)?;
                Self::Fragment { id, offset: number(rest)?, is_last: argument == 1, part }
            }
            7 => {
                let (held, key) = rest.split_first_chunk::<4>()?;
                let held = (argument == 1).then(|| u32::from_be_bytes(*held));
                Self::KeyAsk { id, held, key: key.first_chunk()? }
            }
            8 => Self::KeyAnswer { id, ciphertext: rest.first_chunk()? },
            9 => Self::KeyConfirmation { id },
            _ => return None,
        })
    }

    /// Writes the whole packet behind what `into` holds. Sizes below what the header takes become that.
    pub fn encode(&self, into: &mut Vec<u8>) {
        let start = into.len();
        into.extend_from_slice(&[0x60, 0, 0, 0, 0, 0, NEXT_HEADER, 1]);
        into.extend_from_slice(&SOURCE.octets());
        into.extend_from_slice(&DESTINATION.octets());
        let head = |kind, argument, id: u32| {
            let [a, b, c, d] = id.to_be_bytes();
            [kind, argument, 0, 0, a, b, c, d]
        };
        let mut padded_to = 0;
        match *self {
            Self::Probe { id, packet_bytes } => {
                into.extend_from_slice(&head(1, 0, id));
                padded_to = usize::from(packet_bytes);
            }
            Self::ProbeAnswer { id, packet_bytes, takes_partial } => {
                into.extend_from_slice(&head(2, u8::from(takes_partial), id));
                into.extend_from_slice(&packet_bytes.to_be_bytes());
            }
            Self::CanaryPart { round, is_alone, place, packet_bytes } => {
                into.extend_from_slice(&head(3, u8::from(is_alone), round));
                into.push(place);
                padded_to = usize::from(packet_bytes);
            }
            Self::CanaryQuestion { round } => into.extend_from_slice(&head(4, 0, round)),
            Self::CanaryAnswer { round, in_piece, alone, takes_partial } => {
                into.extend_from_slice(&head(5, u8::from(takes_partial), round));
                into.extend_from_slice(&in_piece.to_be_bytes());
                into.extend_from_slice(&alone.to_be_bytes());
            }
            Self::Fragment { id, offset, is_last, part } => {
                into.extend_from_slice(&head(6, u8::from(is_last), id));
                into.extend_from_slice(&offset.to_be_bytes());
                into.extend_from_slice(part);
            }
            Self::KeyAsk { id, held, key } => {
                into.extend_from_slice(&head(7, u8::from(held.is_some()), id));
                into.extend_from_slice(&held.unwrap_or(0).to_be_bytes());
                into.extend_from_slice(key);
            }
            Self::KeyAnswer { id, ciphertext } => {
                into.extend_from_slice(&head(8, 0, id));
                into.extend_from_slice(ciphertext);
            }
            Self::KeyConfirmation { id } => into.extend_from_slice(&head(9, 0, id)),
        }
        let packet_bytes = (into.len() - start).max(padded_to);
        into.resize(start + packet_bytes, 0);
        // Below 2^16: sizes have 16 bits, and a part is one of a packet of 16 bits.
        let body_bytes = (packet_bytes - IP_BYTES) as u16;
        into[start + 4..start + 6].copy_from_slice(&body_bytes.to_be_bytes());
    }
}

fn number(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read() {
        let part = [7; 90];
        let messages = [
            Message::Probe { id: 1, packet_bytes: 1420 },
            Message::Probe { id: u32::MAX, packet_bytes: 48 },
            Message::ProbeAnswer { id: 2, packet_bytes: 8920, takes_partial: false },
            Message::ProbeAnswer { id: 2, packet_bytes: 1420, takes_partial: true },
            Message::CanaryPart { round: 3, is_alone: false, place: 43, packet_bytes: 1380 },
            Message::CanaryPart { round: 3, is_alone: true, place: 0, packet_bytes: 49 },
            Message::CanaryQuestion { round: 4 },
            Message::CanaryAnswer {
                round: 5,
                in_piece: u64::MAX,
                alone: 0x1ff,
                takes_partial: true,
            },
            Message::Fragment { id: 6, offset: 1150, is_last: true, part: &part },
        ];
        for message in messages {
            let mut packet = Vec::new();
            message.encode(&mut packet);
            assert!(is_to_node(&packet), "{message:?}");
            assert_eq!(Message::parse(&packet), Some(message));
            packet.extend_from_slice(&[0; 15]);
            assert_eq!(Message::parse(&packet), Some(message), "with padding");
        }
    }

    #[test]
    fn other_packets_and_unknown_kinds_are_none() {
        let mut packet = Vec::new();
        Message::CanaryQuestion { round: 4 }.encode(&mut packet);
        for (place, value) in [(0, 0x45), (6, 58), (8, 0xfd), (39, 2), (40, 77), (5, 7), (5, 9)] {
            let mut other = packet.clone();
            other[place] = value;
            assert_eq!(Message::parse(&other), None, "byte {place}");
        }
        assert!(!is_to_node(&[0x60; 40]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_panic(
            tail in proptest::collection::vec(any::<u8>(), 0..80),
            length in any::<u16>(),
        ) {
            let mut packet = Vec::new();
            Message::CanaryQuestion { round: 0 }.encode(&mut packet);
            packet.truncate(IP_BYTES);
            packet[4..6].copy_from_slice(&length.to_be_bytes());
            packet.extend_from_slice(&tail);
            crate::fuzz::message(&packet);
        }
    }
}
