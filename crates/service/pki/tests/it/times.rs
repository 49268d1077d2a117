//! Certificates that have expired, and clocks that stand wrong.

use crate::fabric::{Fabric, HOUR, MADE, Outcome, clock, made};
use netloom_base::WallTime;
use netloom_pki::tls::{self, peer};
use netloom_pki::{Clock, Renewal, renewal};
use rustls::{CertificateError, Error};

fn is_expired(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::ExpiredContext { .. }))
}

fn errors(outcome: Outcome) -> (Option<Error>, Option<Error>) {
    *outcome.map(|_| ()).unwrap_err()
}

#[test]
fn a_node_whose_certificate_has_expired_is_refused_and_told() {
    let fabric = Fabric::new();
    for (hours, is_taken) in [(23.9, true), (24.1, false), (24.0 * 365.0, false)] {
        // Control has its own certificate renewed, so only the node's is old.
        let mut renewed = Fabric::new();
        renewed.authority = netloom_pki::Authority::restore(
            fabric.authority.stored_key().clone(),
            fabric.authority.certificate().clone(),
        )
        .unwrap();
        let now = clock(hours);
        let key = netloom_pki::TlsKey::generate();
        let certificate =
            renewed.authority.issue_control("c1", &key, &[], now.now(), HOUR * 24).unwrap();
        renewed.control = tls::TlsIdentity { certificate, key: key.stored().clone() };
        let outcome = fabric.connect(fabric.client(&now), renewed.server(&now));
        if is_taken {
            assert!(outcome.is_ok(), "{hours}");
            continue;
        }
        let (told, error) = errors(outcome);
        assert!(is_expired(&error.unwrap()), "{hours}");
        assert!(tls::explain(&told.unwrap()).unwrap().contains("has expired"));

        // With a grace, it is taken, and told apart.
        for (grace, is_taken) in [(HOUR * 24 * 30, hours < 24.0 * 31.0), (HOUR * 24 * 400, true)] {
            let server = renewed.server_with_grace(&now, grace);
            let outcome = fabric.connect(fabric.client(&now), server);
            assert_eq!(outcome.is_ok(), is_taken, "{hours} with {grace:?}");
            if let Ok((_, server)) = outcome {
                let node = peer(server.peer_certificates(), &now).unwrap().unwrap();
                assert!(node.is_expired);
            }
        }
    }
}

#[test]
fn a_grace_takes_no_certificate_of_others() {
    let (mine, other) = (Fabric::new(), Fabric::new());
    let late = clock(30.0);
    let trust = tls::Trust::Authority(mine.authority.certificate().clone());
    // Both clients look at control's certificate while it is valid still.
    let client = tls::client_config(&trust, Some(&other.node), &[], &clock(0.0)).unwrap();
    let (_, error) = errors(mine.connect(client, mine.server_with_grace(&late, HOUR * 1000)));
    assert!(!is_expired(error.as_ref().unwrap()), "{error:?}");
}

#[test]
fn control_whose_certificate_has_expired_is_refused() {
    let fabric = Fabric::new();
    for client in [fabric.client(&clock(25.0)), fabric.joiner(&clock(25.0))] {
        let (error, _) = errors(fabric.connect(client, fabric.server(&clock(0.0))));
        let error = error.unwrap();
        assert!(is_expired(&error), "{error}");
        assert!(tls::explain(&error).unwrap().contains("set the clock"), "{error}");
    }
}

#[test]
fn clocks_that_are_hours_apart_do_no_harm() {
    let fabric = Fabric::new();
    let long_ago = -(MADE as f64) / 3600.0;
    for (node, control) in [
        (-0.9, 0.0),
        (-5.0, 0.0),
        (5.0, 0.0),
        (23.0, 0.0),
        (0.0, -10.0),
        (0.0, 10.0),
        (-12.0, 12.0),
        (long_ago, 0.0),
        (0.0, long_ago),
    ] {
        let server = fabric.server(&clock(control));
        for client in [fabric.client(&clock(node)), fabric.joiner(&clock(node))] {
            let outcome = fabric.connect(client, server.clone());
            assert!(outcome.is_ok(), "node {node} h, control {control} h: {outcome:?}");
        }
    }
}

#[test]
fn the_floor_holds_where_the_clock_does_not() {
    let fabric = Fabric::new();
    let board = Clock::reading(|| WallTime(0));
    let server = fabric.server(&clock(0.0));
    assert!(fabric.connect(fabric.client(&board), server.clone()).is_ok());
    // Control has signed something two days later: this certificate of control's is an old one.
    board.raise_floor(WallTime::from_secs(MADE + 48 * 3600));
    for client in [fabric.client(&board), fabric.joiner(&board)] {
        let (error, _) = errors(fabric.connect(client, server.clone()));
        assert!(is_expired(&error.unwrap()));
    }
}

#[test]
fn a_certificate_is_renewed_long_before_it_ends() {
    let fabric = Fabric::new();
    let validity = fabric.node.certificate.validity().unwrap();
    let at = |hours: u64| WallTime::from_secs(MADE + hours * 3600);
    assert_eq!(renewal(&validity, made()), Renewal::Later(at(16)));
    assert_eq!(renewal(&validity, at(17)), Renewal::Due);
    assert_eq!(renewal(&validity, at(25)), Renewal::Expired);
}
