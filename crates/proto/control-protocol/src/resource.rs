//! A resource: named, versioned by its content, immutable, encoded once and shared.

use crate::limits::{NAME_BYTES_MAX, PAYLOAD_BYTES_MAX};
use netloom_cbor::{DecodeError, Decoder, Encoder};
use std::fmt;

netloom_cbor::record! {
    /// What a resource is called. Kinds are numbered by those who use the protocol.
    #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct ResourceKey {
        /// What kind of thing it is.
        1 => pub kind: u16,
        /// Its name among those of its kind.
        2 => pub name: String [max NAME_BYTES_MAX],
    }
}

netloom_cbor::record! {
    /// A resource as it is on the wire.
    struct Encoded {
        1 => kind: u16,
        2 => name: String [max NAME_BYTES_MAX],
        3 => version: [u8; 32],
        4 => payload: netloom_cbor::Bytes [max PAYLOAD_BYTES_MAX],
    }
}

/// A resource. It is never changed: another content is another resource, with another version.
#[derive(Clone, PartialEq, Eq)]
pub struct Resource {
    key: ResourceKey,
    version: [u8; 32],
    /// The record that is sent, made once for all who get it. The payload is its end.
    encoded: Box<[u8]>,
    payload_at: usize,
}

/// Why something cannot be a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// The name is too long.
    #[error("a name of {0} bytes; at most {NAME_BYTES_MAX} are allowed: shorten it")]
    Name(usize),
    /// The payload is too long.
    #[error("a payload of {0} bytes; at most {PAYLOAD_BYTES_MAX} are allowed: split it")]
    Payload(usize),
}

impl Resource {
    /// The resource with this content.
    pub fn new(kind: u16, name: impl Into<String>, payload: &[u8]) -> Result<Self, ResourceError> {
        let key = ResourceKey { kind, name: name.into() };
        if key.name.len() > NAME_BYTES_MAX {
            return Err(ResourceError::Name(key.name.len()));
        }
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(ResourceError::Payload(payload.len()));
        }
        let ResourceKey { kind, name } = key;
        let version = version(payload);
        Ok(Self::of(Encoded { kind, name, version, payload: payload.to_vec().into() }))
    }

    fn of(record: Encoded) -> Self {
        let encoded = netloom_cbor::to_bytes(&record).into_boxed_slice();
        // The payload is the last field, so it ends the record.
        let payload_at = encoded.len() - record.payload.0.len();
        let Encoded { kind, name, version, .. } = record;
        Self { key: ResourceKey { kind, name }, version, encoded, payload_at }
    }

    /// Kind and name.
    pub fn key(&self) -> &ResourceKey {
        &self.key
    }

    /// BLAKE3 of the payload.
    pub fn version(&self) -> &[u8; 32] {
        &self.version
    }

    /// The content.
    pub fn payload(&self) -> &[u8] {
        &self.encoded[self.payload_at..]
    }

    /// The record that is sent.
    pub fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// Whether the version is that of the payload: one that came over the wire or from a disk may lie, and what is signed
    /// is the digest of versions.
    pub fn is_genuine(&self) -> bool {
        self.version == version(self.payload())
    }
}

/// What a content is called.
fn version(payload: &[u8]) -> [u8; 32] {
    *blake3::hash(payload).as_bytes()
}

impl netloom_cbor::Encode for Resource {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.encoded(&self.encoded);
    }
}

impl netloom_cbor::Decode for Resource {
    /// Reads a resource, and leaves it open whether its version is that of its payload.
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.value().map(Self::of)
    }
}

impl fmt::Debug for Resource {
    /// Without the payload, which may hold keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, version, .. } = self;
        write!(f, "{key:?}@{:02x}{:02x}{:02x}", version[0], version[1], version[2])
    }
}

impl fmt::Debug for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}
