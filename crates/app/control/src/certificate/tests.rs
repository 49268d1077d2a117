//! Control is found by nodes however long it runs.

use super::*;
use crate::keys::found;
use netloom_base::WallTime;
use netloom_pki::tls::{Trust, client_config, control_server_name, peer};
use netloom_pki::{Certificate, Validity};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_rustls::TlsConnector;

const DAY_S: u64 = 24 * 3600;

/// What a node is shown that calls at the clock's time; nothing if it does not take it.
async fn shown(acceptor: &Acceptor, keys: &ControlKeys, clock: &Clock) -> Option<Certificate> {
    let (near, far) = tokio::io::duplex(1 << 16);
    let trust = Trust::Authority(keys.authority.certificate().clone());
    let config = client_config(&trust, None, &[b"test"], clock).unwrap();
    let name = control_server_name(keys.authority.fabric());
    let calling = TlsConnector::from(Arc::new(config)).connect(name, near);
    let (called, answered) = tokio::join!(calling, acceptor.current().accept(far));
    let called = called.ok()?;
    answered.unwrap();
    let shown = peer(called.get_ref().1.peer_certificates(), clock).unwrap().unwrap();
    Some(shown.certificate)
}

#[test]
fn it_is_issued_anew_when_two_thirds_of_its_life_are_over() {
    let folder = std::env::temp_dir().join(format!("netloom-certificate-{}", std::process::id()));
    found(&folder, "shop").unwrap();
    let keys = Arc::new(ControlKeys::read(&folder).unwrap());
    std::fs::remove_dir_all(&folder).unwrap();
    let start_s = crate::office::now_ms() / 1_000;
    let day = Arc::new(AtomicU64::new(0));
    let read = Arc::clone(&day);
    let clock =
        Clock::reading(move || WallTime::from_secs(start_s + read.load(Ordering::Relaxed) * DAY_S));
    let own =
        OwnCertificate::issue(Arc::clone(&keys), "control".to_owned(), clock.clone()).unwrap();
    let acceptor = Acceptor::new(own, &[b"test"], Duration::ZERO).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let first = shown(&acceptor, &keys, &clock).await.unwrap();
        let mut ends = vec![first.validity().unwrap().end];
        for at in [1, 242, 244, 300, 486, 488, 700, 1_200] {
            day.store(at, Ordering::Relaxed);
            let certificate = shown(&acceptor, &keys, &clock).await;
            let Validity { end, .. } = certificate.unwrap().validity().unwrap();
            let left_s = (end.0 - clock.now().0) / 1_000_000_000;
            assert!(left_s >= 365 / 3 * DAY_S, "day {at}: a third of its life at least is left");
            if ends.last() != Some(&end) {
                ends.push(end);
            }
        }
        assert_eq!(ends.len(), 4, "and not more often than that: {ends:?}");
    });
}
