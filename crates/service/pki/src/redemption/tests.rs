//! Who is let in with a token, how often, until when, under which name.

use super::*;
use crate::certificate::AuthorityHash;
use crate::token::TokenOrder;
use std::time::Duration;

const FABRIC: FabricId = FabricId([7; 16]);
const NOW: WallTime = WallTime::from_secs(1_700_000_000);

fn token(node: Option<&str>) -> Token {
    let order = TokenOrder {
        fabric: FABRIC,
        fabric_name: "shop".into(),
        endpoints: vec!["c:1".into()],
        authority: AuthorityHash([8; 32]),
        lifetime: Duration::from_secs(3600),
        node: node.map(str::to_owned),
        tags: BTreeSet::from(["edge".into()]),
    };
    Token::new(order, NOW)
}

fn attempt<'a>(token: &'a Token, node: &'a str, key: u8) -> Attempt<'a> {
    Attempt { fabric: FABRIC, secret: &token.secret, node, key: PublicKey([key; 32]) }
}

#[test]
fn a_token_lets_one_node_in_once() {
    let token = token(None);
    let record = TokenRecord::of(&token, false);
    let first = redeem(&record, &attempt(&token, "a", 1), NOW).unwrap();
    assert_eq!(first.tags, BTreeSet::from(["edge".into()]));
    assert_eq!((first.record.uses, first.is_repeated), (1, false));
    let used = Err(RedeemError::Used { by: "a".into() });
    assert_eq!(redeem(&first.record, &attempt(&token, "b", 2), NOW), used);
    // Neither another key under the same name nor another name for the same key.
    assert_eq!(redeem(&first.record, &attempt(&token, "a", 2), NOW), used);
    assert_eq!(redeem(&first.record, &attempt(&token, "b", 1), NOW), used);
    // The node that was let in has only lost the answer.
    let again = redeem(&first.record, &attempt(&token, "a", 1), NOW).unwrap();
    assert!(again.is_repeated);
    assert_eq!(again.record, first.record);
}

#[test]
fn a_reusable_token_lets_many_in_and_counts_them() {
    let token = token(None);
    let mut record = TokenRecord::of(&token, true);
    for (number, node) in (1..).zip(["a", "b", "b", "c"]) {
        let redeemed = redeem(&record, &attempt(&token, node, node.as_bytes()[0]), NOW).unwrap();
        assert_eq!(redeemed.is_repeated, number == 3);
        record = redeemed.record;
    }
    assert_eq!(record.uses, 3);
}

#[test]
fn forged_expired_revoked_and_strange_tokens_are_told_apart() {
    let (mine, other) = (token(None), token(None));
    let record = TokenRecord::of(&mine, false);
    let try_at = |record: &TokenRecord, attempt: &Attempt<'_>, now| {
        redeem(record, attempt, now).map(|_| ()).unwrap_err()
    };
    assert_eq!(try_at(&record, &attempt(&other, "a", 1), NOW), RedeemError::Forged);
    let mut strange = attempt(&mine, "a", 1);
    strange.fabric = FabricId([8; 16]);
    assert_eq!(try_at(&record, &strange, NOW), RedeemError::Fabric);
    let late = WallTime::from_secs(1_700_003_601);
    let error = try_at(&record, &attempt(&mine, "a", 1), late);
    let expiry = WallTime::from_secs(1_700_003_600);
    assert_eq!(error, RedeemError::Expired { expiry, now: late });
    assert!(error.to_string().contains("2023-11-14 23:13:20 UTC"), "{error}");
    assert!(redeem(&record, &attempt(&mine, "a", 1), expiry).is_ok());
    let revoked = TokenRecord { is_revoked: true, ..record.clone() };
    assert_eq!(try_at(&revoked, &attempt(&mine, "a", 1), NOW), RedeemError::Revoked);
    // Who has no proper secret learns nothing of the rest.
    let error = try_at(&revoked, &attempt(&other, "a", 1), late);
    assert_eq!(error, RedeemError::Forged);
    let error = try_at(&record, &attempt(&mine, "not a name", 1), NOW);
    assert_eq!(error, RedeemError::NotAName("not a name".into()));
}

#[test]
fn a_token_for_one_node_lets_no_other_in() {
    let token = token(Some("web-1"));
    let record = TokenRecord::of(&token, true);
    assert!(redeem(&record, &attempt(&token, "web-1", 1), NOW).is_ok());
    let error = redeem(&record, &attempt(&token, "web-2", 1), NOW).unwrap_err();
    let (bound, claimed) = ("web-1".into(), "web-2".into());
    assert_eq!(error, RedeemError::Name { bound, claimed });
}

#[test]
fn the_record_is_found_by_the_secret_and_does_not_hold_it() {
    let token = token(Some("web-1"));
    let record = TokenRecord::of(&token, false);
    assert_eq!(record.id, token_id(&token.secret));
    let stored = netloom_cbor::to_bytes(&record);
    assert_eq!(netloom_cbor::from_bytes::<TokenRecord>(&stored), Ok(record));
    let secret = token.secret.as_bytes();
    assert!(!stored.windows(8).any(|window| secret.windows(8).any(|part| part == window)));
    assert_ne!(&token_id(&token.secret)[..], &hash(SECRET_CONTEXT, &token.secret)[..8]);
}
