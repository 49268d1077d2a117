//! Who a node is once it has joined: what it was told then, and its keys.
//!
//! ```text
//! STATE/joined.json   { fabric, fabric_id, node, control: [host:port], signing_key, listen_port }
//! STATE/keys.json     { network: private X25519 key in base64 }                     mode 0600
//! STATE/identity.key  Ed25519, PKCS #8                                             mode 0600
//! STATE/node.crt, STATE/ca.crt  X.509, DER
//! ```

use anyhow::Context as _;
use netloom_base::Seed;
use netloom_pki::write_secret_file;
use netloom_wireguard::PrivateKey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// File of [`JoinedFacts`].
pub const JOINED: &str = "joined.json";
/// File of the keys by network.
const KEYS: &str = "keys.json";
/// File of the node's own key.
pub const IDENTITY: &str = "identity.key";
/// File of the node's certificate.
pub const CERTIFICATE: &str = "node.crt";
/// File of the fabric's CA.
pub const CA: &str = "ca.crt";

/// What a node was told when it joined.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinedFacts {
    /// The fabric's name.
    pub fabric: String,
    /// Its id, 32 hexadecimal digits.
    pub fabric_id: String,
    /// The node's name.
    pub node: String,
    /// Where control answers, each `host:port`.
    pub control: Vec<String>,
    /// Control's Ed25519 key for what it signs, 64 hexadecimal digits.
    pub signing_key: String,
    /// UDP port of the tunnels.
    pub listen_port: u16,
}

/// A node that has joined.
#[derive(Debug)]
pub(crate) struct Joined {
    folder: PathBuf,
    pub(crate) facts: JoinedFacts,
    pub(crate) private_keys: BTreeMap<String, PrivateKey>,
}

impl Joined {
    /// Reads a state folder.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(JOINED);
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "{} is not the state of a node that has joined (no {JOINED}); \
                 join with `netloom join TOKEN`",
                folder.display()
            )
        })?;
        let facts: JoinedFacts = serde_json::from_str(&text).with_context(|| {
            format!("{} is damaged: join again with a new token", path.display())
        })?;
        u128::from_str_radix(&facts.fabric_id, 16)
            .with_context(|| format!("{} is damaged: join again", path.display()))?;
        let private_keys = read_keys(&folder.join(KEYS))?;
        Ok(Self { folder: folder.to_owned(), facts, private_keys })
    }

    /// The state folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The fabric's id.
    pub(crate) fn fabric_id(&self) -> u128 {
        // Checked when it was read.
        u128::from_str_radix(&self.facts.fabric_id, 16).unwrap_or_default()
    }

    /// Keeps where the members of control answer, if control says so and it is news.
    pub(crate) fn keep_control(&mut self, control: &[String]) -> anyhow::Result<()> {
        if control.is_empty() || self.facts.control == control {
            return Ok(());
        }
        let facts = JoinedFacts { control: control.to_vec(), ..self.facts.clone() };
        write_secret(&self.folder.join(JOINED), &serde_json::to_vec_pretty(&facts)?)?;
        self.facts = facts;
        Ok(())
    }

    /// Makes keys for networks that have none, and keeps them.
    pub(crate) fn make_keys<'a>(
        &mut self,
        networks: impl Iterator<Item = &'a String>,
    ) -> anyhow::Result<()> {
        let missing: Vec<&String> =
            networks.filter(|network| !self.private_keys.contains_key(*network)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut keys = self.private_keys.clone();
        for network in missing {
            let mut seed = [0; 32];
            netloom_sys::process::random(&mut seed).context("the kernel gives no randomness")?;
            keys.insert(network.clone(), PrivateKey::from_seed(Seed(seed)));
        }
        let texts: BTreeMap<&String, String> =
            keys.iter().map(|(network, key)| (network, key.to_base64().to_string())).collect();
        write_secret(&self.folder.join(KEYS), &serde_json::to_vec_pretty(&texts)?)?;
        self.private_keys = keys;
        Ok(())
    }
}

fn read_keys(path: &Path) -> anyhow::Result<BTreeMap<String, PrivateKey>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
    };
    let damaged = || format!("{} is damaged; remove it, and new keys are made", path.display());
    let texts: BTreeMap<String, String> = serde_json::from_str(&text).with_context(damaged)?;
    texts
        .into_iter()
        .map(|(network, text)| Ok((network, text.parse::<PrivateKey>().with_context(damaged)?)))
        .collect()
}

/// Writes a file that only its owner reads: whole or not at all, also if the power fails.
///
/// # Errors
/// It cannot be written; what was there before is still there.
pub fn write_secret(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_secret_file(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
