//! Who gets a connection, who is taken for whom, and who gets none.

use crate::fabric::{ALPN, Fabric, HOUR, clock, handshake, made};
use netloom_pki::tls::{self, Peer, TlsIdentity, Trust, peer, presented_authority};
use netloom_pki::{Authority, Certificate, SigningSecret, Subject, TlsKey};
use rustls::client::Resumption;
use rustls::{CertificateError, Error, HandshakeKind, ServerConnection};
use std::sync::Arc;
use std::time::Duration;

fn at_server(server: &ServerConnection) -> Option<Peer> {
    peer(server.peer_certificates(), &clock(0.0)).unwrap()
}

/// Why the client gave up.
fn client_error(outcome: crate::fabric::Outcome) -> Error {
    outcome.map(|_| ()).unwrap_err().0.expect("the client fails")
}

/// Why control gave up, and what the client heard of it.
fn server_error(outcome: crate::fabric::Outcome) -> (Error, Error) {
    let (client, server) = *outcome.map(|_| ()).unwrap_err();
    (server.expect("control fails"), client.expect("the client is told"))
}

#[test]
fn a_node_that_has_joined_is_known_by_its_certificate() {
    let fabric = Fabric::new();
    let now = clock(0.0);
    let (client, server) = fabric.connect(fabric.client(&now), fabric.server(&now)).unwrap();
    let node = at_server(&server).unwrap();
    assert_eq!(node.subject, Subject::Node(fabric.authority.fabric(), "web-1".into()));
    assert_eq!(node.key, Some(fabric.node_secret.public()));
    assert!(!node.is_expired);
    assert_eq!(node.certificate, fabric.node.certificate);
    let control = peer(client.peer_certificates(), &now).unwrap().unwrap();
    assert_eq!(control.subject, Subject::Control(fabric.authority.fabric(), "c1".into()));
    for protocol in [client.alpn_protocol(), server.alpn_protocol()] {
        assert_eq!(protocol, Some(ALPN[0]));
    }
    assert_eq!(server.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
}

#[test]
fn one_that_joins_shows_nothing_and_learns_the_authority() {
    let fabric = Fabric::new();
    let now = clock(0.0);
    let (client, server) = fabric.connect(fabric.joiner(&now), fabric.server(&now)).unwrap();
    assert_eq!(at_server(&server), None);
    let hash = fabric.authority.hash();
    let learned = presented_authority(client.peer_certificates(), &hash);
    assert_eq!(learned.as_ref(), Some(fabric.authority.certificate()));
    let other = Authority::create(fabric.authority.fabric(), made()).hash();
    assert_eq!(presented_authority(client.peer_certificates(), &other), None);
    assert_eq!(presented_authority(None, &hash), None);
}

#[test]
fn both_ends_of_a_connection_have_a_binding_of_their_own() {
    let fabric = Fabric::new();
    let now = clock(0.0);
    let connect = || fabric.connect(fabric.joiner(&now), fabric.server(&now)).unwrap();
    let (client, server) = connect();
    let binding = tls::binding(&client).unwrap();
    assert_eq!(tls::binding(&server), Some(binding));
    let (client, _) = connect();
    assert_ne!(tls::binding(&client), Some(binding));
}

#[test]
fn the_hash_of_another_authority_is_not_enough() {
    let (mine, other) = (Fabric::new(), Fabric::new());
    let now = clock(0.0);
    let trust = Trust::Hash(other.authority.hash());
    let client = tls::client_config(&trust, None, ALPN, &now).unwrap();
    let error = client_error(mine.connect(client, mine.server(&now)));
    let text = tls::explain(&error).unwrap();
    assert!(text.contains("does not show the authority that the join token names"), "{error}");

    // Control of another fabric that shows my authority's certificate beside its own: the hash is
    // there, but its certificate is not under it.
    let key = TlsKey::generate();
    let alien = Authority::create(mine.authority.fabric(), made());
    let certificate = alien.issue_control("c1", &key, &[], made(), HOUR).unwrap();
    let identity = TlsIdentity { certificate, key: key.stored().clone() };
    let shown = mine.authority.certificate();
    let server = tls::server_config(shown, &identity, ALPN, &now, Duration::ZERO).unwrap();
    let error = client_error(mine.connect(mine.joiner(&now), server.clone()));
    assert!(is_unknown(&error), "{error}");
    let error = client_error(mine.connect(mine.client(&now), server));
    assert!(is_unknown(&error), "{error}");
}

fn is_unknown(error: &Error) -> bool {
    use CertificateError::{BadSignature, UnknownIssuer};
    matches!(error, Error::InvalidCertificate(UnknownIssuer | BadSignature))
}

#[test]
fn control_of_another_fabric_is_refused_and_so_are_its_nodes() {
    let (mine, other) = (Fabric::new(), Fabric::new());
    let now = clock(0.0);
    let error = client_error(mine.connect(mine.client(&now), other.server(&now)));
    assert!(is_unknown(&error), "{error}");
    assert!(tls::explain(&error).unwrap().contains("another fabric"));

    // A node of another fabric that has been told my authority.
    let trust = Trust::Authority(mine.authority.certificate().clone());
    let client = tls::client_config(&trust, Some(&other.node), ALPN, &now).unwrap();
    let (error, told) = server_error(mine.connect(client, mine.server(&now)));
    assert!(is_unknown(&error), "{error}");
    assert!(tls::explain(&told).unwrap().contains("join again"), "{told}");
}

#[test]
fn a_name_that_somebody_gave_himself_is_refused() {
    let fabric = Fabric::new();
    let now = clock(0.0);
    let trust = Trust::Authority(fabric.authority.certificate().clone());
    // An authority of the same fabric id, which anybody can make.
    let forger = Authority::create(fabric.authority.fabric(), made());
    let secret = SigningSecret::generate();
    let certificate = forger.issue_node("db", &secret.public(), made(), HOUR).unwrap();
    let identity = TlsIdentity { certificate, key: secret.stored().clone() };
    let client = tls::client_config(&trust, Some(&identity), ALPN, &now).unwrap();
    let (error, _) = server_error(fabric.connect(client, fabric.server(&now)));
    assert!(is_unknown(&error), "{error}");

    // A node that certifies another name with its own certificate.
    let forged = under(&fabric, "db");
    let client = tls::client_config(&trust, Some(&forged), ALPN, &now).unwrap();
    let (error, _) = server_error(fabric.connect(client, fabric.server(&now)));
    assert!(is_unknown(&error), "{error}");
}

/// A certificate for another name, signed with the key of the fabric's node.
fn under(fabric: &Fabric, name: &str) -> TlsIdentity {
    let pkcs8 = rustls::pki_types::PrivatePkcs8KeyDer::from(fabric.node.key.as_bytes());
    let node = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &rcgen::PKCS_ED25519).unwrap();
    let mut issuer = rcgen::CertificateParams::default();
    issuer.distinguished_name = rcgen::DistinguishedName::new();
    let names = [
        (rcgen::DnType::OrganizationName, format!("Netloom fabric {}", fabric.authority.fabric())),
        (rcgen::DnType::CommonName, "web-1".to_owned()),
    ];
    for (kind, value) in names {
        issuer.distinguished_name.push(kind, value);
    }
    let issuer = rcgen::Issuer::new(issuer, node);
    let mut params = rcgen::CertificateParams::default();
    let uri = Subject::Node(fabric.authority.fabric(), name.into()).to_string();
    params.subject_alt_names = vec![rcgen::SanType::URI(uri.try_into().unwrap())];
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let secret = SigningSecret::generate();
    let made = params.signed_by(&secret.public(), &issuer).unwrap();
    let certificate = Certificate::new(made.der().to_vec()).unwrap();
    assert_eq!(certificate.subject().unwrap().to_string().rsplit('/').next(), Some(name));
    TlsIdentity { certificate, key: secret.stored().clone() }
}

