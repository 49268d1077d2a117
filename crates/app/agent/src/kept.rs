//! What control sent last, kept on disk with its signature: a node goes on without control.
//!
//! ```text
//! STATE/resources.cbor  { 0: commit, 1: seal, 2: [resource] }
//! ```

use crate::joined::{Joined, write_secret};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use netloom_cbor::{DecodeError, from_bytes, to_bytes};
use netloom_control_protocol::{Resource, ResourceSet, Seal, statement};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file.
const FILE: &str = "resources.cbor";
/// Most resources.
const RESOURCES_MAX: usize = 1 << 20;

netloom_cbor::record! {
    /// The file's content.
    #[derive(Clone, Debug)]
    struct KeptForm {
        /// The commit of control's store.
        0 => revision: u64,
        /// Control's word for it.
        1 => seal: Seal,
        /// All that the node held.
        2 => resources: Vec<Arc<Resource>> [max RESOURCES_MAX],
    }
}

/// What is kept.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) held: ResourceSet,
    pub(crate) revision: u64,
    pub(crate) time_ms: u64,
}

/// Why what is kept cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeptError {
    /// The file is there and cannot be read.
    #[error("what control sent last cannot be read from {0}: {1}")]
    Unread(PathBuf, #[source] std::io::Error),
    /// Its content is none.
    #[error("what control sent last is damaged in {0}: {1}")]
    Damaged(PathBuf, #[source] DecodeError),
    /// It is not what control has signed.
    #[error("what {0} holds is not what control has signed for this node")]
    Unsigned(PathBuf),
}

impl Kept {
    /// Reads what is kept; nothing, where nothing has been kept yet.
    pub(crate) fn read(folder: &Path, joined: &Joined) -> Result<Self, KeptError> {
        let path = folder.join(FILE);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(KeptError::Unread(path, error)),
        };
        let form: KeptForm = match from_bytes(&bytes) {
            Ok(form) => form,
            Err(error) => return Err(KeptError::Damaged(path, error)),
        };
        let is_genuine = form.resources.iter().all(|resource| resource.is_genuine());
        let held: ResourceSet = form.resources.into_iter().collect();
        if !is_genuine || !is_signed(joined, form.revision, &held, &form.seal) {
            return Err(KeptError::Unsigned(path));
        }
        Ok(Self { held, revision: form.revision, time_ms: form.seal.time_ms })
    }

    /// Keeps what the node holds from now on.
    pub(crate) fn write(
        folder: &Path,
        revision: u64,
        held: &ResourceSet,
        seal: &Seal,
    ) -> anyhow::Result<()> {
        let resources = held.iter().cloned().collect();
        let form = KeptForm { revision, seal: seal.clone(), resources };
        write_secret(&folder.join(FILE), &to_bytes(&form))
    }
}

/// Whether control has said that this node shall hold this.
pub(crate) fn is_signed(joined: &Joined, revision: u64, held: &ResourceSet, seal: &Seal) -> bool {
    let facts = &joined.facts;
    let id = joined.fabric_id().to_be_bytes();
    let statement = statement(&id, &facts.node, revision, &held.digest(), seal.time_ms);
    let Some(key) = hex(&facts.signing_key) else { return false };
    UnparsedPublicKey::new(&ED25519, key).verify(&statement, &seal.signature).is_ok()
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests;
