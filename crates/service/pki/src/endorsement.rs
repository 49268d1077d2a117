//! The key that control signs states with, and the authority's word for it.

use crate::authority::Authority;
use crate::certificate::{Certificate, Subject};
use crate::clock::utc;
use crate::fabric_id::FabricId;
use crate::key::PublicKey;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use netloom_base::WallTime;
use netloom_cbor::Bytes;
use std::time::Duration;

/// Tells an endorsement from all else that the authority signs: certificates begin with 0x30.
const CONTEXT: &[u8] = b"netloom state key v1\0";

netloom_cbor::record! {
    /// What the authority says of a key. It signs the context `netloom state key v1` with a zero
    /// byte, and this record in CBOR.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Endorsed {
        /// The fabric.
        1 => pub fabric: FabricId,
        /// Control's Ed25519 key.
        2 => pub key: PublicKey,
        /// From when on it holds, in seconds since 1970.
        3 => pub start: u64,
        /// Until when it holds, in seconds since 1970.
        4 => pub end: u64,
    }
}

netloom_cbor::record! {
    /// A key with the authority's word that control signs states with it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Endorsement {
        /// What is said.
        1 => pub endorsed: Endorsed,
        /// ECDSA over P-256 with SHA-256, in ASN.1.
        2 => pub signature: Bytes [max 80],
    }
}

/// Why a key is not taken for control's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndorsementError {
    /// The authority has not said so.
    #[error("the fabric's authority has not endorsed this key: ask control for its endorsement")]
    Forged,
    /// It is another fabric's.
    #[error("the key belongs to another fabric: connect to the fabric's own control")]
    Fabric,
    /// It does not hold any more.
    #[error("the key was endorsed until {}; it is {}: ask control for a newer one, or set the clock",
        utc(*.end), utc(*.now))]
    Expired {
        /// Until when.
        end: WallTime,
        /// When it was looked at.
        now: WallTime,
    },
}

impl Endorsement {
    /// The authority's word for a key.
    pub fn new(authority: &Authority, key: PublicKey, now: WallTime, lifetime: Duration) -> Self {
        let start = now.0 / 1_000_000_000;
        let end = start.saturating_add(lifetime.as_secs());
        let endorsed = Endorsed { fabric: authority.fabric(), key, start, end };
        let signature = authority.sign(&statement(&endorsed)).into();
        Self { endorsed, signature }
    }

    /// The key, if the authority with this certificate has endorsed it and it holds at `now`. That
    /// it holds from a time in the future on shows a clock that is behind, and is no error.
    pub fn verify(
        &self,
        authority: &Certificate,
        now: WallTime,
    ) -> Result<PublicKey, EndorsementError> {
        let certificate = authority.parsed().map_err(|_| EndorsementError::Forged)?;
        let info = certificate.subject_public_key_info();
        let point = point(info.as_ref()).ok_or(EndorsementError::Forged)?;
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point);
        key.verify(&statement(&self.endorsed), &self.signature.0)
            .map_err(|_| EndorsementError::Forged)?;
        if authority.subject() != Ok(Subject::Authority(self.endorsed.fabric)) {
            return Err(EndorsementError::Fabric);
        }
        let end = WallTime::from_secs(self.endorsed.end);
        if now > end {
            return Err(EndorsementError::Expired { end, now });
        }
        Ok(self.endorsed.key)
    }
}

fn statement(endorsed: &Endorsed) -> Vec<u8> {
    [CONTEXT, &netloom_cbor::to_bytes(endorsed)].concat()
}

/// The point of a P-256 key: the end of its information (RFC 5480 §2), uncompressed.
fn point(info: &[u8]) -> Option<&[u8]> {
    let point = info.get(info.len().checked_sub(65)?..)?;
    (info.len() == 91 && point[0] == 4).then_some(point)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SigningSecret;

    #[test]
    fn an_authority_speaks_for_its_own_fabric_only() {
        let now = WallTime::from_secs(1_000_000);
        let authority = Authority::create(FabricId([1; 16]), now);
        let key = SigningSecret::generate().public();
        let own = Endorsement::new(&authority, key, now, Duration::from_secs(60));
        assert_eq!(own.verify(authority.certificate(), now), Ok(key));
        let endorsed = Endorsed { fabric: FabricId([2; 16]), ..own.endorsed };
        let signature = authority.sign(&statement(&endorsed)).into();
        let foreign = Endorsement { endorsed, signature };
        assert_eq!(foreign.verify(authority.certificate(), now), Err(EndorsementError::Fabric));
    }

    #[test]
    fn only_a_point_of_p_256_is_a_key() {
        assert_eq!(point(&[4; 91]).map(<[u8]>::len), Some(65));
        for info in [vec![], vec![4; 64], vec![4; 90], vec![4; 92], vec![3; 91]] {
            assert_eq!(point(&info), None);
        }
    }
}
