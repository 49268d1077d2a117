//! What can go wrong between us and the kernel's netlink, with the kernel's own words.

use std::fmt;
use std::io;

/// Bytes from a netlink socket that are no netlink message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed netlink message: {0}; this kernel speaks a netlink we do not know, report it")]
pub struct Malformed(pub &'static str);

/// The kernel's refusal of a request (`NLMSG_ERROR`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error number.
    pub errno: i32,
    /// The extended acknowledgement's text, if the kernel gave one.
    pub text: Option<String>,
}

/// Why a netlink request failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetlinkError {
    /// No socket could be made.
    #[error("cannot open a {protocol} socket: {source}; the kernel may lack it (see `doctor`)")]
    Open {
        /// Which protocol.
        protocol: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Sending or receiving failed.
    #[error("netlink {doing} failed: {source}")]
    Transfer {
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The kernel refused the request.
    #[error("the kernel refused: {0}")]
    Refused(Refusal),
    /// The kernel's answer makes no sense.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A dump was overtaken by changes each time it was tried.
    #[error(
        "the kernel's tables changed during each of {attempts} reads; try again when they settle"
    )]
    DumpInterrupted {
        /// How often it was tried.
        attempts: u32,
    },
    /// A message or attribute is longer than its length field can say.
    #[error("a netlink {what} of {bytes} bytes exceeds its limit of {limit}; send it in parts")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The kernel did not answer.
    #[error("the kernel did not acknowledge a netlink request; its receive buffer may be full")]
    NoAnswer,
}

impl NetlinkError {
    /// The kernel's error number, if the kernel refused.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused(refusal) => Some(refusal.errno),
            Self::Transfer { source, .. } | Self::Open { source, .. } => source.raw_os_error(),
            Self::Malformed(_)
            | Self::DumpInterrupted { .. }
            | Self::TooLong { .. }
            | Self::NoAnswer => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", io::Error::from_raw_os_error(self.errno))?;
        if let Some(text) = &self.text {
            write!(f, ", \"{text}\"")?;
        }
        match self.errno {
            libc::EACCES => f.write_str(
                "; for an IPv6 address, net.ipv6.conf.*.disable_ipv6 must be 0 in that namespace",
            ),
            libc::EPERM => f.write_str(
                "; CAP_NET_ADMIN is missing in this namespace: run as root, or use the rootless lab",
            ),
            libc::EOPNOTSUPP | libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT => {
                f.write_str("; this kernel lacks the facility: see `doctor`")
            }
            libc::ENETDOWN => f.write_str("; bring the link up first"),
            libc::ENETUNREACH | libc::EHOSTUNREACH => {
                f.write_str("; its gateway or source address is not there (yet)")
            }
            _ => Ok(()),
        }
    }
}
