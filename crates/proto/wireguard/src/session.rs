//! A session: the keys of one handshake, the counters, and sealing and opening in place.

use crate::aead::{AT_ONCE_MAX, Aead, TAG_BYTES};
use crate::limits::{PADDING_BYTES, REJECT_AFTER_TIME};
use crate::message::{DATA_HEADER_BYTES, DATA_OVERHEAD_BYTES, Data, PARTIAL_DATA};
use crate::noise::TransportKeys;
use crate::replay::ReplayWindow;
use crate::suite::Suite;
use netloom_base::Time;
use std::fmt;
use std::sync::Arc;

/// Who started a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// This side.
    Initiator,
    /// The other side.
    Responder,
}

/// Seals data packets of one session. Needs no lock: the counter is handed in.
pub struct SealKey {
    suite: Suite,
    aead: Aead,
    receiver: u32,
}

/// Opens data packets of one session. Needs no lock: replays are judged afterwards.
pub struct OpenKey {
    suite: Suite,
    aead: Aead,
}

/// How many zero bytes follow a packet of `packet_bytes` in a tunnel of `mtu_bytes` (§5.4.6):
/// up to a multiple of 16, but a padded packet never exceeds what the path was made for.
pub fn padding_bytes(packet_bytes: usize, mtu_bytes: usize) -> usize {
    let padded = packet_bytes.next_multiple_of(PADDING_BYTES);
    padded.min(mtu_bytes.max(packet_bytes)) - packet_bytes
}

impl SealKey {
    /// Seals `datagram`, laid out as `header 16 | padded packet | room for the tag 16`, in place
    /// as data packet `counter`. Every counter is used once: see [`crate::Tunnel::reserve`]. `is_partial` says that the
    /// packet's checksum is left out, which only another Netloom node understands.
    ///
    /// # Panics
    /// If the datagram is shorter than header and tag: a bug of the caller.
    pub fn seal(&self, counter: u64, datagram: &mut [u8], is_partial: bool) {
        let (header, sealed) =
            datagram.split_first_chunk_mut::<DATA_HEADER_BYTES>().expect("room for the header");
        Data { receiver: self.receiver, counter, is_partial }.write(header);
        self.aead.seal(self.suite.nonce(counter), additional_data(header[0]), sealed);
    }

    /// Whether packets are sealed faster together ([`Self::seal_many`]).
    pub fn has_many(&self) -> bool {
        self.aead.has_many()
    }

    /// [`Self::seal`] of up to [`AT_ONCE_MAX`] datagrams of one length; `counter` is that of the first, and the others'
    /// follow it.
    ///
    /// # Panics
    /// If they are more, differ in length, or are shorter than header and tag: a bug of the caller.
    pub fn seal_many(&self, counter: u64, datagrams: &mut [&mut [u8]], is_partial: bool) {
        let mut nonces = [[0; 12]; AT_ONCE_MAX];
        let mut sealed: [&mut [u8]; AT_ONCE_MAX] = std::array::from_fn(|_| Default::default());
        let mut kind = 0;
        for (place, counter) in (0..datagrams.len()).zip(counter..) {
            let datagram = std::mem::take(&mut datagrams[place]);
            let (header, rest) =
                datagram.split_first_chunk_mut::<DATA_HEADER_BYTES>().expect("room for the header");
            Data { receiver: self.receiver, counter, is_partial }.write(header);
            kind = header[0];
            (nonces[place], sealed[place]) = (self.suite.nonce(counter), rest);
        }
        let count = datagrams.len();
        self.aead.seal_many(&nonces[..count], additional_data(kind), &mut sealed[..count]);
    }

    /// A data packet in a buffer of its own, for the few that do not travel in a batch.
    pub(crate) fn seal_copy(&self, counter: u64, packet: &[u8], mtu_bytes: usize) -> Vec<u8> {
        let padding = padding_bytes(packet.len(), mtu_bytes);
        let mut datagram = vec![0; DATA_OVERHEAD_BYTES + packet.len() + padding];
        datagram[DATA_HEADER_BYTES..DATA_HEADER_BYTES + packet.len()].copy_from_slice(packet);
        self.seal(counter, &mut datagram, false);
        datagram
    }
}

