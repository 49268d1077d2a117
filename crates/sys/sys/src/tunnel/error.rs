//! Why a tunnel device could not be made, and what its errors say of it.

use crate::namespace::NamespaceError;
use crate::netlink::NetlinkError;
use std::io;

/// Why a tunnel device could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TunnelError {
    /// `/dev/net/tun` cannot be used.
    #[error("cannot make TUN device {name} ({step}): {source}{}", remedy(.source))]
    Tun {
        /// Its name.
        name: String,
        /// What was being done.
        step: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The pair that stands in could not be made.
    #[error("cannot make the stand-in for TUN device {name} ({step}): {source}")]
    StandIn {
        /// Its name.
        name: String,
        /// What was being done.
        step: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The name does not fit a link.
    #[error("{name:?} cannot name a link: use 1 to 15 bytes without '/', ':', '%' and spaces")]
    Name {
        /// The name.
        name: String,
    },
    /// rtnetlink refused.
    #[error("cannot set up tunnel device: {0}")]
    Netlink(#[from] NetlinkError),
    /// The namespace could not be entered.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
}

impl TunnelError {
    /// Whether somebody else holds a device of this name.
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Tun { source, .. } if source.raw_os_error() == Some(libc::EBUSY))
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => {
            "; load the module (modprobe tun), or let the stand-in serve"
        }
        Some(libc::EACCES) => "; /dev/net/tun is not ours to open: let the stand-in serve",
        Some(libc::EPERM) => "; CAP_NET_ADMIN is missing: run as root, or use the rootless lab",
        Some(libc::EINVAL) => {
            "; there is another link of this name, or the kernel takes no such name: choose another one"
        }
        Some(libc::EBUSY) => "; another process holds a device of this name: stop that one",
        _ => "",
    }
}

/// Whether an error of reading says that the link is gone. A packet socket says so once, as that its link is down, which the end
/// of a stand-in is for no other reason.
pub fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBADFD | libc::ENODEV | libc::ENXIO | libc::ENETDOWN))
}

/// Whether TUN cannot be had here at all.
pub(super) fn is_unavailable(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOENT | libc::ENODEV | libc::ENXIO | libc::EACCES | libc::EPERM)
    )
}
