//! What goes into a forwarder and what comes out of it.

use crate::query::{Query, Reply, Transport};
use std::net::SocketAddr;

/// What a forwarder is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForwarderConfig {
    /// Resolvers to ask, the preferred one first.
    pub upstreams: Vec<SocketAddr>,
}

/// Names a client to the driver, which gives it meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// Names a question under way, which has sockets of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(pub u64);

/// What happens to a forwarder.
#[derive(Debug)]
pub enum Input<'a> {
    /// A client asks.
    Query {
        /// Who.
        client: ClientId,
        /// What.
        query: Query,
    },
    /// Something came in on a socket of an exchange.
    Answer {
        /// The exchange of the socket.
        exchange: ExchangeId,
        /// Where it came from.
        source: SocketAddr,
        /// How.
        transport: Transport,
        /// The message.
        bytes: &'a [u8],
    },
    /// An attempt came to nothing: refused, unreachable, cut.
    Failed {
        /// The exchange.
        exchange: ExchangeId,
        /// Who was asked.
        upstream: SocketAddr,
        /// How.
        transport: Transport,
    },
}

/// A query to be sent from a new socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Whose answers come in on that socket.
    pub exchange: ExchangeId,
    /// Where to.
    pub upstream: SocketAddr,
    /// How.
    pub transport: Transport,
    /// The message, for TCP without its length.
    pub bytes: Vec<u8>,
}

/// What a forwarder has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The answer for a client.
    Reply {
        /// Who asked.
        client: ClientId,
        /// The answer.
        reply: Reply,
    },
    /// The sockets of an exchange are not needed any more.
    Finished(ExchangeId),
}

/// What became of queries and answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForwarderCounters {
    /// Queries answered from the cache.
    pub cached: u64,
    /// Queries that joined one under way.
    pub joined: u64,
    /// Questions that upstreams were asked.
    pub exchanges: u64,
    /// Attempts, among them those that failed.
    pub attempts: u64,
    /// Attempts without an answer in time.
    pub timeouts: u64,
    /// Exchanges in which every attempt failed.
    pub failed: u64,
    /// Queries refused because too much was under way.
    pub overloaded: u64,
    /// Answers dropped because they match no attempt: late, or forged.
    pub foreign: u64,
}