impl OpenKey {
    /// Opens a data packet in place. If it authenticates, the padded packet lies in
    /// `DATA_HEADER_BYTES..datagram.len() - TAG_BYTES` of it; else the bytes are spoilt.
    pub fn open(&self, counter: u64, datagram: &mut [u8]) -> bool {
        let nonce = self.suite.nonce(counter);
        datagram.len() >= DATA_HEADER_BYTES + TAG_BYTES && {
            let aad = additional_data(datagram[0]);
            self.aead.open(nonce, aad, &mut datagram[DATA_HEADER_BYTES..])
        }
    }

    /// Whether packets are opened faster together ([`Self::open_many`]).
    pub fn has_many(&self) -> bool {
        self.aead.has_many()
    }

    /// [`Self::open`] of up to [`AT_ONCE_MAX`] datagrams of one length and one type, each with its counter; tells which
    /// authenticate.
    ///
    /// # Panics
    /// If they are more, or differ in length: a bug of the caller.
    pub fn open_many(&self, counters: &[u64], datagrams: &mut [&mut [u8]]) -> [bool; AT_ONCE_MAX] {
        let first = datagrams.first().map_or(&[][..], |datagram| datagram);
        if first.len() < DATA_HEADER_BYTES + TAG_BYTES {
            return [false; AT_ONCE_MAX];
        }
        let aad = additional_data(first[0]);
        let mut nonces = [[0; 12]; AT_ONCE_MAX];
        let mut sealed: [&mut [u8]; AT_ONCE_MAX] = std::array::from_fn(|_| Default::default());
        for (place, counter) in (0..datagrams.len()).zip(counters) {
            nonces[place] = self.suite.nonce(*counter);
            sealed[place] = &mut std::mem::take(&mut datagrams[place])[DATA_HEADER_BYTES..];
        }
        let count = datagrams.len();
        self.aead.open_many(&nonces[..count], aad, &mut sealed[..count])
    }
}

/// What is authenticated beside the packet: nothing in WireGuard's own data packets, and that a checksum is left out, so
/// that nobody in between can say so.
const fn additional_data(kind: u8) -> &'static [u8] {
    if kind == PARTIAL_DATA { &[PARTIAL_DATA] } else { &[] }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealKey")
            .field("suite", &self.suite)
            .field("receiver", &self.receiver)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OpenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenKey").field("suite", &self.suite).finish_non_exhaustive()
    }
}

/// The keys, counters and window of one handshake.
pub(crate) struct Session {
    pub(crate) suite: Suite,
    pub(crate) role: Role,
    pub(crate) born: Time,
    /// Whether its preshared key was agreed upon inside the tunnel.
    pub(crate) is_agreed: bool,
    /// The index by which the peer addresses this session.
    pub(crate) local_index: u32,
    pub(crate) seal_key: Arc<SealKey>,
    pub(crate) open_key: Arc<OpenKey>,
    pub(crate) next_counter: u64,
    pub(crate) replay: ReplayWindow,
}

impl Session {
    pub(crate) fn new(
        keys: &TransportKeys,
        role: Role,
        (local_index, receiver): (u32, u32),
        now: Time,
    ) -> Self {
        let TransportKeys { suite, send, receive } = keys;
        let (suite, aead) = (*suite, |key| Aead::new(*suite, key));
        Self {
            suite,
            role,
            born: now,
            is_agreed: false,
            local_index,
            seal_key: Arc::new(SealKey { suite, aead: aead(send), receiver }),
            open_key: Arc::new(OpenKey { suite, aead: aead(receive) }),
            next_counter: 0,
            replay: ReplayWindow::default(),
        }
    }

    pub(crate) fn age(&self, now: Time) -> std::time::Duration {
        now.saturating_since(self.born)
    }

    pub(crate) fn is_expired(&self, now: Time) -> bool {
        self.age(now) >= REJECT_AFTER_TIME
    }

    /// Takes counters for `packets` packets of up to `packet_bytes` bytes off the session; gives the first.
    pub(crate) fn take_counters(
        &mut self,
        now: Time,
        packets: u64,
        packet_bytes: usize,
    ) -> Option<u64> {
        let first = self.next_counter;
        let after = first.checked_add(packets)?;
        if after > self.suite.seals_messages(packet_bytes) || self.is_expired(now) {
            return None;
        }
        self.next_counter = after;
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_stops_at_the_mtu() {
        for (packet, mtu, padding) in [
            (0, 1420, 0),
            (1, 1420, 15),
            (16, 1420, 0),
            (1409, 1420, 11),
            (1420, 1420, 0),
            (1430, 1420, 0),
        ] {
            assert_eq!(padding_bytes(packet, mtu), padding, "{packet} of {mtu}");
        }
    }
}
