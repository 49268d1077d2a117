//! Access tokens of people and programs: a role for whoever shows the secret.
//!
//! ```text
//! nla_SECRET           shown once; the secret is 256 random bits, in base64
//! access/SHA-256       the record in the store: found by the secret, and of no use without it
//! ```

use crate::http::{Caller, Role};
use crate::office::{Office, OfficeError, now_ms, put};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use netloom_api::{Access, AccessMade, MakeAccess};
use netloom_cbor::{from_bytes, to_bytes};
use netloom_store::{Change, Snapshot};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Before the secret: tells what it is where it is found lying about.
const PREFIX: &str = "nla_";
/// Where the records are.
const RECORDS: &str = "access/";
/// How long a token is valid unless asked otherwise.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// The longest that a token is valid.
const LIFETIME_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Most tokens that are kept; those that have expired do not count.
const TOKENS_MAX: usize = 1_024;
/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// How many digits of the hash name a token.
const ID_DIGITS: usize = 16;

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

/// Why access is not given or taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum AccessError {
    /// There is no such role.
    #[error("there is no role `{0}`; roles are viewer, operator and admin")]
    Role(String),
    /// The name is empty or too long.
    #[error("a name has 1 to {NAME_BYTES_MAX} bytes; say whom or what the token is for")]
    Name,
    /// The lifetime makes no sense.
    #[error("a token is valid for a second at least, and for ten years at most; ask for less")]
    Lifetime,
    /// There are too many.
    #[error("there are {TOKENS_MAX} access tokens; revoke some: netloom access revoke ID")]
    TooMany,
    /// There is no such token.
    #[error("there is no access token {0}; `netloom access ls` lists them")]
    Unknown(String),
    /// The system has no randomness.
    #[error("the system gives no random numbers; look at its log")]
    Random,
    /// The store failed.
    #[error(transparent)]
    Office(#[from] OfficeError),
}

/// Makes a token. With `replace`, others of the same name are valid no more.
pub(crate) fn make(office: &Office, wanted: &MakeAccess) -> Result<AccessMade, AccessError> {
    let allowed = allowed(&wanted.role).ok_or_else(|| AccessError::Role(wanted.role.clone()))?;
    if wanted.name.is_empty() || wanted.name.len() > NAME_BYTES_MAX {
        return Err(AccessError::Name);
    }
    let lifetime = wanted.lifetime_s.map_or(LIFETIME, Duration::from_secs);
    if lifetime.is_zero() || lifetime > LIFETIME_MAX {
        return Err(AccessError::Lifetime);
    }
    let mut random = [0; 32];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| AccessError::Random)?;
    let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
    let now = now_ms();
    let expires_s = now / 1000 + lifetime.as_secs();
    let record = AccessRecord { name: wanted.name.clone(), allowed, expires_ms: expires_s * 1000 };
    let hash = hash(&secret);
    office.update(|_, snapshot| {
        let known = records(snapshot)?;
        let useless = |record: &AccessRecord| {
            record.expires_ms <= now || (wanted.replace && record.name == wanted.name)
        };
        let (gone, kept): (Vec<_>, Vec<_>) = known.iter().partition(|(_, one)| useless(one));
        if kept.len() >= TOKENS_MAX {
            return Err(AccessError::TooMany);
        }
        let delete = |(hash, _): (&String, _)| Change::Delete { name: format!("{RECORDS}{hash}") };
        let mut changes: Vec<Change> = gone.into_iter().map(delete).collect();
        changes.push(put(format!("{RECORDS}{hash}"), to_bytes(&record)));
        Ok(changes)
    })?;
    let id = hash[..ID_DIGITS].to_owned();
    let role = word(allowed).to_owned();
    Ok(AccessMade { id, name: record.name, role, token: secret, expires_s })
}

/// The tokens that are valid, by name.
pub(crate) fn list(office: &Office) -> Result<Vec<Access>, AccessError> {
    let snapshot = office.store().snapshot().map_err(OfficeError::from)?;
    let now = now_ms();
    let valid = records(&snapshot)?.into_iter().filter(|(_, record)| record.expires_ms > now);
    let shown = |(hash, record): (String, AccessRecord)| Access {
        id: hash[..ID_DIGITS].to_owned(),
        name: record.name,
        role: word(record.allowed).to_owned(),
        expires_s: record.expires_ms / 1000,
    };
    let mut shown: Vec<Access> = valid.map(shown).collect();
    shown.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Ok(shown)
}

/// Makes a token invalid, at once.
pub(crate) fn revoke(office: &Office, id: &str) -> Result<(), AccessError> {
    office.update(|_, snapshot| {
        let known = records(snapshot)?;
        let hash = known.keys().find(|hash| hash[..ID_DIGITS] == *id);
        let hash = hash.ok_or_else(|| AccessError::Unknown(id.to_owned()))?;
        Ok::<_, AccessError>(vec![Change::Delete { name: format!("{RECORDS}{hash}") }])
    })?;
    Ok(())
}

/// Who shows a secret; nobody if it is not valid (any more).
pub(crate) fn holder(office: &Office, secret: &str) -> Option<Caller> {
    let snapshot = office.store().snapshot().ok()?;
    let bytes = snapshot.get(&format!("{RECORDS}{}", hash(secret))).ok()??;
    let record: AccessRecord = from_bytes(&bytes).ok()?;
    if record.expires_ms <= now_ms() {
        return None;
    }
    Some(Caller {
        role: match record.allowed {
            Allowed::View => Role::Viewer,
            Allowed::Operate => Role::Operator,
            Allowed::Administer => Role::Admin,
        },
        name: record.name,
        expires_s: Some(record.expires_ms / 1000),
        secret: Some(Arc::from(secret)),
    })
}

/// Records by hash.
fn records(snapshot: &Snapshot) -> Result<BTreeMap<String, AccessRecord>, AccessError> {
    let known: BTreeMap<String, AccessRecord> =
        crate::read::records(snapshot, RECORDS).map_err(OfficeError::from)?;
    Ok(known.into_iter().filter(|(hash, _)| hash.len() > ID_DIGITS && hash.is_ascii()).collect())
}

fn hash(secret: &str) -> String {
    let hash = digest(&SHA256, secret.as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn allowed(role: &str) -> Option<Allowed> {
    [Allowed::View, Allowed::Operate, Allowed::Administer]
        .into_iter()
        .find(|allowed| word(*allowed) == role)
}

fn word(allowed: Allowed) -> &'static str {
    match allowed {
        Allowed::View => "viewer",
        Allowed::Operate => "operator",
        Allowed::Administer => "admin",
    }
}
