//! What control sent last, kept on disk with its signature: a node goes on without control.
//!
//! ```text
//! STATE/resources.cbor  { 0: commit, 1: seal, 2: [resource] }
//! ```

use crate::joined::{Joined, write_secret};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use netloom_cbor::{from_bytes, to_bytes};
use netloom_control_protocol::{Resource, ResourceSet, Seal, statement};
use std::path::Path;
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

impl Kept {
    /// Reads what is kept. What is damaged or was not signed by control is as good as nothing:
    /// control sends all of it again.
    pub(crate) fn read(folder: &Path, joined: &Joined) -> Self {
        let read = || {
            let form: KeptForm = from_bytes(&std::fs::read(folder.join(FILE)).ok()?).ok()?;
            let held: ResourceSet = form.resources.into_iter().collect();
            is_signed(joined, form.revision, &held, &form.seal).then_some(Self {
                held,
                revision: form.revision,
                time_ms: form.seal.time_ms,
            })
        };
        read().unwrap_or_default()
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
