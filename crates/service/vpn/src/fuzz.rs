//! Entry points for fuzzing: plain functions over bytes, replayed by an ordinary test.

use crate::Interface;
use crate::uapi::{Change, Request, shown};
use netloom_wireguard::PublicKey;
use std::collections::{BTreeMap, BTreeSet};

/// What is told that cannot be set.
const ONLY_TOLD: [&str; 3] = ["last_handshake_time", "tx_bytes", "rx_bytes"];

/// Asks an interface what the text says, request after request, and looks whether it makes sense: what
/// is taken back leaves what was there, a prefix is one peer's, and what is shown can be set again.
///
/// Gives the number of changes that were made.
pub fn uapi(bytes: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(bytes) else { return 0 };
    let (mut interface, mut changes) = (Interface::on_port(1), 0);
    for request in text.split_inclusive("\n\n") {
        match Request::parse(request, &no_links) {
            Ok(Request::Get) => again(&interface),
            Ok(Request::Set(change)) => {
                make(&mut interface, *change, request);
                changes += 1;
            }
            Err(error) => assert_ne!(error.errno(), 0, "an error has a number"),
        }
    }
    changes
}

fn no_links(_name: &str) -> Option<u32> {
    None
}

fn tell(interface: &Interface) -> String {
    shown(interface, &BTreeMap::new())
}

fn make(interface: &mut Interface, change: Change, request: &str) {
    let told = tell(interface);
    let before = interface.apply(change);
    interface.take_back(before);
    assert_eq!(tell(interface), told, "what was taken back is still there");
    // The same once more, since a change is used up.
    if let Ok(Request::Set(change)) = Request::parse(request, &no_links) {
        interface.apply(*change);
    }
    let mut owned = BTreeSet::new();
    let prefixes = interface.peers().values().flat_map(|peer| &peer.allowed);
    assert!(prefixes.into_iter().all(|prefix| owned.insert(prefix)), "a prefix of two peers");
    let own = interface.private_key.as_ref().map(|key| key.public());
    let is_peer = |key: PublicKey| interface.peers().contains_key(&key);
    assert!(!own.is_some_and(is_peer), "an interface is a peer of itself");
}

/// Sets another interface to what this one shows.
fn again(interface: &Interface) {
    let told = tell(interface);
    let can_be_set = |line: &&str| {
        !line.starts_with("errno") && !ONLY_TOLD.iter().any(|start| line.starts_with(start))
    };
    let lines: Vec<&str> = told.lines().filter(can_be_set).collect();
    let mut other = Interface::on_port(1);
    match Request::parse(&format!("set=1\n{}", lines.join("\n")), &no_links) {
        Ok(Request::Set(change)) => drop(other.apply(*change)),
        Ok(Request::Get) | Err(_) => panic!("what is shown cannot be set: {told}"),
    }
    assert_eq!(tell(&other), told, "what was shown and set is shown otherwise");
}
