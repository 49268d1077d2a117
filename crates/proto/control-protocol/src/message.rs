//! The messages, and the one number that each of them and each of its fields has for good.

use crate::digest::Digest;
use crate::failure::{Failure, cut};
use crate::limits::{
    FEATURES_MAX, NAME_BYTES_MAX, PART_ITEMS_MAX, REFUSALS_MAX, REQUEST_BYTES_MAX,
    STATUS_BYTES_MAX, TEXT_BYTES_MAX,
};
use crate::resource::{Resource, ResourceKey};
use crate::seal::Seal;
use crate::version::Versions;
use netloom_cbor::{Bytes, DecodeError};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The random id of a fabric.
pub type FabricId = [u8; 16];

netloom_cbor::tagged! {
    /// A message. A number less than zero is critical: who does not know it ends the session. One
    /// of zero and above is skipped by who does not know it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Message {
        /// Agent: what it speaks, who it is, what it holds.
        -1 => Hello(Hello),
        /// Control: what both speak from now on.
        -2 => Welcome(Welcome),
        /// Control: a part of what changes.
        -3 => Delta(DeltaPart),
        /// Agent: a delta is in force.
        -4 => Applied(Applied),
        /// Agent: send everything.
        -5 => Resync(Resync),
        /// Either: the session ends.
        -6 => Failure(Failure),
        /// Either: asks something.
        -7 => Request(Exchange),
        /// Either: answers.
        -8 => Response(Exchange),
        /// Agent: how it is.
        0 => Status(Status),
        /// Either: are you there?
        1 => Ping(Nonce),
        /// Either: I am here.
        2 => Pong(Nonce),
    }
}

netloom_cbor::record! {
    /// The first message of a session. Every version reads the hellos of all others, so it only
    /// grows by keys that may be skipped; the same holds for [`Welcome`] and [`Failure`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Hello {
        /// Lowest version that the agent speaks.
        1 => pub version_min: u64,
        /// Highest version that the agent speaks.
        2 => pub version_max: u64,
        /// What it can do beyond the version.
        3 => pub features: BTreeSet<String> [max FEATURES_MAX],
        /// The node's name.
        4 => pub node: String [max NAME_BYTES_MAX],
        /// The fabric that it belongs to.
        5 => pub fabric: FabricId,
        /// Name and version of its software, for people.
        6 => pub software: String [max TEXT_BYTES_MAX],
        /// What it holds.
        7 => pub digest: Digest,
        /// The revision that it holds, or 0.
        8 => pub revision: u64,
    }
}

netloom_cbor::record! {
    /// The answer to a hello.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Welcome {
        /// The version that both speak from now on.
        1 => pub version: u64,
        /// What both can do beyond it.
        2 => pub features: BTreeSet<String> [max FEATURES_MAX],
        /// What control's clock shows: milliseconds since 1970.
        3 => pub time_ms: u64,
        /// The newest revision.
        4 => pub revision: u64,
    }
}

netloom_cbor::record! {
    /// A part of a delta. All parts say the same of it, and the last one has the seal.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct DeltaPart {
        /// The delta's number in the session, from 1.
        1 => pub sequence: u64,
        /// The revision that it leads to.
        2 => pub revision: u64,
        /// What the agent must hold; the digest of nothing replaces all that it holds.
        3 => pub base: Digest,
        /// What it holds afterwards.
        4 => pub target: Digest,
        /// Resources that are new or have another version.
        5 => pub upserts: Vec<Arc<Resource>> [max PART_ITEMS_MAX],
        /// Resources that are gone; within a part they go first.
        6 => pub removals: Vec<ResourceKey> [max PART_ITEMS_MAX],
        /// Control's word for the target. Without it, another part follows.
        7 => pub seal: Option<Seal>,
        /// How many [`Resync`]s control had received when it began with the delta. What was begun
        /// before the agent asked for everything can so be told from the answer.
        8 => pub resyncs: u64,
    }
}

netloom_cbor::record! {
    /// A delta has been applied.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Applied {
        /// The delta's number.
        1 => pub sequence: u64,
        /// What the agent holds now.
        2 => pub digest: Digest,
        /// Resources of the delta that it holds and cannot put in force.
        3 => pub refused: Vec<Refusal> [max REFUSALS_MAX],
        /// How many more there are.
        4 => pub more_refused: Option<u64>,
    }
}

