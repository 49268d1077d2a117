//! The configuration protocol of userspace WireGuard (<https://www.wireguard.com/xplatform/>), which `wg` speaks.
//!
//! ```text
//! get=1 ⏎ ⏎                        ─► private_key=… listen_port=… public_key=… … errno=0 ⏎ ⏎
//! set=1 ⏎ key=value ⏎ … ⏎           ─► errno=0 ⏎ ⏎, or the number of an error below zero
//! ```
//! Keys are 64 hexadecimal digits. What is wrong changes nothing.

use crate::{Interface, PeerState};
use ipnet::IpNet;
use netloom_wireguard::{PresharedKey, PrivateKey, PublicKey};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// Longest request: 65,536 peers with a few addresses each.
pub const REQUEST_BYTES_MAX: usize = 64 << 20;
/// `EINVAL`, `EPROTO`, `EADDRINUSE`, `EIO`: what a request is answered with.
pub const INVALID: i32 = 22;
/// The request is none.
pub const PROTOCOL: i32 = 71;
/// The port is taken.
pub const PORT_TAKEN: i32 = 98;
/// The interface cannot be set so.
pub const FAILED: i32 = 5;

/// Gives the index of a link by its name.
pub type Zones<'a> = &'a dyn Fn(&str) -> Option<u32>;

/// What is asked.
#[derive(Debug)]
pub enum Request {
    /// How the interface is.
    Get,
    /// To change it.
    Set(Box<Change>),
}

/// A change of an interface; what is none is left as it is.
#[derive(Debug, Default)]
pub struct Change {
    /// Another key, or none any more.
    pub private_key: Option<Option<PrivateKey>>,
    /// Another port; 0 for any.
    pub listen_port: Option<u16>,
    /// Another mark; 0 for none.
    pub mark: Option<u32>,
    /// Whether the peers are only those of this change.
    pub replace_peers: bool,
    /// Changes of peers, in order.
    pub peers: Vec<PeerChange>,
}

/// A change of a peer.
#[derive(Debug)]
pub struct PeerChange {
    /// Who.
    pub public_key: PublicKey,
    /// Whether it goes.
    pub remove: bool,
    /// Whether it is left out unless it is there.
    pub update_only: bool,
    /// Another preshared key, or none any more.
    pub psk: Option<Option<PresharedKey>>,
    /// Where it is.
    pub endpoint: Option<SocketAddr>,
    /// How often something is sent at least, or that nothing is.
    pub keepalive: Option<Option<Duration>>,
    /// Whether its addresses are only those of this change.
    pub replace_allowed: bool,
    /// Addresses that it gets.
    pub allow: Vec<IpNet>,
    /// Addresses that it loses.
    pub disallow: Vec<IpNet>,
}

/// Why a request is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It begins with neither operation.
    #[error("a request begins with get=1 or set=1, not with {0:?}")]
    Operation(String),
    /// The key is not known, or stands where it must not.
    #[error("{0:?} is no key here; see wg(8)")]
    Key(String),
    /// The value makes no sense.
    #[error("{value:?} is no value of {key}")]
    Value {
        /// Of what.
        key: String,
        /// What was given; of keys nothing is told.
        value: String,
    },
}

impl RequestError {
    /// The number that the request is answered with.
    pub fn errno(&self) -> i32 {
        match self {
            Self::Operation(_) => PROTOCOL,
            Self::Key(_) | Self::Value { .. } => INVALID,
        }
    }
}

impl Request {
    /// Reads a request, up to its empty line. `zones` gives the index of a link, by which a link-local endpoint may
    /// be told apart (RFC 4007 §11).
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str, zones: Zones<'_>) -> Result<Self, RequestError> {
        let mut lines = text.lines().take_while(|line| !line.is_empty());
        match lines.next() {
            Some("get=1") => Ok(Self::Get),
            Some("set=1") => Change::parse(lines, zones).map(|change| Self::Set(Box::new(change))),
            other => Err(RequestError::Operation(other.unwrap_or_default().to_owned())),
        }
    }
}

impl Change {
    fn parse<'a>(
        lines: impl Iterator<Item = &'a str>,
        zones: Zones<'_>,
    ) -> Result<Self, RequestError> {
        let mut change = Self::default();
        for line in lines {
            let (key, value) =
                line.split_once('=').ok_or_else(|| RequestError::Key(line.to_owned()))?;
            if key == "public_key" {
                let public_key = PublicKey::from_bytes(secret(key, value)?);
                change.peers.push(PeerChange::new(public_key));
                continue;
            }
            match change.peers.last_mut() {
                Some(peer) => peer.set(key, value, zones)?,
                None => change.set(key, value)?,
            }
        }
        Ok(change)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), RequestError> {
        match key {
            "private_key" => {
                let bytes = secret(key, value)?;
                let given = bytes != [0; 32];
                self.private_key = Some(given.then(|| PrivateKey::from_bytes(bytes)));
            }
            "listen_port" => self.listen_port = Some(read(key, value)?),
            "fwmark" => self.mark = Some(read(key, value)?),
            "replace_peers" => self.replace_peers = said(key, value)?,
            _ => return Err(RequestError::Key(key.to_owned())),
        }
        Ok(())
    }
}

