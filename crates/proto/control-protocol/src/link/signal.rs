//! Times, counters and refusals that both ends have in common.

use crate::limits::{DEAD_AFTER, PING_AFTER, REQUEST_LIFETIME};
use std::time::Duration;

/// Times of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Who has sent nothing for this long sends a ping.
    pub ping_after: Duration,
    /// Who has heard nothing for this long gives the other end up; so long may the greeting take.
    pub dead_after: Duration,
    /// A request that is not answered after this long is given up.
    pub request_lifetime: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { ping_after: PING_AFTER, dead_after: DEAD_AFTER, request_lifetime: REQUEST_LIFETIME }
    }
}

/// Why something is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The session has ended.
    #[error("the session has ended: open another one")]
    Ended,
    /// The other end has not been greeted yet.
    #[error("the greeting is not over: wait for its event")]
    NotOpen,
    /// What is to be sent is too long.
    #[error("{bytes} bytes, more than {max}: send less")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The longest that is allowed.
        max: usize,
    },
    /// Too many requests have no answer yet.
    #[error("too many requests have no answer yet: wait for one")]
    TooMany,
    /// There is no such request or delta (any more).
    #[error("it is not waited for, or no longer: leave it")]
    NotWaitedFor,
}

/// What a session has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages of a newer version that were skipped.
    pub skipped_messages: u64,
    /// Answers to what is no longer waited for.
    pub late_answers: u64,
    /// Parts of deltas that were ignored since everything had been asked for.
    pub ignored_parts: u64,
}
