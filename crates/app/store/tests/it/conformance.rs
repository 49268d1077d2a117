//! The conformance suite on memory, on an embedded file, and on a real etcd.

use netloom_store::{Backend, MemoryBackend, RedbBackend};
use netloom_store_conformance::place::Place;
use netloom_store_conformance::suite;
use std::sync::Arc;

pub(crate) fn run(place: impl FnMut() -> anyhow::Result<Place>) {
    let (passed, failed) = suite::run(place, |_| {}).expect("there is a place");
    assert!(
        failed.is_empty(),
        "{} of {} fail:\n{}",
        failed.len(),
        suite::cases().len(),
        failed.join("\n")
    );
    assert_eq!(passed, suite::cases().len() as u64);
}

#[test]
fn memory_conforms() {
    run(|| {
        let backend = MemoryBackend::new();
        Ok(Place::new(move || Ok(Arc::new(backend.clone()) as Arc<dyn Backend>)))
    });
}

#[test]
fn an_embedded_file_conforms() {
    let folder = std::env::temp_dir().join(format!("netloom-store-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let mut number = 0;
    run(|| {
        number += 1;
        let backend: Arc<dyn Backend> =
            Arc::new(RedbBackend::open(folder.join(format!("{number}.redb")))?);
        Ok(Place::new(move || Ok(Arc::clone(&backend))))
    });
    std::fs::remove_dir_all(&folder).expect("the folder can be removed");
}
