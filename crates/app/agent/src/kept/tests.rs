//! What a node kept is read back, and what is none of control's is told and not used.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::desired::Source;
use crate::joined::{JOINED, JoinedFacts};
use netloom_pki::SigningSecret;

/// A node's state folder, and control's key.
fn joined(name: &str) -> (PathBuf, SigningSecret) {
    let folder = std::env::temp_dir().join(format!("netloom-kept-{name}-{}", std::process::id()));
    let secret = SigningSecret::generate();
    let digits = secret.public().0.iter().map(|byte| format!("{byte:02x}")).collect();
    let facts = JoinedFacts {
        fabric: "shop".to_owned(),
        fabric_id: format!("{:032x}", 7),
        node: "pi".to_owned(),
        control: Vec::new(),
        signing_key: digits,
        listen_port: 51_820,
    };
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(JOINED), serde_json::to_vec(&facts).unwrap()).unwrap();
    (folder, secret)
}

fn sealed(secret: &SigningSecret, node: &str, held: &ResourceSet) -> Seal {
    let statement = statement(&7_u128.to_be_bytes(), node, 3, &held.digest(), 9_000);
    Seal { time_ms: 9_000, signature: secret.sign(&statement) }
}

fn resources(payload: &[u8]) -> ResourceSet {
    [Arc::new(Resource::new(1, "shop", payload).unwrap())].into_iter().collect()
}

#[test]
fn what_control_has_signed_is_read_back() {
    let (folder, secret) = joined("back");
    let held = resources(b"one");
    Kept::write(&folder, 3, &held, &sealed(&secret, "pi", &held)).unwrap();
    let source = Source::kept(&folder).unwrap();
    assert_eq!((source.held.digest(), source.revision, source.time_ms), (held.digest(), 3, 9_000));
    assert_eq!(source.unusable, None);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_node_that_has_kept_nothing_yet_is_to_be_nothing() {
    let (folder, _) = joined("nothing");
    let source = Source::kept(&folder).unwrap();
    assert_eq!((source.held.digest(), source.unusable), (ResourceSet::new().digest(), None));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_damaged_or_of_somebody_else_is_told_and_not_used() {
    let (folder, secret) = joined("damaged");
    let (held, other) = (resources(b"one"), resources(b"two"));
    let unusable = |what: &str| {
        let source = Source::kept(&folder).unwrap();
        assert_eq!((source.held.digest(), source.revision), (ResourceSet::new().digest(), 0));
        let why = source.unusable.unwrap();
        assert!(why.contains(what) && why.contains("see that control can be reached"), "{why}");
    };
    // Signed for other content, for another node, by another key; half a file; no file at all.
    Kept::write(&folder, 3, &other, &sealed(&secret, "pi", &held)).unwrap();
    unusable("not what control has signed");
    Kept::write(&folder, 3, &held, &sealed(&secret, "phi", &held)).unwrap();
    unusable("not what control has signed");
    Kept::write(&folder, 3, &held, &sealed(&SigningSecret::generate(), "pi", &held)).unwrap();
    unusable("not what control has signed");
    Kept::write(&folder, 3, &held, &sealed(&secret, "pi", &held)).unwrap();
    let whole = std::fs::read(folder.join(FILE)).unwrap();
    for length in 0..whole.len() {
        std::fs::write(folder.join(FILE), &whole[..length]).unwrap();
        unusable("is damaged in");
    }
    // Whichever byte is another, payloads of resources included: what is signed is their digest.
    for position in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[position] ^= 0x10;
        std::fs::write(folder.join(FILE), bytes).unwrap();
        unusable(FILE);
    }
    std::fs::remove_file(folder.join(FILE)).unwrap();
    std::fs::create_dir(folder.join(FILE)).unwrap();
    unusable("cannot be read from");
    std::fs::remove_dir_all(folder).unwrap();
}
