//! Access tokens of people and programs: a role for whoever shows the secret.

use crate::http::Role;
use crate::office::now_ms;
use aws_lc_rs::digest::{SHA256, digest};
use netloom_cbor::from_bytes;
use netloom_store::Snapshot;

netloom_cbor::code! {
    /// What an access token allows.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Allowed {
        /// To look.
        0 => View,
        /// To change what is declared too.
        1 => Operate,
        /// To admit nodes and give access too.
        2 => Administer,
    }
}

netloom_cbor::record! {
    /// An access token: nothing that lets anyone in.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct AccessRecord {
        /// For people.
        0 => pub(crate) name: String [max 256],
        /// What it allows.
        1 => pub(crate) allowed: Allowed,
        /// When it expires: milliseconds since 1970.
        2 => pub(crate) expires_ms: u64,
    }
}

/// Name of an access token's record: found by the hash of its secret.
pub(crate) fn access_name(secret: &str) -> String {
    let hash = digest(&SHA256, secret.as_bytes());
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("access/{hash}")
}

/// What the holder of a secret may do.
pub(crate) fn role_of(snapshot: &Snapshot, secret: &str) -> Option<Role> {
    let bytes = snapshot.get(&access_name(secret)).ok()??;
    let record: AccessRecord = from_bytes(&bytes).ok()?;
    if record.expires_ms <= now_ms() {
        return None;
    }
    Some(match record.allowed {
        Allowed::View => Role::Viewer,
        Allowed::Operate => Role::Operator,
        Allowed::Administer => Role::Admin,
    })
}
