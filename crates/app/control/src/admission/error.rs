//! Why somebody is not let in.

use crate::office::OfficeError;
use netloom_pki::RedeemError;
use std::collections::BTreeSet;

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum AdmissionError {
    /// The token does not admit this node.
    #[error(transparent)]
    Redeem(#[from] RedeemError),
    /// The node's name belongs to somebody else.
    #[error(
        "node `{name}` has joined with another key; `netloom remove {name}` makes room for a new one"
    )]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The node was shut out.
    #[error("node `{name}` was revoked; `netloom remove {name}` lets it join again")]
    Revoked {
        /// The name.
        name: String,
    },
    /// Only this host reads the store.
    #[error(
        "the fabric's store is a file of this host, so it can have one member of control only; begin \
         it with `netloom up FILE --etcd URL …` for several"
    )]
    NotShared,
    /// The file does not make the node a member of control.
    #[error(
        "the fabric's file does not say that node `{node}` is a member of control; add `roles: \
         [control]` to it, then `netloom apply`, and join again"
    )]
    NoRole {
        /// The node.
        node: String,
    },
    /// The token is for nodes with tags that the fabric's file does not give this one.
    #[error(
        "the join token is for nodes tagged {}, and the fabric's file {}; {} `tags: [{}]`, then \
         `netloom apply`, and join again",
        .missing.iter().map(|tag| format!("`{tag}`")).collect::<Vec<_>>().join(", "),
        if *.declared { format!("does not tag `{node}` so") } else { format!("has no node `{node}`") },
        if *.declared { "add to it" } else { "add it under `nodes:` with" },
        .missing.iter().cloned().collect::<Vec<_>>().join(", ")
    )]
    Tags {
        /// The node.
        node: String,
        /// Tags of the token that the node does not have.
        missing: BTreeSet<String>,
        /// Whether there is such a node in the file.
        declared: bool,
    },
    /// The request makes no sense.
    #[error("{0}; use `netloom join`")]
    Invalid(String),
    /// A token is ordered that nobody could join with.
    #[error("{0}")]
    Order(String),
    /// The store failed.
    #[error(transparent)]
    Office(#[from] OfficeError),
}
