//! What the engine bounds.

use std::time::Duration;

/// Networks on one port. An initiation that is for none of them costs a mac1 check for each.
pub const NETWORKS_MAX: usize = 64;
/// Peers of all networks.
pub const PEERS_MAX: usize = 1 << 16;
/// Allowed prefixes of one peer.
pub const ALLOWED_PREFIXES_MAX: usize = 1 << 16;
/// Datagrams, messages and events kept for a driver that does not drain them; what comes then is lost and
/// counted. Far above what one call makes.
pub const OUTPUT_QUEUE_MAX: usize = 1 << 14;
/// Handshake messages that wait to be answered; what comes then is lost and counted.
pub const HANDSHAKES_WAITING_MAX: usize = 2048;
/// Bytes of packets of all peers that wait for sessions. Beyond it the oldest of a packet's own peer give way, down to
/// [`WAITING_BYTES_MIN`].
pub const WAITING_BYTES_MAX: usize = 16 << 20;
/// What each peer may have waiting, however much waits for the others: some first packets of a connection.
pub const WAITING_BYTES_MIN: usize = 2048;
/// Initiations kept of keys that are not known yet.
pub const STRANGERS_MAX: usize = 64;
/// Smallest MTU of a network: IPv6's (RFC 8200 §5).
pub const MTU_BYTES_MIN: usize = 1280;
/// Handshake messages per second above which cookies are asked for, unless configured.
pub const HANDSHAKES_PER_SECOND: u32 = 4000;
/// Nodes agree upon new preshared keys this often, unless configured.
pub const KEY_ROTATION: Duration = Duration::from_secs(3600);
