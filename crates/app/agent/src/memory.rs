//! What a node remembers of its peers across restarts: where they were, and their newest handshake.
//!
//! ```text
//! STATE/peers.json  { network: { public key in base64: { endpoint, newest_handshake: hex, had_session } } }
//! ```
//! A node that cannot be called is called where it was last heard from; an old handshake that
//! somebody replays is refused as it would have been before the restart. Who had a session is called at
//! once, since it would send in that session, which nobody can open any more, until it notices.

use netloom_wireguard::limits::REJECT_AFTER_TIME;
use netloom_wireguard::{PublicKey, Tai64n};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

type Peers = BTreeMap<String, BTreeMap<String, Remembered>>;

/// What is remembered of a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// Where it was last heard from.
    pub(crate) endpoint: Option<SocketAddr>,
    /// The timestamp of its newest handshake, 24 hexadecimal digits.
    pub(crate) newest_handshake: Option<String>,
    /// Whether the peer may have a session, which it still has after a restart of this node.
    #[serde(default)]
    pub(crate) had_session: bool,
}

/// The file, and what was last written to it.
pub(crate) struct Memory {
    path: PathBuf,
    peers: Peers,
}

impl Memory {
    /// Reads what an earlier run left; a damaged file is as good as none.
    pub(crate) fn open(state: &Path) -> Self {
        let path = state.join("peers.json");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        Self { peers: serde_json::from_str(&text).unwrap_or_default(), path }
    }

    /// What is known of a peer.
    pub(crate) fn peer(&self, network: &str, key: &PublicKey) -> Remembered {
        let known = self.peers.get(network).and_then(|peers| peers.get(&key.to_string()));
        known.cloned().unwrap_or_default()
    }

    /// Keeps what is known now; writes only what differs. A disk that is full loses no packet:
    /// the next change is written again.
    /// Peers that are gone stay known, or their old handshakes could be replayed once they are back.
    pub(crate) fn keep(&mut self, seen: Peers) {
        let mut peers = self.peers.clone();
        for (network, seen) in seen {
            peers.entry(network).or_default().extend(seen);
        }
        if peers == self.peers {
            return;
        }
        let fresh = self.path.with_extension("new");
        let written = serde_json::to_vec(&peers)
            .map_err(std::io::Error::from)
            .and_then(|text| std::fs::write(&fresh, text))
            .and_then(|()| std::fs::rename(&fresh, &self.path));
        if written.is_ok() {
            self.peers = peers;
        }
    }
}

impl Remembered {
    /// Whether the peer may still have a session: it has one now, or had one with an earlier run, and this one is not
    /// `age` old enough for that to have ended. Who forgot it at once would not call it when killed twice in a row.
    pub(crate) fn may_have_session(&self, has_session: bool, age: Duration) -> bool {
        has_session || self.had_session && age < REJECT_AFTER_TIME
    }

    /// The timestamp as the engine takes it.
    pub(crate) fn timestamp(&self) -> Option<Tai64n> {
        let text = self.newest_handshake.as_deref()?;
        let mut bytes = [0; 12];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(Tai64n::from_bytes(bytes))
    }

    /// Keeps a timestamp.
    pub(crate) fn with_timestamp(mut self, newest: Option<Tai64n>) -> Self {
        self.newest_handshake =
            newest.map(|time| time.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_runs_session_is_kept_in_mind_until_it_must_have_ended() {
        let known = Remembered { had_session: true, ..Remembered::default() };
        assert!(known.may_have_session(false, Duration::ZERO));
        assert!(known.may_have_session(true, REJECT_AFTER_TIME));
        assert!(!known.may_have_session(false, REJECT_AFTER_TIME));
        assert!(!Remembered::default().may_have_session(false, Duration::ZERO));
    }

    #[test]
    fn a_timestamp_survives_and_nonsense_does_not() {
        let time = Tai64n::from_bytes([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255]);
        assert_eq!(Remembered::default().with_timestamp(Some(time)).timestamp(), Some(time));
        for text in ["", "zz", "0102", "é"] {
            let newest_handshake = Some(text.to_owned());
            assert_eq!(Remembered { newest_handshake, ..Remembered::default() }.timestamp(), None);
        }
    }
}
