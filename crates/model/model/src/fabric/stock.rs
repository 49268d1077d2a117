//! Stock WireGuard peers: hosts that know nothing of Netloom, and where a subnet leaves room for them.

use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;

/// A WireGuard peer that is no node: a phone, a router, a host with a wg-quick file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StockPeer {
    /// Its X25519 public key; without one it has its place and policy, and cannot connect yet.
    pub public_key: Option<[u8; 32]>,
    /// Where its node calls it (address or name, and port), if it does not wait to be called.
    pub endpoint: Option<String>,
    /// How often its node sends something when there is nothing to send.
    pub keepalive: Option<Duration>,
    /// File on its node with the preshared key, in base64 as `wg genpsk` prints it.
    pub preshared_key_file: Option<String>,
}

/// Where the addresses of a prefix are that it keeps for itself. The prefix's own address and its
/// last one are never given away, wherever the others are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reserved {
    /// Gateway, resolver and a spare one follow the first address, as in AWS.
    #[default]
    First,
    /// They precede the last address, so that others may have the first ones, as in most WireGuard
    /// files.
    Last,
}

impl Reserved {
    /// The gateway of a prefix.
    pub fn gateway(self, prefix: IpNet) -> IpAddr {
        crate::lease::gateway(prefix, self)
    }

    /// The resolver of a prefix.
    pub fn resolver(self, prefix: IpNet) -> IpAddr {
        crate::lease::resolver(prefix, self)
    }
}
