//! What is read of certificates that were made here, and of bytes that are none.

use super::*;
use crate::authority::{AUTHORITY_LIFETIME, Authority, ExtraName, IssueError, RestoreError};
use crate::key::{SigningSecret, TlsKey};
use proptest::prelude::*;
use std::time::Duration;

const FABRIC: FabricId = FabricId([0xab; 16]);
const HOUR: Duration = Duration::from_secs(3600);

fn at(seconds: u64) -> WallTime {
    WallTime::from_secs(seconds)
}

#[test]
fn an_authority_is_of_its_fabric_and_valid_for_ten_years() {
    // Ten years from these times cross 2050, where the form of years changes.
    for made in [0, 1_700_000_000, 2_366_841_600, 2_524_607_999, 4_000_000_000] {
        let authority = Authority::create(FABRIC, at(made));
        let certificate = authority.certificate();
        assert_eq!(certificate.subject(), Ok(Subject::Authority(FABRIC)));
        let validity = certificate.validity().unwrap();
        assert_eq!(validity.start, at(made.saturating_sub(3600)));
        assert_eq!(validity.end, at(made + AUTHORITY_LIFETIME.as_secs()));
        assert_eq!(certificate.public_key(), Ok(None), "it is no Ed25519 key");
    }
}

#[test]
fn a_node_certificate_has_its_name_key_and_day() {
    let authority = Authority::create(FABRIC, at(1_000_000));
    let key = SigningSecret::generate().public();
    let made = WallTime(at(2_000_000).0 + 999_999_999);
    let one = authority.issue_node("web-1", &key, made, HOUR * 24).unwrap();
    assert_eq!(one.subject(), Ok(Subject::Node(FABRIC, "web-1".into())));
    assert_eq!(one.public_key(), Ok(Some(key)));
    let validity = one.validity().unwrap();
    assert_eq!((validity.start, validity.end), (at(1_996_400), at(2_086_400)));
    let names: Vec<String> = one.parsed().unwrap().valid_dns_names().map(str::to_owned).collect();
    assert_eq!(names, [format!("web-1.node.{FABRIC}.netloom.internal")]);
    // Another time, another certificate: no two have the same number.
    let other = authority.issue_node("web-1", &key, made, HOUR * 24).unwrap();
    let serial = |one: &Certificate| one.parsed().unwrap().serial().to_vec();
    assert_ne!(serial(&one), serial(&other));
    assert_eq!(serial(&one).len(), 16);
}

#[test]
fn a_control_certificate_has_the_names_that_browsers_use() {
    let authority = Authority::create(FABRIC, at(1_000_000));
    let key = TlsKey::generate();
    let extra =
        [ExtraName::Dns("mesh.example.org".into()), ExtraName::Address([192, 0, 2, 1].into())];
    let one = authority.issue_control("c1", &key, &extra, at(1_000_000), HOUR).unwrap();
    assert_eq!(one.subject(), Ok(Subject::Control(FABRIC, "c1".into())));
    assert_eq!(one.public_key(), Ok(None));
    for name in ["mesh.example.org", "192.0.2.1", &format!("control.{FABRIC}.netloom.internal")] {
        let name = rustls::pki_types::ServerName::try_from(name).unwrap();
        assert!(one.parsed().unwrap().verify_is_valid_for_subject_name(&name).is_ok());
    }
    for name in ["", "bad name", "a..b", "é.org"] {
        let extra = [ExtraName::Dns(name.to_owned())];
        let refused = authority.issue_control("c1", &key, &extra, at(0), HOUR);
        assert_eq!(refused, Err(IssueError::ExtraName(name.to_owned())));
    }
    let many = vec![ExtraName::Address([10, 0, 0, 1].into()); 33];
    assert!(authority.issue_control("c1", &key, &many, at(0), HOUR).is_err());
}

#[test]
fn names_that_could_be_taken_for_others_are_not_issued() {
    let authority = Authority::create(FABRIC, at(0));
    let key = SigningSecret::generate().public();
    for name in ["", "A", "a/b", "a.b", "-a", "a-", "é", "a b", "..", &"x".repeat(64)] {
        let refused = authority.issue_node(name, &key, at(0), HOUR);
        assert_eq!(refused, Err(IssueError::Name(name.to_owned())));
        let refused = authority.issue_control(name, &TlsKey::generate(), &[], at(0), HOUR);
        assert_eq!(refused, Err(IssueError::Name(name.to_owned())));
    }
}

