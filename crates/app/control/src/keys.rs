//! Control's keys on disk.
//!
//! ```text
//! FOLDER/ca.key, FOLDER/ca.crt    the fabric's authority     keys: PKCS #8, mode 0600
//! FOLDER/signing.key              Ed25519, for what nodes keep
//! FOLDER/control.json             where control listens
//! FOLDER/store.redb               the store, or etcd.json: where it is
//! ```

use crate::office::{Office, now_ms};
use crate::record::FabricRecord;
use crate::store_place;
use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use netloom_api::{Etcd, MemberKeys};
use netloom_base::WallTime;
use netloom_pki::{Authority, Certificate, FabricId, SigningSecret, StoredKey, write_secret_file};
use std::path::Path;
use std::sync::Arc;

/// The keys.
#[derive(Debug)]
pub struct ControlKeys {
    /// The fabric's authority.
    pub authority: Authority,
    /// For what nodes keep.
    pub signing: Arc<SigningSecret>,
}

impl ControlKeys {
    /// Reads a folder.
    ///
    /// # Errors
    /// A file is missing or damaged.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let file = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).with_context(|| {
                format!(
                    "cannot read {}; restore it from a copy of control's folder",
                    path.display()
                )
            })
        };
        let certificate = Certificate::new(file("ca.crt")?)?;
        let authority = Authority::restore(StoredKey::new(file("ca.key")?), certificate)?;
        let signing = SigningSecret::from_stored(StoredKey::new(file("signing.key")?))?;
        Ok(Self { authority, signing: Arc::new(signing) })
    }

    /// What another member needs to have the same, and the way to the store.
    pub(crate) fn for_member(&self, etcd: Etcd) -> MemberKeys {
        MemberKeys {
            ca_key: BASE64.encode(self.authority.stored_key().as_bytes()),
            signing_key: BASE64.encode(self.signing.stored().as_bytes()),
            etcd,
        }
    }
}

/// Begins a fabric: keys in `folder`, and an empty store beside them, or in etcd if the folder says so.
/// What is there is left as it is.
///
/// # Errors
/// Something cannot be written; nothing that was there is lost.
pub fn found(folder: &Path, name: &str) -> anyhow::Result<()> {
    make_folder(folder)?;
    if !folder.join("ca.crt").exists() {
        let now = WallTime(now_ms().saturating_mul(1_000_000));
        let authority = Authority::create(FabricId::random(), now);
        let signing = SigningSecret::generate();
        write_secret(&folder.join("ca.key"), authority.stored_key().as_bytes())?;
        write_secret(&folder.join("signing.key"), signing.stored().as_bytes())?;
        // Last, since it says that all are there.
        write_secret(&folder.join("ca.crt"), authority.certificate().as_bytes())?;
    }
    let keys = ControlKeys::read(folder)?;
    let store = store_place::open(folder, keys.authority.fabric())?;
    let identity =
        FabricRecord { id: keys.authority.fabric().0, name: name.to_owned(), made_ms: now_ms() };
    Office::found(&store, &identity)?;
    Ok(())
}

/// Keeps what makes this host a member of control.
///
/// # Errors
/// The keys make no sense, or something cannot be written.
pub fn take_part(folder: &Path, authority: &[u8], member: &MemberKeys) -> anyhow::Result<()> {
    let key = |text: &str| BASE64.decode(text).context("a key that control has sent is damaged");
    store_place::keep_etcd(folder, &member.etcd)?;
    write_secret(&folder.join("ca.key"), &key(&member.ca_key)?)?;
    write_secret(&folder.join("signing.key"), &key(&member.signing_key)?)?;
    // Last, since it says that all are there.
    write_secret(&folder.join("ca.crt"), authority)?;
    ControlKeys::read(folder).map(drop)
}

/// Makes control's folder, if it is not there.
///
/// # Errors
/// It cannot be made.
pub fn make_folder(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make {}", folder.display()))
}

/// Writes a file that only its owner reads: whole or not at all, also if the power fails.
pub(crate) fn write_secret(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_secret_file(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
