//! On a real etcd, where it is installed.

use netloom_store::{Backend, EtcdBackend};
use netloom_store_conformance::cluster::{Cluster, Options, installed};
use netloom_store_conformance::place::Place;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

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
