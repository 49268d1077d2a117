//! What a node is told: networks, peers, and why an update is refused.

use crate::limits::{
    ALLOWED_PREFIXES_MAX, HANDSHAKES_PER_SECOND, KEY_ROTATION, MTU_BYTES_MIN, NETWORKS_MAX,
    PEERS_MAX,
};
use ipnet::IpNet;
use netloom_wireguard::{PresharedKey, PrivateKey, PublicKey, Suite};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// A network on this node; the number is the caller's and does not go on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkId(pub u32);

/// A peer of one network. Numbers are given by the node and are not used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u32);

/// What holds for the whole node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// Handshake messages per second above which the node asks for cookies.
    pub handshakes_per_second: u32,
}

/// A network: its key on this node, and its MTU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkConfig {
    /// This node's static key in the network.
    pub private_key: PrivateKey,
    /// MTU of the network's interface. Padding does not exceed it.
    pub mtu_bytes: usize,
    /// Nodes agree upon new preshared keys this often.
    pub key_rotation: Duration,
}

/// A peer as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerConfig {
    /// Its static key: who it is.
    pub public_key: PublicKey,
    /// Mixed into handshakes with it.
    pub psk: Option<PresharedKey>,
    /// Where it is, if known. A change of this overrides where it was last seen; repeating it
    /// does not.
    pub endpoint: Option<SocketAddr>,
    /// Which inner addresses are its own: packets to them go to it, and it may send from no
    /// other. A longer prefix of another peer takes precedence.
    pub allowed: Vec<IpNet>,
    /// Prefixes outside of the network from which it may send: from what of them no peer owns.
    pub sends_from: Vec<IpNet>,
    /// Send something at least this often.
    pub keepalive: Option<Duration>,
    /// What sessions are sealed with that this side starts. AES-GCM only where it is known that the
    /// peer speaks it.
    pub suite: Suite,
    /// Whether it is known to be a node like this one, with which messages are exchanged inside the
    /// tunnel ([`netloom_path`]). A stock peer gets none.
    pub is_node: bool,
}

/// Where packets go whose destination no peer owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// What they come from; the longest prefix counts.
    pub from: IpNet,
    /// What they are for; of those with one source, the longest prefix counts.
    pub to: IpNet,
    /// The peers that take them. The first one is used until it is down, then the first that is not.
    pub peers: Vec<PublicKey>,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self { handshakes_per_second: HANDSHAKES_PER_SECOND }
    }
}

impl NetworkConfig {
    /// A network in which nodes agree upon new keys as often as is usual.
    pub fn new(private_key: PrivateKey, mtu_bytes: usize) -> Self {
        Self { private_key, mtu_bytes, key_rotation: KEY_ROTATION }
    }
}

impl PeerConfig {
    /// A peer of which only the key is known.
    pub fn new(public_key: PublicKey) -> Self {
        Self {
            public_key,
            psk: None,
            endpoint: None,
            allowed: Vec::new(),
            sends_from: Vec::new(),
            keepalive: None,
            suite: Suite::default(),
            is_node: false,
        }
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "network {}", self.0)
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer {}", self.0)
    }
}

/// Why a network was not set. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetNetworkError {
    /// There are [`NETWORKS_MAX`] already.
    #[error("a port takes at most {NETWORKS_MAX} networks")]
    TooManyNetworks,
    /// Initiations would not tell the two apart.
    #[error("{0} on this port has the same private key")]
    KeyInUse(NetworkId),
    /// Its own key is one of its peers' keys.
    #[error("the network's own key is also the key of a peer")]
    OwnKeyIsPeer,
    /// Too small for IPv6, or larger than an IP packet.
    #[error("an MTU lies between {MTU_BYTES_MIN} and 65535 bytes, not at {0}")]
    Mtu(usize),
}

/// Why a peer was not set. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetPeerError {
    /// The network has not been set.
    #[error("{0} is not known")]
    UnknownNetwork(NetworkId),
    /// The peer has this node's own key.
    #[error("the peer's key is this node's own")]
    OwnKey,
    /// Everybody would know what is shared with such a key.
    #[error("the peer's public key is of low order")]
    LowOrderKey,
    /// There are [`PEERS_MAX`] already.
    #[error("a node takes at most {PEERS_MAX} peers")]
    TooManyPeers,
    /// It claims more than [`ALLOWED_PREFIXES_MAX`] prefixes.
    #[error("a peer takes at most {ALLOWED_PREFIXES_MAX} allowed prefixes, not {0}")]
    TooManyPrefixes(usize),
    /// Two peers of one network claim the same prefix.
    #[error("{prefix} is allowed for {owner} already, so {claimant} cannot have it")]
    Overlap {
        /// What both claim.
        prefix: IpNet,
        /// Who has it.
        owner: PublicKey,
        /// Who was refused.
        claimant: PublicKey,
    },
}
