//! Tunnels between our engine and other implementations of WireGuard, on the real kernel.
//!
//! Each trial builds a ground of three namespaces ([`ground`]), runs our driver with a real tunnel
//! device at one end and another implementation at the other ([`world`]), and lets traffic of the
//! kernel decide ([`traffic`]): pings, and a TCP connection used both ways at once, compared by
//! checksum. What cannot be seen from the ends is read off the wire ([`wire`]). The other programs
//! are configured over their own socket ([`uapi`]), our own executable by `wg` ([`tool`]). What is found
//! becomes a table of implementations and cases ([`matrix`]).
#![forbid(unsafe_code)]

pub mod cases;
pub mod end;
pub mod flood;
pub mod ground;
pub mod matrix;
pub mod ours;
pub mod stock;
pub mod tool;
pub mod traffic;
pub mod translator;
pub mod trials;
pub mod uapi;
pub mod wire;
pub mod world;

use std::fmt;

/// The two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Our engine.
    Ours = 0,
    /// The other implementation.
    Theirs = 1,
}

/// The two versions of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Version 4.
    Ipv4 = 0,
    /// Version 6.
    Ipv6 = 1,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Ours, Self::Theirs];

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Ours => Self::Theirs,
            Self::Theirs => Self::Ours,
        }
    }
}

impl Family {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Ipv4, Self::Ipv6];
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ours => "ours",
            Self::Theirs => "theirs",
        })
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}
