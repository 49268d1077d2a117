//! How control brings its agents to what it wants: deltas over named, versioned resources, without I/O.
//!
//! ```text
//! control                                                                    agent
//!  Feed ──(what a node may use)──┐                                       ResourceSet
//!  (wanted set, journal)         ▼                                            ▲
//!                        ControlSession ══ TLS, any ordered stream ══ AgentSession
//! ```
//! A [`Resource`] is immutable, named by kind and name, versioned by the hash of its content, and
//! encoded once for all who get it. A [`ResourceSet`] is told by its [`Digest`], which is kept up to
//! date at the cost of a change. A [`Feed`] is what control wants of one node, with a journal of the
//! newest changes; a [`ControlSession`] sends what lies between what the agent holds and what the
//! feed wants, and an [`AgentSession`] checks that it leads where it should.
//!
//! # The stream
//! Frames follow each other: a length of 4 bytes, big-endian, at most 1 MiB
//! ([`limits::FRAME_BYTES_MAX`]), and a body of one record ([`netloom_cbor`]) whose key 0 is the
//! message's number. A number less than zero is critical: who does not know it ends the session. One
//! of zero and above is skipped and counted by who does not know it. The same holds for the keys of
//! fields. The messages and their keys are in [`message`] and in `docs/wire.md`.
//!
//! # A session
//! 1. The agent says hello: lowest and highest version, features, name, fabric, what it holds.
//!    Control welcomes it with the highest version that both share, or both end with a failure that
//!    names both ranges.
//! 2. A delta carries the digest that it begins with, and that which it leads to. It may take several
//!    parts; the last one carries control's [`Seal`]. A delta that begins at the digest of nothing
//!    replaces all that the agent holds.
//! 3. The agent checks base, target and the version of every resource, stores and applies, and
//!    acknowledges. A resource that it cannot put in force is held all the same and named with the
//!    reason, so that both ends keep comparing the same sets.
//! 4. If anything is not as said, the agent asks for everything. After three attempts in a row that
//!    did not help, the session ends.
//! 5. One delta is under way at a time. What changes meanwhile becomes one delta afterwards.
//! 6. An end that has sent nothing for 10 s sends a ping; one that has heard nothing for 30 s gives
//!    the other up.
//!
//! # Limits
//! Every one is in [`limits`]. What a peer can make grow: the frame that is being read, the parts
//! of a delta ([`limits::DELTA_BYTES_MAX`], [`limits::DELTA_ITEMS_MAX`]), events
//! ([`limits::EVENTS_MAX`]), open requests ([`limits::REQUESTS_MAX`]) and what it does not read
//! ([`limits::OUTBOUND_BYTES_MAX`]); beyond each of them the session ends with a failure. What a feed
//! remembers is limited too; who holds something older gets everything.
//!
//! # Not here
//! TLS, signatures and storage: [`Seal`]s are made and verified by the caller. What resources,
//! statuses and requests mean: they are bytes here.
#![forbid(unsafe_code)]

mod agent;
mod control;
mod digest;
mod failure;
mod feed;
mod frame;
#[doc(hidden)]
pub mod fuzz;
pub mod limits;
mod link;
pub mod message;
mod resource;
mod seal;
mod set;
mod version;

pub use agent::{AgentConfig, AgentEvent, AgentSession, Delta};
pub use control::{ControlConfig, ControlEvent, ControlSession, Sent};
pub use digest::Digest;
pub use failure::{End, Failure, FailureCode};
pub use feed::{Feed, RevisionError, Since};
pub use link::{Call, Counters, SendError, Timing};
pub use message::{FabricId, Hello, Refusal, ResyncReason, Welcome};
pub use resource::{Resource, ResourceError, ResourceKey};
pub use seal::{Seal, statement};
pub use set::{Changes, ResourceSet, delta_between};
pub use version::{VERSION_MAX, VERSION_MIN, Versions};
