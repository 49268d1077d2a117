//! One end of a tunnel, ours or another implementation's, as the cases use it.

use ipnet::IpNet;
use netloom_wireguard::PublicKey;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// The other end as an end is told of it.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its key.
    pub public_key: PublicKey,
    /// The preshared key.
    pub psk: Option<[u8; 32]>,
    /// Where it is; an end that does not know cannot start.
    pub endpoint: Option<SocketAddr>,
    /// The persistent keepalive, in whole seconds.
    pub keepalive: Option<Duration>,
    /// Its inner addresses.
    pub allowed: Vec<IpNet>,
}

/// What an end knows of the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Status {
    /// Where it was heard from last.
    pub endpoint: Option<SocketAddr>,
    /// When the last handshake was completed, on any clock; zero if none was.
    pub last_handshake: Duration,
    /// Bytes received.
    pub rx_bytes: u64,
}

/// An end of a tunnel.
pub trait End: fmt::Debug {
    /// Its key.
    fn public_key(&self) -> PublicKey;

    /// Adds the peer, or changes what differs.
    ///
    /// # Errors
    /// It refuses.
    fn set_peer(&mut self, peer: &Peer) -> anyhow::Result<()>;

    /// Forgets the peer with its session.
    ///
    /// # Errors
    /// It refuses.
    fn forget_peer(&mut self, key: &PublicKey) -> anyhow::Result<()>;

    /// What it knows of the peer.
    ///
    /// # Errors
    /// It does not answer, or has no such peer.
    fn status(&self, key: &PublicKey) -> anyhow::Result<Status>;

    /// Moves to another UDP port with its sessions.
    ///
    /// # Errors
    /// It refuses.
    fn move_to_port(&mut self, port: u16) -> anyhow::Result<()>;

    /// What it said last, to explain a failure.
    fn last_words(&self) -> String;
}
