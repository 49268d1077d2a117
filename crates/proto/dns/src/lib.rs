//! DNS without I/O: messages, an authoritative zone in memory, a forwarder, and a stub client.
//!
//! ```text
//!                     ┌─ refused, malformed, not implemented ─► reply
//! datagram ─► handle ─┼─ below the domain, or a local reverse zone ─► Zone ─► reply
//!                     └─ anything else ─► Forwarder ─► cache │ upstreams, one after the other
//! ```
//!
//! | RFC | what of it |
//! |---|---|
//! | 1034, 1035 | messages, compression, authoritative answers, negative answers |
//! | 2181 | when a message counts as truncated (§9) |
//! | 2308 | negative answers carry the SOA, and are cached by it |
//! | 2782 | SRV, with the addresses of its targets |
//! | 3597 | types that are not known are carried as bytes |
//! | 4343, 4592 | letters' case means nothing; names above others exist |
//! | 5452 | answers match by source, port, id and question |
//! | 6303, 6761, 7793 | reverse zones of private addresses, `localhost`, `invalid` stay here |
//! | 6891 | EDNS: sizes, version, the DO bit |
//! | 7766 | TCP, several queries on a connection |
//! | 8482 | ANY gets one set of records |
//! | 9619 | exactly one question |
//!
//! Not here: zone transfer, updates, DNSSEC validation and signing, CNAME of our own, wildcards,
//! cookies, case randomisation. Every bound is named in [`limits`].
#![forbid(unsafe_code)]

pub mod client;
pub mod data;
pub mod forwarder;
#[doc(hidden)]
pub mod fuzz;
pub mod kind;
pub mod limits;
pub mod message;
pub mod name;
pub mod query;
mod reader;
pub mod record;
pub mod resolv_conf;
mod writer;
pub mod zone;

pub use data::Data;
pub use forwarder::{Forwarder, ForwarderConfig};
pub use kind::{Class, Rcode, RecordType};
pub use message::{Edns, Header, Message, Question};
pub use name::{Name, NameError};
pub use query::{DropReason, Handling, Query, Reply, Transport, handle};
pub use reader::ParseError;
pub use record::Record;
pub use resolv_conf::ResolvConf;
pub use zone::{Zone, ZoneError, ZoneInput};