impl PeerChange {
    fn new(public_key: PublicKey) -> Self {
        Self {
            public_key,
            remove: false,
            update_only: false,
            psk: None,
            endpoint: None,
            keepalive: None,
            replace_allowed: false,
            allow: Vec::new(),
            disallow: Vec::new(),
        }
    }

    fn set(&mut self, key: &str, value: &str, zones: Zones<'_>) -> Result<(), RequestError> {
        match key {
            "remove" => self.remove = said(key, value)?,
            "update_only" => self.update_only = said(key, value)?,
            "preshared_key" => {
                let bytes = secret(key, value)?;
                self.psk = Some((bytes != [0; 32]).then(|| PresharedKey::from_bytes(bytes)));
            }
            "endpoint" => self.endpoint = Some(endpoint(key, value, zones)?),
            "persistent_keepalive_interval" => {
                let seconds: u16 = read(key, value)?;
                let interval = Duration::from_secs(seconds.into());
                self.keepalive = Some((seconds > 0).then_some(interval));
            }
            "replace_allowed_ips" => self.replace_allowed = said(key, value)?,
            "allowed_ip" => match value.strip_prefix('-') {
                Some(less) => self.disallow.push(prefix(key, less)?),
                None => self.allow.push(prefix(key, value)?),
            },
            "protocol_version" if value == "1" => {}
            _ => return Err(RequestError::Key(key.to_owned())),
        }
        Ok(())
    }
}

fn wrong(key: &str, value: &str) -> RequestError {
    RequestError::Value { key: key.to_owned(), value: value.to_owned() }
}

fn read<T: FromStr>(key: &str, value: &str) -> Result<T, RequestError> {
    value.parse().map_err(|_| wrong(key, value))
}

fn said(key: &str, value: &str) -> Result<bool, RequestError> {
    if value == "true" { Ok(true) } else { Err(wrong(key, value)) }
}

/// An address and a port, such as `[fe80::1%eth0]:51820`.
fn endpoint(key: &str, value: &str, zones: Zones<'_>) -> Result<SocketAddr, RequestError> {
    let Some((address, rest)) = value.split_once('%') else { return read(key, value) };
    let (zone, port) = rest.split_once(']').ok_or_else(|| wrong(key, value))?;
    let index = zone.parse().ok().or_else(|| zones(zone)).ok_or_else(|| wrong(key, value))?;
    read(key, &format!("{address}%{index}]{port}"))
}

/// An address with a length, or one alone; bits beyond the length are cut off.
fn prefix(key: &str, value: &str) -> Result<IpNet, RequestError> {
    let alone = |_| value.parse::<IpAddr>().map(IpNet::from);
    let found = value.parse::<IpNet>().or_else(alone);
    found.map(|prefix| prefix.trunc()).map_err(|_| wrong(key, value))
}

fn secret(key: &str, value: &str) -> Result<[u8; 32], RequestError> {
    // The value may be a secret, and is not repeated.
    let wrong = || wrong(key, "…");
    let digits = value.as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return Err(wrong());
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        let (high, low) = (digit(0).ok_or_else(wrong)?, digit(1).ok_or_else(wrong)?);
        // Two digits are below 256.
        *byte = (high * 16 + low) as u8;
    }
    Ok(bytes)
}

/// The answer to `get=1`.
pub fn shown(interface: &Interface, states: &BTreeMap<PublicKey, PeerState>) -> String {
    let mut text = String::new();
    if let Some(key) = &interface.private_key {
        line(&mut text, "private_key", hexadecimal(&key.to_bytes()[..]));
    }
    line(&mut text, "listen_port", interface.listen_port);
    if interface.mark != 0 {
        line(&mut text, "fwmark", interface.mark);
    }
    for (key, peer) in interface.peers() {
        let state = states.get(key).copied().unwrap_or_default();
        line(&mut text, "public_key", hexadecimal(key.as_bytes()));
        let psk = peer.psk.as_ref().map(PresharedKey::to_bytes);
        line(&mut text, "preshared_key", hexadecimal(&psk.unwrap_or_default()[..]));
        line(&mut text, "protocol_version", 1);
        if let Some(endpoint) = state.endpoint.or(peer.endpoint) {
            line(&mut text, "endpoint", endpoint);
        }
        let handshake = state.last_handshake.unwrap_or_default();
        line(&mut text, "last_handshake_time_sec", handshake.as_secs());
        line(&mut text, "last_handshake_time_nsec", handshake.subsec_nanos());
        line(&mut text, "tx_bytes", state.tx_bytes);
        line(&mut text, "rx_bytes", state.rx_bytes);
        let keepalive = peer.keepalive.map_or(0, |interval| interval.as_secs());
        line(&mut text, "persistent_keepalive_interval", keepalive);
        for allowed in &peer.allowed {
            line(&mut text, "allowed_ip", allowed);
        }
    }
    text + &answer(0)
}

/// The end of every answer. `wg` expects the number of an error below zero, as wireguard-go gives it.
pub fn answer(errno: i32) -> String {
    format!("errno={}\n\n", -errno)
}

fn line(text: &mut String, key: &str, value: impl std::fmt::Display) {
    // Writing into a string does not fail.
    let _ = writeln!(text, "{key}={value}");
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
