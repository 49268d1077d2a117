//! Where a fabric's store is: in a file beside control's keys, or in an etcd that several members share.
//!
//! ```text
//! FOLDER/store.redb   the store of a control that is alone
//! FOLDER/etcd.json    how to reach etcd instead: { endpoints, authorities, certificate, key }, PEM   mode 0600
//! ```

use crate::keys::{make_folder, write_secret};
use anyhow::{Context as _, ensure};
use netloom_api::Etcd;
use netloom_pki::FabricId;
use netloom_store::{EtcdBackend, EtcdSettings, EtcdTls, RedbBackend, Store};
use std::path::Path;

const FILE: &str = "store.redb";
const ETCD: &str = "etcd.json";

/// How the store in etcd is reached; nothing where it is a file.
///
/// # Errors
/// The file cannot be read.
pub fn etcd(folder: &Path) -> anyhow::Result<Option<Etcd>> {
    let path = folder.join(ETCD);
    match std::fs::read(&path) {
        Ok(text) => {
            let damaged = || format!("{} is damaged; run `netloom up` again", path.display());
            serde_json::from_slice(&text).map(Some).with_context(damaged)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Keeps how the store in etcd is reached.
///
/// # Errors
/// The folder has a store of its own already, or it cannot be written.
pub fn keep_etcd(folder: &Path, etcd: &Etcd) -> anyhow::Result<()> {
    ensure!(
        !folder.join(FILE).exists(),
        "the fabric's store is the file {}, and a store that is in use is not moved to etcd; go on \
         without --etcd, or begin anew: netloom down --yes, then netloom up with --etcd",
        folder.join(FILE).display()
    );
    make_folder(folder)?;
    write_secret(&folder.join(ETCD), &serde_json::to_vec_pretty(etcd)?)
}

/// Whether there is a store to be served.
pub fn exists(folder: &Path) -> bool {
    folder.join(FILE).exists() || folder.join(ETCD).exists()
}

/// Opens a fabric's store.
///
/// # Errors
/// It cannot be reached, or is none of ours.
pub fn open(folder: &Path, fabric: FabricId) -> anyhow::Result<Store> {
    let Some(Etcd { endpoints, authorities, certificate, key }) = etcd(folder)? else {
        let path = folder.join(FILE);
        return Store::open(RedbBackend::open(&path)?)
            .with_context(|| format!("cannot open {}", path.display()));
    };
    let places = endpoints.join(", ");
    let mut settings = EtcdSettings::new(endpoints, u128::from_be_bytes(fabric.0));
    settings.tls = authorities.map(|authorities| EtcdTls {
        authorities: authorities.into_bytes(),
        client: certificate.zip(key).map(|(one, key)| (one.into_bytes(), key.into_bytes())),
    });
    Store::open(EtcdBackend::new(settings)?).with_context(|| {
        format!("cannot reach the store in etcd at {places}; see that most of its members are up")
    })
}
