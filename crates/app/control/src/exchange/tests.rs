//! What one member hears, another knows; and no longer when they lose each other.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::keys::{ControlKeys, found};
use crate::store_place;
use serde_json::json;
use tokio::io::duplex;

/// An office of a new fabric, and what it publishes.
fn office(folder: &std::path::Path) -> (Arc<Office>, watch::Receiver<u64>) {
    found(folder, "shop").unwrap();
    let keys = ControlKeys::read(folder).unwrap();
    let store = store_place::open(folder, keys.authority.fabric()).unwrap();
    let (sender, published) = watch::channel(0);
    let notify = Box::new(move |version| sender.send_modify(|seen| *seen = version));
    let signing = keys.signing.clone();
    let office = Office::open(store, Box::new(move |bytes| signing.sign(bytes)), notify).unwrap();
    (Arc::new(office), published)
}

/// Runs a test with two members that hold nothing in common but what they tell each other.
fn with_members<F: Future<Output = ()>>(
    name: &str,
    test: impl FnOnce([(Arc<Office>, watch::Receiver<u64>); 2]) -> F,
) {
    let folder = std::env::temp_dir().join(format!("netloom-{name}-{}", std::process::id()));
    let offices = [office(&folder.join("a")), office(&folder.join("b"))];
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(test(offices));
    std::fs::remove_dir_all(folder).unwrap();
}

/// Takes the next frame in, as a listener does.
async fn hear(stream: &mut (impl AsyncRead + Unpin), office: &Office) -> Option<String> {
    let body = read_frame(stream).await.unwrap()?;
    let (node, observed) = from_bytes::<Said>(&body).unwrap().into_observed();
    office.hear("a", node.clone(), observed);
    Some(node)
}

#[test]
fn what_a_node_says_to_one_member_the_other_knows() {
    with_members("exchange", |[(a, published), (b, _)]| async move {
        a.observe("pi", |node| {
            node.connected = true;
            node.last_seen_ms = 7;
            node.software = "netloom 1".to_owned();
            node.status = Some(json!({ "error": "no room" }));
        });
        let (mut near, far) = duplex(1 << 16);
        let telling = tokio::spawn(tell(far, Arc::clone(&a), published));
        assert_eq!(hear(&mut near, &b).await.as_deref(), Some("pi"));
        let known = b.observed()["pi"].clone();
        assert!(known.connected && known.software == "netloom 1");
        assert_eq!(known.status, Some(json!({ "error": "no room" })));
        // Only what changes is told again.
        a.observe("beta", |node| node.connected = true);
        assert_eq!(hear(&mut near, &b).await.as_deref(), Some("beta"));
        // Silence is told of, too.
        assert_eq!(hear(&mut near, &b).await, None);
        b.lose("a");
        assert!(!b.observed()["pi"].connected, "nobody says any more that it is there");
        assert_eq!(b.observed()["pi"].last_seen_ms, 7);
        telling.abort();
    });
}

#[test]
fn a_node_that_changes_over_is_where_it_is_now() {
    with_members("change-over", |[(a, _), _]| async move {
        let at =
            |connected, last_seen_ms| Observed { connected, last_seen_ms, ..Observed::default() };
        a.hear("b", "pi".to_owned(), at(true, 5));
        a.observe("pi", |node| *node = at(true, 9));
        assert_eq!(a.observed()["pi"].last_seen_ms, 9);
        a.observe("pi", |node| node.connected = false);
        assert_eq!(a.observed()["pi"].last_seen_ms, 5, "the other still hears it");
        a.hear("b", "pi".to_owned(), at(false, 6));
        assert_eq!(a.observed()["pi"].last_seen_ms, 9, "nobody does: what was heard last counts");
    });
}

#[test]
fn frames_that_are_too_long_end_the_exchange() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (mut near, mut far) = duplex(64);
        far.write_all(&u32::MAX.to_be_bytes()).await.unwrap();
        assert!(read_frame(&mut near).await.is_err());
        let (mut near, mut far) = duplex(64);
        far.write_all(&[0, 0, 0, 3, 0xff, 0xff, 0xff]).await.unwrap();
        let body = read_frame(&mut near).await.unwrap().unwrap();
        assert!(from_bytes::<Said>(&body).is_err());
    });
}
