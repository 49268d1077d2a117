//! What a person asks of a network (ping, connect, lookup), and the built-in servers that answer.
//!
//! ```text
//! ping ────► echo socket of the kernel ─► replies, loss, the kernel's refusals in words
//! connect ─► the system's resolver ─► TCP or UDP ─► reached, or why not
//! lookup ──► own DNS client ─► the servers of /etc/resolv.conf, or the one that is named
//! serve ◄─── HTTP, TCP echo, UDP echo: who answered whom
//! ```
//! Every result is plain data with a `Display` for people and a JSON value for programs.
#![forbid(unsafe_code)]

pub mod connect;
pub mod lookup;
pub mod ping;
mod refusal;
mod resolve;
pub mod serve;

pub use connect::{ConnectReport, Transport, connect};
pub use lookup::{LookupError, LookupReport, lookup};
pub use netloom_dns::RecordType;
pub use ping::{PingError, PingOptions, PingReport, ping};
pub use refusal::Refusal;
pub use resolve::{Family, ResolveError};
pub use serve::{ServeError, Server, Stopper};
