//! What control keeps of a token, and whether a node is let in with it.

use crate::certificate::is_name;
use crate::clock::utc;
use crate::fabric_id::FabricId;
use crate::key::PublicKey;
use crate::token::{Secret, TAGS_MAX, Token};
use netloom_base::WallTime;
use std::collections::BTreeSet;

/// Tells the two hashes of a secret from each other and from all others.
const ID_CONTEXT: &[u8] = b"netloom token id v1\0";
const SECRET_CONTEXT: &[u8] = b"netloom token secret v1\0";

/// What a token is found by. It follows from the secret, and says nothing of it.
pub type TokenId = [u8; 8];

netloom_cbor::record! {
    /// What control keeps of a token: nothing that lets anyone in. A secret has 256 random bits, so
    /// its hash cannot be guessed back, and needs no slow function.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct TokenRecord {
        /// What it is found by.
        1 => pub id: TokenId,
        /// The fabric.
        2 => pub fabric: FabricId,
        /// SHA-256 of the secret.
        3 => pub secret_hash: [u8; 32],
        /// Whether it lets more than one node in.
        4 => pub is_reusable: bool,
        /// Until when it is taken, in seconds since 1970.
        5 => pub expiry: u64,
        /// The only node that may join with it.
        6 => pub node: Option<String> [max 63],
        /// Tags that a node must be declared with to join with it, which is for the caller of [`redeem`] to see
        /// to.
        7 => pub tags: Option<BTreeSet<String>> [max TAGS_MAX],
        /// Nodes that it has let in.
        8 => pub uses: u64,
        /// The last of them.
        9 => pub last: Option<Use>,
        /// Whether it was taken back.
        10 => pub is_revoked: bool,
    }
}

netloom_cbor::record! {
    /// Who was let in.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Use {
        /// The node.
        1 => pub node: String [max 63],
        /// Its key.
        2 => pub key: PublicKey,
    }
}

/// What a node shows.
#[derive(Clone, Debug)]
pub struct Attempt<'a> {
    /// The fabric that it wants to join.
    pub fabric: FabricId,
    /// The secret of its token.
    pub secret: &'a Secret,
    /// What it wants to be called.
    pub node: &'a str,
    /// Its key, whose possession it has proven.
    pub key: PublicKey,
}

/// A node is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redeemed {
    /// The record as it is to be kept, before the node is told.
    pub record: TokenRecord,
    /// Tags that the node must be declared with.
    pub tags: BTreeSet<String>,
    /// Whether the node was let in with this token before, and has only not heard of it.
    pub is_repeated: bool,
}

/// Why a node is not let in. Each says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedeemError {
    /// The token belongs to another fabric.
    #[error("the join token belongs to another fabric: make one in this fabric")]
    Fabric,
    /// There is no such token, or its secret is another.
    #[error("this join token was not made here, or was removed: make a new one")]
    Forged,
    /// It was taken back.
    #[error("the join token was taken back: make a new one")]
    Revoked,
    /// It has expired.
    #[error("the join token expired at {}; it is {}: make a new one", utc(*.expiry), utc(*.now))]
    Expired {
        /// When it expired.
        expiry: WallTime,
        /// What control's clock shows.
        now: WallTime,
    },
    /// It has let a node in already.
    #[error(
        "the join token was used by node `{by}` already: make one for each node, or a reusable one"
    )]
    Used {
        /// The node.
        by: String,
    },
    /// It is for another node.
    #[error("the join token is for node `{bound}`, not for `{claimed}`: make one for this node")]
    Name {
        /// The node that it is for.
        bound: String,
        /// The node that wants in.
        claimed: String,
    },
    /// The name cannot be a node's.
    #[error("`{0}` cannot be a node's name: names are DNS labels of 1 to 63 of a-z, 0-9 and -")]
    NotAName(String),
}

impl TokenRecord {
    /// What control keeps of a token.
    pub fn of(token: &Token, is_reusable: bool) -> Self {
        Self {
            id: token_id(&token.secret),
            fabric: token.fabric,
            secret_hash: hash(SECRET_CONTEXT, &token.secret),
            is_reusable,
            expiry: token.expiry,
            node: token.node.clone(),
            tags: token.tags.clone(),
            uses: 0,
            last: None,
            is_revoked: false,
        }
    }
}

/// What a token is found by, from the secret that a node shows.
pub fn token_id(secret: &Secret) -> TokenId {
    *hash(ID_CONTEXT, secret).first_chunk().expect("a hash is longer than an id")
}

/// Whether a node is let in. A node that was, and has lost the answer, may ask again with the same
/// name and key. What else must hold, as that the node is declared, is for the caller to see to.
pub fn redeem(
    record: &TokenRecord,
    attempt: &Attempt<'_>,
    now: WallTime,
) -> Result<Redeemed, RedeemError> {
    let shown = hash(SECRET_CONTEXT, attempt.secret);
    let is_genuine =
        aws_lc_rs::constant_time::verify_slices_are_equal(&shown, &record.secret_hash).is_ok();
    if !is_genuine {
        return Err(RedeemError::Forged);
    }
    if attempt.fabric != record.fabric {
        return Err(RedeemError::Fabric);
    }
    if record.is_revoked {
        return Err(RedeemError::Revoked);
    }
    let expiry = WallTime::from_secs(record.expiry);
    if now > expiry {
        return Err(RedeemError::Expired { expiry, now });
    }
    if !is_name(attempt.node) {
        return Err(RedeemError::NotAName(attempt.node.to_owned()));
    }
    if let Some(bound) = record.node.as_ref().filter(|bound| *bound != attempt.node) {
        let (bound, claimed) = (bound.clone(), attempt.node.to_owned());
        return Err(RedeemError::Name { bound, claimed });
    }
    let this = Use { node: attempt.node.to_owned(), key: attempt.key };
    let is_repeated = record.last.as_ref() == Some(&this);
    if let Some(last) = record.last.as_ref().filter(|_| !record.is_reusable && !is_repeated) {
        return Err(RedeemError::Used { by: last.node.clone() });
    }
    let mut record = record.clone();
    record.uses = record.uses.saturating_add(u64::from(!is_repeated));
    record.last = Some(this);
    let tags = record.tags.clone().unwrap_or_default();
    Ok(Redeemed { record, tags, is_repeated })
}

fn hash(context: &[u8], secret: &Secret) -> [u8; 32] {
    let mut hasher = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    hasher.update(context);
    hasher.update(secret.as_bytes());
    hasher.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests;