#[test]
fn an_authority_is_restored_from_its_own_key_and_certificate_only() {
    let authority = Authority::create(FABRIC, at(1_000_000));
    let (key, certificate) = (authority.stored_key().clone(), authority.certificate().clone());
    let stored = Certificate::new(certificate.as_bytes().to_vec()).unwrap();
    let restored = Authority::restore(key.clone(), stored).unwrap();
    assert_eq!(restored.fabric(), FABRIC);
    assert_eq!(restored.hash(), authority.hash());
    let other = Authority::create(FABRIC, at(1_000_000));
    assert_ne!(other.hash(), authority.hash());
    let result = Authority::restore(key.clone(), other.certificate().clone());
    assert_eq!(result.unwrap_err(), RestoreError::Mismatch);
    let node = SigningSecret::generate();
    let issued = authority.issue_node("a", &node.public(), at(0), HOUR).unwrap();
    let result = Authority::restore(key, issued);
    assert_eq!(result.unwrap_err(), RestoreError::NoAuthority);
    let result = Authority::restore(node.stored().clone(), certificate);
    assert!(matches!(result.unwrap_err(), RestoreError::Key(_)));
}

#[test]
fn a_name_has_one_form() {
    let hex = FABRIC.to_string();
    for (name, expected) in [
        (format!("netloom://{hex}"), Some(Subject::Authority(FABRIC))),
        (format!("netloom://{hex}/node/a"), Some(Subject::Node(FABRIC, "a".into()))),
        (format!("netloom://{hex}/control/a"), Some(Subject::Control(FABRIC, "a".into()))),
        (format!("netloom://{hex}/"), None),
        (format!("netloom://{hex}/node"), None),
        (format!("netloom://{hex}/node/"), None),
        (format!("netloom://{hex}/node/a/b"), None),
        (format!("netloom://{hex}/node/a/"), None),
        (format!("netloom://{hex}/guest/a"), None),
        (format!("netloom://{}/node/a", hex.to_uppercase()), None),
        (format!("netloom://{}/node/a", &hex[1..]), None),
        ("netloom://".into(), None),
        (format!("https://{hex}/node/a"), None),
    ] {
        assert_eq!(Subject::parse(&name), expected, "{name}");
        if let Some(subject) = expected {
            assert_eq!(subject.to_string(), name);
        }
    }
}

#[test]
fn certificates_of_others_are_for_nobody() {
    for names in [vec![], vec!["https://example.org"], vec!["netloom://nonsense"], {
        let two = "netloom://abababababababababababababababab/node/";
        vec![
            Box::leak(format!("{two}a").into_boxed_str()) as &str,
            Box::leak(format!("{two}b").into_boxed_str()),
        ]
    }] {
        let mut params = rcgen::CertificateParams::default();
        for name in &names {
            params.subject_alt_names.push(rcgen::SanType::URI((*name).try_into().unwrap()));
        }
        let made = params.self_signed(&TlsKey::generate()).unwrap();
        let certificate = Certificate::new(made.der().to_vec()).unwrap();
        assert_eq!(certificate.subject(), Err(CertificateError::Nameless), "{names:?}");
    }
}

fn sample() -> Vec<u8> {
    let authority = Authority::create(FABRIC, at(1_000_000));
    let key = SigningSecret::generate().public();
    authority.issue_node("a", &key, at(1_000_000), HOUR).unwrap().as_bytes().to_vec()
}

#[test]
fn every_beginning_of_a_certificate_is_refused() {
    let whole = sample();
    for end in 0..whole.len() {
        let cut = Certificate::new(whole[..end].to_vec());
        assert_eq!(cut, Err(CertificateError::Malformed), "{end} of {}", whole.len());
        assert_eq!(validity::read(&whole[..end]), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_certificates_never_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = sample();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let _ = validity::read(&bytes);
        if let Ok(certificate) = Certificate::new(bytes) {
            let _ = (certificate.subject(), certificate.public_key(), format!("{certificate:?}"));
        }
    }

    #[test]
    fn random_bytes_are_no_certificate(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(validity::read(&bytes), None);
        prop_assert_eq!(Certificate::new(bytes), Err(CertificateError::Malformed));
    }
}
