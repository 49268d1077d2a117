//! Why an operation failed, or a host could not be observed.

use crate::namespace::NamespaceError;
use crate::netlink::NetlinkError;
use crate::nft::TransactionError;
use crate::tunnel::TunnelError;
use std::io;

/// An operation that was not executed; those before it were, those after it were not tried.
#[derive(Debug, thiserror::Error)]
#[error("operation {index} ({operation}) failed: {cause}")]
pub struct ExecuteError {
    /// Its place in the list.
    pub index: usize,
    /// The operation, as in `plan`.
    pub operation: String,
    /// Why.
    #[source]
    pub cause: Cause,
}

/// Something that could not be observed.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the {what} of namespace {namespace}: {cause}")]
pub struct ObserveError {
    /// Where.
    pub namespace: String,
    /// What.
    pub what: &'static str,
    /// Why.
    #[source]
    pub cause: Cause,
}

/// Why the kernel could not be told, or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// rtnetlink or conntrack.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// nf_tables.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// Namespaces.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// Tunnel devices.
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
    /// A link that should be there is not.
    #[error("there is no link {link}; another program may have removed it: apply again")]
    NoSuchLink {
        /// Its name.
        link: String,
    },
    /// The name is that of a link which is not ours.
    #[error("{link} exists and is not of this fabric; rename or remove it, then apply again")]
    LinkTaken {
        /// Its name.
        link: String,
    },
    /// Only namespaces of our own are made and removed.
    #[error("{namespace} is not a namespace of ours, so it is neither made nor removed")]
    NotOurs {
        /// Its name.
        namespace: String,
    },
    /// A sysctl could not be read or written.
    #[error(
        "sysctl {key}: {source}; the kernel may lack it, or /proc/sys be read-only as in a \
         container without privileges"
    )]
    Sysctl {
        /// Its path below `/proc/sys`.
        key: String,
        /// Why.
        source: io::Error,
    },
    /// A sysctl outside of what belongs to a network namespace.
    #[error("sysctl {key} is not below net/, so it would change more than this namespace")]
    SysctlScope {
        /// Its path below `/proc/sys`.
        key: String,
    },
}
