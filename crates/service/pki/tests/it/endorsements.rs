//! The key that control signs states with, and whose word there is for it.

use crate::fabric::{Fabric, HOUR, MADE, made};
use netloom_base::WallTime;
use netloom_pki::{Authority, Endorsement, EndorsementError, FabricId, SigningSecret};

#[test]
fn a_key_is_controls_if_the_authority_says_so() {
    let fabric = Fabric::new();
    let secret = SigningSecret::generate();
    let endorsement = Endorsement::new(&fabric.authority, secret.public(), made(), HOUR);
    let stored = netloom_cbor::to_bytes(&endorsement);
    let endorsement: Endorsement = netloom_cbor::from_bytes(&stored).unwrap();
    let authority = fabric.authority.certificate();
    let at = |seconds| endorsement.verify(authority, WallTime::from_secs(seconds));
    assert_eq!(at(MADE), Ok(secret.public()));
    assert_eq!(at(MADE + 3600), Ok(secret.public()));
    // A clock that is behind does no harm.
    assert_eq!(at(0), Ok(secret.public()));
    let error = at(MADE + 3601).unwrap_err();
    let (end, now) = (WallTime::from_secs(MADE + 3600), WallTime::from_secs(MADE + 3601));
    assert_eq!(error, EndorsementError::Expired { end, now });
}

#[test]
fn changed_or_foreign_endorsements_are_refused() {
    let fabric = Fabric::new();
    let secret = SigningSecret::generate();
    let endorsement = Endorsement::new(&fabric.authority, secret.public(), made(), HOUR);
    let authority = fabric.authority.certificate();
    let changes: [fn(&mut Endorsement); 5] = [
        |one| one.endorsed.key = SigningSecret::generate().public(),
        |one| one.endorsed.end += 1,
        |one| one.endorsed.start += 1,
        |one| one.endorsed.fabric = FabricId([1; 16]),
        |one| one.signature.0[10] ^= 1,
    ];
    for change in changes {
        let mut changed = endorsement.clone();
        change(&mut changed);
        assert_eq!(changed.verify(authority, made()), Err(EndorsementError::Forged));
    }
    let other = Authority::create(fabric.authority.fabric(), made());
    assert_eq!(endorsement.verify(other.certificate(), made()), Err(EndorsementError::Forged));
    // A node's certificate is no authority's, though it is genuine.
    assert_eq!(endorsement.verify(&fabric.node.certificate, made()), Err(EndorsementError::Forged));
}
