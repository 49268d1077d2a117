//! What became of queries, in numbers.

use netloom_dns::Rcode;
use netloom_dns::forwarder::ForwarderCounters;

/// Response codes that are counted one by one; the others share the last place.
const RCODES: usize = 17;

/// Why something was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Dropped {
    /// Shorter than a header.
    Short,
    /// An answer where a query belongs.
    Response,
    /// The answer could not be sent.
    Unsendable,
    /// The client of the answer had gone.
    ClientGone,
    /// A connection that had been idle longest gave way to a new one.
    ConnectionGaveWay,
    /// A connection was closed because it was idle too long.
    ConnectionIdle,
}

impl Dropped {
    /// Every reason, in the order of their places in [`ResolverCounters::dropped`].
    pub const ALL: [Self; 6] = [
        Self::Short,
        Self::Response,
        Self::Unsendable,
        Self::ClientGone,
        Self::ConnectionGaveWay,
        Self::ConnectionIdle,
    ];
}

/// What became of queries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResolverCounters {
    /// Datagrams that came in.
    pub queries_udp: u64,
    /// Messages that came in on connections.
    pub queries_tcp: u64,
    /// Connections taken in.
    pub connections: u64,
    /// Queries handed to the forwarder.
    pub forwarded: u64,
    /// The forwarder's own.
    pub forwarder: ForwarderCounters,
    answers: [u64; RCODES],
    dropped: [u64; Dropped::ALL.len()],
}

impl ResolverCounters {
    /// Answers with a code, whoever gave it, those that could not be sent among them. [`Rcode::BADVERS`] stands for all above 15.
    pub fn answers(&self, rcode: Rcode) -> u64 {
        self.answers[usize::from(rcode.0).min(RCODES - 1)]
    }

    /// What was dropped for a reason.
    pub fn dropped(&self, reason: Dropped) -> u64 {
        self.dropped[reason as usize]
    }

    /// Counts an answer.
    pub(crate) fn answered(&mut self, rcode: Rcode) {
        self.answers[usize::from(rcode.0).min(RCODES - 1)] += 1;
    }

    /// Counts something dropped.
    pub(crate) fn drop_for(&mut self, reason: Dropped) {
        self.dropped[reason as usize] += 1;
    }
}
