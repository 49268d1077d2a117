//! Why a datagram was not accepted: a closed list, so that every loss is counted under a name.

/// Why this machine did not accept a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[repr(u8)]
pub enum DropReason {
    /// The first four bytes are no WireGuard message type.
    #[error("not a WireGuard message")]
    UnknownType,
    /// The length does not fit the type.
    #[error("a length that does not fit the message type")]
    WrongLength,
    /// No local key verifies mac1: the sender does not know whom it talks to.
    #[error("mac1 verifies under no local key")]
    BadMac1,
    /// Under load and without a valid mac2; a cookie was sent instead of an answer.
    #[error("under load: a cookie was sent")]
    CookieSent,
    /// Under load and with a valid mac2, but from a source that sends too many handshakes.
    #[error("under load: too many handshakes from this source")]
    RateLimited,
    /// No session or handshake has this receiver index.
    #[error("no session has this receiver index")]
    UnknownIndex,
    /// The handshake message does not decrypt, or names a key of low order.
    #[error("the handshake message does not decrypt")]
    BadHandshake,
    /// The initiation is not newer than the newest one of this peer.
    #[error("the initiation's timestamp is not newer than the last")]
    StaleTimestamp,
    /// Initiations of this peer follow each other too fast.
    #[error("initiations of this peer follow each other too fast")]
    InitiationFlood,
    /// A response to no initiation that is under way.
    #[error("a response to no initiation under way")]
    UnexpectedResponse,
    /// A cookie reply that does not decrypt, or that nothing asked for.
    #[error("a cookie reply that nothing asked for")]
    BadCookieReply,
    /// The data packet does not authenticate.
    #[error("the packet does not authenticate")]
    BadTag,
    /// The counter has been seen, or is too far behind the newest.
    #[error("the counter was seen before or is too old")]
    Replayed,
    /// The session is past its time or its number of packets.
    #[error("the session has expired")]
    SessionExpired,
}

impl DropReason {
    /// Every reason, in the order of [`Self::index`].
    pub const ALL: [Self; 14] = [
        Self::UnknownType,
        Self::WrongLength,
        Self::BadMac1,
        Self::CookieSent,
        Self::RateLimited,
        Self::UnknownIndex,
        Self::BadHandshake,
        Self::StaleTimestamp,
        Self::InitiationFlood,
        Self::UnexpectedResponse,
        Self::BadCookieReply,
        Self::BadTag,
        Self::Replayed,
        Self::SessionExpired,
    ];

    /// The reason's place in [`Self::ALL`], for arrays of counters.
    pub const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::DropReason;

    #[test]
    fn indexes_are_places_in_the_list() {
        for (place, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), place);
        }
    }
}