#[test]
fn a_node_cannot_pose_as_control() {
    let fabric = Fabric::new();
    let now = clock(0.0);
    let authority = fabric.authority.certificate();
    let server = tls::server_config(authority, &fabric.node, ALPN, &now, Duration::ZERO).unwrap();
    for client in [fabric.client(&now), fabric.joiner(&now)] {
        let error = client_error(fabric.connect(client, server.clone()));
        assert!(tls::explain(&error).unwrap().contains("not this fabric's control"), "{error}");
    }
}

#[test]
fn the_longest_names_and_strange_ones_serve() {
    let mut fabric = Fabric::new();
    let now = clock(0.0);
    for name in [&"x".repeat(63), "authority", "control", "c1", "0"] {
        let secret = SigningSecret::generate();
        let certificate =
            fabric.authority.issue_node(name, &secret.public(), made(), HOUR).unwrap();
        fabric.node = TlsIdentity { certificate, key: secret.stored().clone() };
        let key = TlsKey::generate();
        let certificate = fabric.authority.issue_control(name, &key, &[], made(), HOUR).unwrap();
        fabric.control = TlsIdentity { certificate, key: key.stored().clone() };
        let (_, server) = fabric.connect(fabric.client(&now), fabric.server(&now)).unwrap();
        let id = fabric.authority.fabric();
        assert_eq!(at_server(&server).unwrap().subject, Subject::Node(id, name.to_owned()));
    }
}

#[test]
fn a_certificate_without_its_key_is_worth_nothing() {
    let fabric = Fabric::new();
    let now = clock(0.0);
    let stolen = TlsIdentity {
        certificate: fabric.node.certificate.clone(),
        key: SigningSecret::generate().stored().clone(),
    };
    let trust = Trust::Authority(fabric.authority.certificate().clone());
    assert!(tls::client_config(&trust, Some(&stolen), ALPN, &now).is_err());
    let authority = fabric.authority.certificate();
    assert!(tls::server_config(authority, &stolen, ALPN, &now, Duration::ZERO).is_err());
}

#[test]
fn without_a_protocol_in_common_there_is_no_connection() {
    let fabric = Fabric::new();
    let now = clock(0.0);
    let trust = Trust::Authority(fabric.authority.certificate().clone());
    let client = tls::client_config(&trust, None, &[b"netloom/9"], &now).unwrap();
    let (error, told) = server_error(fabric.connect(client, fabric.server(&now)));
    for error in [error, told] {
        assert!(tls::explain(&error).unwrap().contains("no protocol in common"), "{error}");
    }
}

#[test]
fn a_session_is_never_resumed() {
    let fabric = Fabric::new();
    let now = clock(0.0);
    // The client would.
    let mut client = fabric.client(&now);
    client.resumption = Resumption::in_memory_sessions(8);
    let (client, server) = (Arc::new(client), Arc::new(fabric.server(&now)));
    for _ in 0..3 {
        let (_, server) = handshake(fabric.authority.fabric(), &client, &server).unwrap();
        assert_ne!(server.handshake_kind(), Some(HandshakeKind::Resumed));
        assert!(at_server(&server).is_some());
    }
}
