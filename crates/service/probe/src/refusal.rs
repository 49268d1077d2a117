//! Why a host could not be reached, as the kernel tells it, and what that means in a fabric.

use std::fmt;
use std::io::{self, ErrorKind};

/// Why something could not be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The host answered: nothing listens on that port (or a policy rejects with a reset).
    Refused,
    /// Nothing came back in time.
    Timeout,
    /// A host on the way, or this one, knows no way (ICMP destination unreachable).
    Unreachable,
    /// A host on the way, or this one, forbids it (ICMP administratively prohibited, or a
    /// `prohibit` route).
    Prohibited,
    /// A `blackhole` route of this host swallows it.
    Blackhole,
    /// This host has no address or route of that family.
    NoAddress,
    /// The connection was cut after it had been made.
    Reset,
    /// Something else, in the kernel's words.
    Other(String),
}

impl Refusal {
    /// The word for programs: lower case, stable.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Prohibited => "prohibited",
            Self::Blackhole => "blackhole",
            Self::NoAddress => "no_address",
            Self::Reset => "reset",
            Self::Other(_) => "error",
        }
    }
}

impl From<&io::Error> for Refusal {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::Timeout,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
                Self::Unreachable
            }
            ErrorKind::PermissionDenied => Self::Prohibited,
            // What Linux says of such a route, and hardly of anything else here.
            ErrorKind::InvalidInput => Self::Blackhole,
            ErrorKind::AddrNotAvailable => Self::NoAddress,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                Self::Reset
            }
            _ => Self::Other(error.to_string()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused: the host was reached, but nothing listens on this port",
            Self::Timeout => "timeout: dropped on the way, probably by a policy",
            Self::Unreachable => "unreachable: no route leads there, or a policy says no",
            Self::Prohibited => "prohibited: a policy on the way, or of this host, says no",
            Self::Blackhole => "discarded: a blackhole route of this host swallows it (`ip route`)",
            Self::NoAddress => "this host has no address of that family",
            Self::Reset => "reset: the other end cut the connection",
            Self::Other(words) => words,
        })
    }
}
