//! On a real etcd, where it is installed.

use netloom_store::{Backend, EtcdBackend, EtcdSettings, Store, StoreError};
use netloom_store_conformance::cluster::{Cluster, Options, TlsFiles, installed};
use netloom_store_conformance::place::Place;
use netloom_store_conformance::suite::put;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A cluster of three; none where etcd is not installed, which is said.
pub(crate) fn cluster(name: &str, members: usize, options: Options) -> Option<Cluster> {
    if installed().is_none() {
        // Past the harness, which shows what a test prints only when it fails.
        let words = format!("SKIPPED {name}: etcd is not installed; Debian package etcd-server\n");
        let _ = std::io::stderr().write_all(words.as_bytes());
        assert!(!is_required(), "{words}");
        return None;
    }
    Some(Cluster::start(&folder(name), members, options).expect("etcd comes up"))
}

pub(crate) fn folder(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("netloom-store-{name}-{}", std::process::id()))
}

/// Whether a skip is a failure.
fn is_required() -> bool {
    let set = |name| std::env::var(name).is_ok_and(|value| matches!(value.as_str(), "1" | "true"));
    set("NETLOOM_REQUIRE_LAB") || set("CI")
}

#[test]
fn a_real_etcd_of_three_members_conforms() {
    let Some(cluster) = cluster("etcd-conforms", 3, Options::default()) else { return };
    let mut fabric = 0;
    crate::conformance::run(|| {
        // Each case has a store of its own, all in one etcd.
        fabric += 1;
        let settings = cluster.settings(fabric)?;
        let open = move || Ok(Arc::new(EtcdBackend::new(settings.clone())?) as Arc<dyn Backend>);
        let mut place = Place::new(open);
        place.rounds = 10;
        Ok(place)
    });
}

/// An authority, and certificates that it signed, in files.
fn certificates(folder: &Path) -> TlsFiles {
    std::fs::create_dir_all(folder).unwrap();
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let signed = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let issue = |name: &str, subject: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![subject.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let certificate = write(&format!("{name}.pem"), certificate.pem());
        (certificate, write(&format!("{name}.key"), key.serialize_pem()))
    };
    TlsFiles {
        authority: write("authority.pem", signed.pem()),
        server: issue("server", "127.0.0.1"),
        client: issue("client", "netloom"),
    }
}

#[test]
fn etcd_is_reached_with_certificates_and_only_so() {
    let folder = folder("etcd-certificates");
    let files = certificates(&folder.join("ours"));
    let strangers = certificates(&folder.join("strangers"));
    let options = Options { tls: Some(files), ..Options::default() };
    let Some(cluster) = cluster("etcd-tls", 1, options) else {
        return std::fs::remove_dir_all(&folder).unwrap();
    };
    let settings = cluster.settings(1).unwrap();
    let settings = EtcdSettings { patience: Duration::from_millis(300), ..settings };
    let store = Store::open(EtcdBackend::new(settings.clone()).unwrap()).unwrap();
    let next = store.commit(&store.snapshot().unwrap(), vec![put("a/x", "y")]).unwrap();
    assert_eq!(next.get("a/x").unwrap(), Some(b"y".to_vec()));
    let tls = settings.tls.clone().unwrap();
    let read = |path: &Path| std::fs::read(path).unwrap();
    // A client without a certificate, one with a stranger's, and one that trusts only strangers.
    let mut without = settings.clone();
    without.tls.as_mut().unwrap().client = None;
    let mut strange = settings.clone();
    let (certificate, key) = &strangers.client;
    strange.tls.as_mut().unwrap().client = Some((read(certificate), read(key)));
    let mut distrustful = settings.clone();
    distrustful.tls.as_mut().unwrap().authorities = read(&strangers.authority);
    for wrong in [without, strange, distrustful] {
        let error = EtcdBackend::new(wrong).unwrap().read_head().unwrap_err();
        let is_right = matches!(error, StoreError::Unavailable { .. } | StoreError::Refused { .. });
        assert!(is_right, "{error:?}");
    }
    // What contradicts itself is said before anything is sent.
    let plain =
        EtcdSettings { endpoints: vec!["http://127.0.0.1:1".to_owned()], ..settings.clone() };
    let untrusting = EtcdSettings { tls: None, ..settings.clone() };
    let nowhere = EtcdSettings { endpoints: Vec::new(), ..settings.clone() };
    let mut unreadable = settings;
    unreadable.tls = Some(netloom_store::EtcdTls { authorities: b"no PEM".to_vec(), ..tls });
    for wrong in [plain, untrusting, nowhere, unreadable] {
        let error = EtcdBackend::new(wrong).unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn where_nobody_answers_that_is_said() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let endpoints = vec![format!("http://127.0.0.1:{port}")];
    let settings = EtcdSettings { patience: Duration::ZERO, ..EtcdSettings::new(endpoints, 1) };
    let error = Store::open(EtcdBackend::new(settings).unwrap()).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&format!("etcd at http://127.0.0.1:{port}")), "{text}");
    assert!(text.contains("does not answer"), "{text}");
}

#[test]
fn an_etcd_without_room_is_said_to_be_full_and_loses_nothing() {
    // The least that etcd takes for a quota.
    let arguments = vec!["--quota-backend-bytes=4194304".to_owned()];
    let options = Options { arguments, ..Options::default() };
    let Some(cluster) = cluster("etcd-full", 1, options) else { return };
    let open = || Store::open(EtcdBackend::new(cluster.settings(1).unwrap()).unwrap()).unwrap();
    let store = open();
    let mut last = store.snapshot().unwrap();
    let error = loop {
        let value: Vec<u8> =
            (0..200_000).map(|at| (at * (last.version() + 1) % 251) as u8).collect();
        match store.commit(&last, vec![put("a/x", value)]) {
            Ok(next) => last = next,
            Err(error) => break error,
        }
        assert!(last.version() < 100, "4 MiB hold no 100 values of 200,000 bytes");
    };
    assert!(last.version() > 3);
    let text = error.to_string();
    assert!(text.contains("is full: etcdserver: mvcc: database space exceeded"), "{text}");
    // Reading goes on.
    let found = open().snapshot().unwrap();
    assert_eq!(found.root(), last.root());
    found.verify().unwrap();
}