netloom_cbor::record! {
    /// A resource that cannot be put in force. It is held all the same: what control and agent
    /// compare is what is held.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Refusal {
        /// The resource's kind.
        1 => pub kind: u16,
        /// Its name.
        2 => pub name: String [max NAME_BYTES_MAX],
        /// Its version.
        3 => pub version: [u8; 32],
        /// Why, and what can be done about it.
        4 => pub reason: String [max TEXT_BYTES_MAX],
    }
}

netloom_cbor::record! {
    /// What the agent holds is not what control takes it to hold.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Resync {
        /// What the agent holds.
        1 => pub digest: Digest,
        /// Why it asks.
        2 => pub reason: ResyncReason,
        /// The same for people.
        3 => pub text: String [max TEXT_BYTES_MAX],
    }
}

/// The number of a reason to ask for everything. One that is not known is carried like any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResyncReason(pub u64);

impl ResyncReason {
    /// The delta's base is not what the agent holds.
    pub const BASE: Self = Self(0);
    /// The delta does not lead to its target.
    pub const TARGET: Self = Self(1);
    /// A resource's version is not that of its payload.
    pub const PAYLOAD: Self = Self(2);
    /// The agent wants it for reasons of its own.
    pub const WANTED: Self = Self(3);
}

netloom_cbor::record! {
    /// How a node is; its form is for those who use the protocol to say.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Status {
        /// What it is.
        1 => pub body: Bytes [max STATUS_BYTES_MAX],
    }
}

netloom_cbor::record! {
    /// A request or the response to one; their form is for those who use the protocol to say.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Exchange {
        /// The request's number among those of its sender.
        1 => pub id: u32,
        /// What is asked or answered.
        2 => pub body: Bytes [max REQUEST_BYTES_MAX],
    }
}

netloom_cbor::record! {
    /// A number that a pong gives back.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Nonce {
        /// The number.
        1 => pub nonce: u64,
    }
}

/// Why the body of a frame is no message that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is not proper, and ends the session.
    #[error("a message that cannot be read: {0}")]
    Malformed(#[from] DecodeError),
    /// It must be known and is not, which ends the session.
    #[error("a message of type {0}, which must be understood")]
    Critical(i64),
    /// It may be skipped.
    #[error("a message of type {0}, which is not known")]
    Skippable(i64),
}

impl Message {
    /// Reads the body of a frame. A message that is skipped must be proper CBOR too.
    pub fn read(body: &[u8]) -> Result<Self, ReadError> {
        let number = netloom_cbor::tag(body)?;
        if Self::TAGS.contains(&number) {
            return Ok(netloom_cbor::from_bytes(body)?);
        }
        let mut decoder = netloom_cbor::Decoder::new(body);
        decoder.skip()?;
        decoder.finish()?;
        Err(if number < 0 { ReadError::Critical(number) } else { ReadError::Skippable(number) })
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Welcome(_) => "welcome",
            Self::Delta(_) => "delta",
            Self::Applied(_) => "applied",
            Self::Resync(_) => "resync",
            Self::Failure(_) => "failure",
            Self::Request(_) => "request",
            Self::Response(_) => "response",
            Self::Status(_) => "status",
            Self::Ping(_) => "ping",
            Self::Pong(_) => "pong",
        }
    }
}

impl Hello {
    /// The range of versions.
    pub fn versions(&self) -> Versions {
        Versions { min: self.version_min, max: self.version_max }
    }
}

impl Refusal {
    /// The refusal of a resource; a reason that is too long is cut.
    pub fn new(resource: &Resource, reason: impl Into<String>) -> Self {
        let ResourceKey { kind, name } = resource.key().clone();
        Self { kind, name, version: *resource.version(), reason: cut(reason.into()) }
    }
}

impl netloom_cbor::Encode for ResyncReason {
    fn encode(&self, encoder: &mut netloom_cbor::Encoder) {
        encoder.unsigned(self.0);
    }
}

impl netloom_cbor::Decode for ResyncReason {
    fn decode(decoder: &mut netloom_cbor::Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.unsigned().map(Self)
    }
}
