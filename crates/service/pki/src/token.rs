//! What lets a node join: a text that names control, pins the authority, and holds a secret.
//!
//! ```text
//! nl1.  base64url without padding of:   a record in CBOR   4 bytes of SHA-256 over "nl1." and the record
//! ```
//! The checksum tells a token that was copied badly from one that somebody made up: that one is
//! proper, and only control can tell that its secret is not.

mod text;

use crate::certificate::AuthorityHash;
use crate::clock::{seconds, utc};
use crate::fabric_id::FabricId;
use crate::random;
use netloom_base::WallTime;
use netloom_cbor::{DecodeError, Decoder, Encoder, Problem};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;
use zeroize::Zeroizing;

/// The beginning of a token of this version.
const PREFIX: &str = "nl1.";
/// Version of what a token holds.
pub const TOKEN_VERSION: u64 = 1;
/// Bytes of the checksum.
const CHECKSUM_BYTES: usize = 4;
/// Addresses of control in a token.
pub const ENDPOINTS_MAX: usize = 16;
/// Longest address of control in bytes.
pub const ENDPOINT_BYTES_MAX: usize = 260;
/// Tags that a token gives to a node.
pub const TAGS_MAX: usize = 64;
/// Longest token in bytes.
pub const TOKEN_BYTES_MAX: usize = 16 << 10;

/// What a node shows to be let in. Whoever knows it can join once, or until it expires.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<[u8; 32]>);

netloom_cbor::record! {
    /// A token.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Token {
        /// [`TOKEN_VERSION`].
        0 => pub version: u64,
        /// The fabric.
        1 => pub fabric: FabricId,
        /// Its name, for people.
        2 => pub fabric_name: String [max 255],
        /// Where control is reached: `host:port`, the best first.
        3 => pub endpoints: Vec<String> [max ENDPOINTS_MAX],
        /// The authority's certificate that control must show.
        4 => pub authority: AuthorityHash,
        /// What lets the node in.
        5 => pub secret: Secret,
        /// When it was made, in seconds since 1970: a floor for the node's clock.
        6 => pub made: u64,
        /// Until when it is taken, in seconds since 1970.
        7 => pub expiry: u64,
        /// The only node that may join with it.
        8 => pub node: Option<String> [max 63],
        /// Tags that the node must be declared with.
        9 => pub tags: Option<BTreeSet<String>> [max TAGS_MAX],
    }
}

/// Why a text is no token that can be used. Each says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It does not look like a token.
    #[error(
        "this is no join token: one begins with `{PREFIX}`; copy all of what `netloom` printed"
    )]
    NotAToken,
    /// It was copied badly.
    #[error("this join token was copied badly ({0}): copy it again, from `{PREFIX}` to its end")]
    Mistyped(&'static str),
    /// It is of a newer version.
    #[error(
        "this join token is of version {0}, newer than this netloom, which reads version {TOKEN_VERSION}: \
        install a newer netloom on this node"
    )]
    Newer(u64),
    /// What it holds cannot be read, though it was copied well.
    #[error("this join token is broken ({0}): make a new one")]
    Malformed(DecodeError),
    /// An address of control is not of the form `host:port`.
    #[error("this join token names `{0}`, which is not of the form `host:port`: make a new one")]
    Endpoint(String),
    /// It has expired, or the clock is ahead.
    #[error("this join token expired at {}; this host's clock shows {}: make a new one, or set the clock",
        utc(*.expiry), utc(*.now))]
    Expired {
        /// When it expired.
        expiry: WallTime,
        /// What the clock shows.
        now: WallTime,
    },
}

/// What a new token is for.
#[derive(Clone, Debug)]
pub struct TokenOrder {
    /// The fabric.
    pub fabric: FabricId,
    /// Its name.
    pub fabric_name: String,
    /// Where control is reached.
    pub endpoints: Vec<String>,
    /// The authority.
    pub authority: AuthorityHash,
    /// How long it is taken.
    pub lifetime: Duration,
    /// The only node that may join with it.
    pub node: Option<String>,
    /// Tags that the node must be declared with.
    pub tags: BTreeSet<String>,
}

