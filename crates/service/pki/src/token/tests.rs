//! Tokens that were copied well, badly, too late, or from a newer version.

use super::*;
use proptest::prelude::*;

fn token() -> Token {
    let order = TokenOrder {
        fabric: FabricId([7; 16]),
        fabric_name: "shop".into(),
        endpoints: vec!["control.example.org:7443".into(), "[2001:db8::1]:7443".into()],
        authority: AuthorityHash([8; 32]),
        lifetime: Duration::from_secs(3600),
        node: Some("web-1".into()),
        tags: BTreeSet::from(["edge".into()]),
    };
    Token::new(order, WallTime::from_secs(1_700_000_000))
}

const NOW: WallTime = WallTime::from_secs(1_700_000_000);

/// A token's text from a record's bytes, with a fitting checksum.
fn text_of(record: &[u8]) -> String {
    format!("{PREFIX}{}", text::encode(&[record, &checksum(record)].concat()))
}

#[test]
fn a_token_is_read_as_it_was_made_however_its_lines_are_broken() {
    let token = token();
    let text = token.to_text();
    assert!(text.starts_with("nl1.") && text.len() < 400, "{} letters", text.len());
    assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)));
    assert_eq!(Token::parse(&text, NOW).as_ref(), Ok(&token));
    let broken: String = text.chars().flat_map(|c| [c, '\n']).collect();
    assert_eq!(Token::parse(&format!("  {broken}\r\n"), NOW).as_ref(), Ok(&token));
    assert_eq!((token.made(), token.expiry), (NOW, 1_700_003_600));
    assert_ne!(self::token().secret, token.secret);
}

#[test]
fn what_is_no_token_is_told_from_what_was_copied_badly() {
    for text in ["", "hello", "nl", "nl1", "nlx.abc", "NL1.abc", "nl0.abc", "nl1", "ssh-rsa AAAA"] {
        assert_eq!(Token::parse(text, NOW), Err(TokenError::NotAToken), "{text}");
    }
    let text = token().to_text();
    for bad in [
        "nl1.".to_owned(),
        "nl1.AAAA".into(),
        text[..text.len() - 1].into(),
        text[..text.len() / 2].into(),
        format!("{}A", *text),
        format!("{}=", *text),
        format!("{}{}", *text, &text[4..]),
        format!("nl1.{}", "A".repeat(TOKEN_BYTES_MAX + 1)),
    ] {
        let error = Token::parse(&bad, NOW).unwrap_err();
        assert!(matches!(error, TokenError::Mistyped(_)), "{bad}: {error}");
        assert!(error.to_string().contains("copy it again"), "{error}");
    }
}

#[test]
fn a_token_of_a_newer_version_says_so() {
    let newer = |error: TokenError| {
        assert!(error.to_string().contains("install a newer netloom"), "{error}");
        error
    };
    let text = token().to_text().replace("nl1.", "nl2.");
    assert_eq!(newer(Token::parse(&text, NOW).unwrap_err()), TokenError::Newer(2));
    let mut later = token();
    later.version = 3;
    let error = Token::parse(&later.to_text(), NOW).unwrap_err();
    assert_eq!(newer(error), TokenError::Newer(3));
    // A key that may be skipped is skipped, and one that may not is a sign of a newer version.
    let record = netloom_cbor::to_bytes(&token());
    let with = |key: &[u8]| text_of(&[&[record[0] + 1], &record[1..], key].concat());
    assert!(Token::parse(&with(&[0x18, 99, 0xf5]), NOW).is_ok());
    assert_eq!(Token::parse(&with(&[0x20, 0xf5]), NOW), Err(TokenError::Newer(2)));
}

#[test]
fn a_proper_checksum_over_something_else_is_a_broken_token() {
    for record in [&b""[..], b"\xa0", b"\xa1\x00\x01", b"\x80", b"\xa1\x01\x01"] {
        let error = Token::parse(&text_of(record), NOW).unwrap_err();
        assert!(matches!(error, TokenError::Malformed(_)), "{record:?}: {error}");
    }
}

#[test]
fn an_expired_token_says_when_and_what_the_clock_shows() {
    let text = token().to_text();
    assert!(Token::parse(&text, WallTime::from_secs(1_700_003_600)).is_ok());
    let error = Token::parse(&text, WallTime::from_secs(1_700_003_601)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("2023-11-14 23:13:20 UTC"), "{text}");
    assert!(text.contains("2023-11-14 23:13:21 UTC"), "{text}");
}

#[test]
fn addresses_are_host_and_port() {
    for good in ["a:1", "control.example.org:7443", "192.0.2.1:65535", "[::1]:1"] {
        assert!(is_endpoint(good), "{good}");
    }
    for bad in [
        "",
        "a",
        ":1",
        "a:",
        "a:0",
        "a:65536",
        "a:x",
        "::1:1",
        "[::1]",
        "[a]:1",
        "[::1:1",
        "a b:1",
        "a/b:1",
        "http://a:1",
        "[192.0.2.1]:1",
    ] {
        assert!(!is_endpoint(bad), "{bad}");
        let mut token = token();
        token.endpoints.push(bad.into());
        let error = Token::parse(&token.to_text(), NOW).unwrap_err();
        assert_eq!(error, TokenError::Endpoint(bad.into()));
    }
    assert!(!is_endpoint(&format!("{}:1", "a.".repeat(140))));
}

#[test]
fn secrets_are_not_shown() {
    let mut token = token();
    token.secret = Secret::from([0xa7; 32]);
    let shown = format!("{token:?} {:?} {:?}", token.secret, TokenError::NotAToken);
    assert!(shown.contains("Secret(..)"));
    assert!(!shown.contains("167") && !shown.contains("a7"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_letter_is_found(place in any::<prop::sample::Index>(), letter in "[A-Za-z0-9_-]") {
        let text = token().to_text();
        let place = 4 + place.index(text.len() - 4);
        prop_assume!(text[place..=place] != letter);
        let changed = format!("{}{letter}{}", &text[..place], &text[place + 1..]);
        let error = Token::parse(&changed, NOW).unwrap_err();
        prop_assert!(matches!(error, TokenError::Mistyped(_)), "{}", error);
    }

    #[test]
    fn random_texts_never_panic(text in "(nl1\\.)?[ -~]{0,80}") {
        prop_assert!(Token::parse(&text, NOW).is_err());
    }

    #[test]
    fn random_records_never_panic(record in proptest::collection::vec(any::<u8>(), 0..80)) {
        prop_assert!(Token::parse(&text_of(&record), NOW).is_err());
    }
}