impl Token {
    /// A new token, with a secret from the system's randomness.
    pub fn new(order: TokenOrder, now: WallTime) -> Self {
        Self {
            version: TOKEN_VERSION,
            fabric: order.fabric,
            fabric_name: order.fabric_name,
            endpoints: order.endpoints,
            authority: order.authority,
            secret: Secret::random(),
            made: seconds(now),
            expiry: seconds(now).saturating_add(order.lifetime.as_secs()),
            node: order.node,
            tags: (!order.tags.is_empty()).then_some(order.tags),
        }
    }

    /// The text that people copy. It holds the secret.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(netloom_cbor::to_bytes(self));
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum);
        let encoded = Zeroizing::new(text::encode(&bytes));
        Zeroizing::new(format!("{PREFIX}{}", *encoded))
    }

    /// The token of a text that people copied; white space in it, as of lines, means nothing.
    pub fn parse(text: &str, now: WallTime) -> Result<Self, TokenError> {
        let token = Self::read(text)?;
        for endpoint in &token.endpoints {
            if !is_endpoint(endpoint) {
                return Err(TokenError::Endpoint(endpoint.clone()));
            }
        }
        let expiry = WallTime::from_secs(token.expiry);
        if now > expiry {
            return Err(TokenError::Expired { expiry, now });
        }
        Ok(token)
    }

    /// When it was made: a node's clock is not behind that.
    pub fn made(&self) -> WallTime {
        WallTime::from_secs(self.made)
    }

    fn read(text: &str) -> Result<Self, TokenError> {
        let text: Zeroizing<String> =
            Zeroizing::new(text.chars().filter(|c| !c.is_whitespace()).collect());
        let Some(encoded) = text.strip_prefix(PREFIX) else {
            return Err(newer_prefix(&text).map_or(TokenError::NotAToken, TokenError::Newer));
        };
        if encoded.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Mistyped("it is too long"));
        }
        let bytes = text::decode(encoded).map_err(TokenError::Mistyped)?;
        let bytes = Zeroizing::new(bytes);
        let Some((record, found)) = bytes.split_last_chunk::<CHECKSUM_BYTES>() else {
            return Err(TokenError::Mistyped("it is too short"));
        };
        if *found != checksum(record) {
            return Err(TokenError::Mistyped("its checksum does not fit"));
        }
        match netloom_cbor::tag(record) {
            Ok(version) if version != 1 => {
                Err(TokenError::Newer(u64::try_from(version).unwrap_or(0)))
            }
            _ => netloom_cbor::from_bytes(record).map_err(TokenError::from),
        }
    }
}

impl From<DecodeError> for TokenError {
    fn from(error: DecodeError) -> Self {
        match error.problem {
            // Something that must be understood: a token of a later release of this version.
            Problem::UnknownCritical { .. } => Self::Newer(TOKEN_VERSION + 1),
            _ => Self::Malformed(error),
        }
    }
}

/// The version of a text that begins like a token of another version: `nl2.`
fn newer_prefix(text: &str) -> Option<u64> {
    let (version, _) = text.strip_prefix("nl")?.split_once('.')?;
    version.parse().ok().filter(|version| *version > TOKEN_VERSION)
}

fn checksum(record: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    context.update(PREFIX.as_bytes());
    context.update(record);
    let hash = context.finish();
    *hash.as_ref().first_chunk().expect("a hash is longer than the checksum")
}

/// Whether an address is `host:port`; a host of IPv6 stands in brackets.
pub fn is_endpoint(endpoint: &str) -> bool {
    let Some((host, port)) = endpoint.rsplit_once(':') else { return false };
    let host_fits = match host.strip_prefix('[') {
        Some(inner) => {
            inner.strip_suffix(']').is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
        }
        None => rustls::pki_types::ServerName::try_from(host).is_ok() && !host.contains(':'),
    };
    let port_fits = port.parse::<u16>().is_ok_and(|port| port != 0);
    endpoint.len() <= ENDPOINT_BYTES_MAX && host_fits && port_fits
}

// === impl secret ===

impl Secret {
    /// A new one, from the system's randomness.
    pub fn random() -> Self {
        Self::from(random::bytes())
    }

    /// The bytes, to be sent to control over a connection that it is safe on.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Secret {
    fn from(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl netloom_cbor::Encode for Secret {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.bytes(self.as_bytes());
    }
}

impl netloom_cbor::Decode for Secret {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.value::<[u8; 32]>().map(Self::from)
    }
}

#[cfg(test)]
mod tests;
