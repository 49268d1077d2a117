//! Which revision a node holds follows from what it holds, not from when it was told.

use super::*;
use crate::http::tests::node::{NETWORK, answer, connect, declare};
use crate::http::tests::with_desk;
use netloom_control_protocol::Digest;

/// The revision that the node holds, and whether it holds all that it shall hold.
fn held(office: &Office) -> (Option<u64>, bool) {
    let node = &status(office).nodes["alpha"];
    (node.revision, node.current)
}

#[test]
fn a_node_holds_the_newest_revision_that_changes_nothing_more_for_it() {
    with_desk(|desk, _| async move {
        let office = &desk.office;
        declare(office, "");
        connect(&desk);
        assert_eq!(held(office), (None, false), "it has said nothing yet");
        answer(&desk, None);
        assert_eq!(held(office), (Some(1), true));
        declare(office, NETWORK);
        assert_eq!(held(office), (Some(1), false));
        answer(&desk, None);
        assert_eq!(held(office), (Some(2), true));
        let idle = format!("{NETWORK}security_groups: {{ idle: {{}} }}\n");
        declare(office, &idle);
        assert_eq!(held(office), (Some(3), true), "nothing of it concerns the node");
        declare(office, &idle.replace("80", "81"));
        assert_eq!(held(office), (Some(3), false));
        declare(office, &idle.replace("80", "82"));
        assert_eq!(held(office), (Some(3), false));
        answer(&desk, None);
        assert_eq!(held(office), (Some(5), true));
    });
}

#[test]
fn commits_without_a_revision_and_nodes_that_are_away_do_not_count_back() {
    with_desk(|desk, _| async move {
        let office = &desk.office;
        declare(office, NETWORK);
        connect(&desk);
        answer(&desk, None);
        let record = crate::record::NodeRecord {
            endpoint: Some("192.0.2.1:7".parse().unwrap()),
            public_keys: BTreeMap::from([("n".to_owned(), [7; 32])]),
            ..crate::record::NodeRecord::approved()
        };
        office.change_node("alpha", |node| node.clone_from(&record)).unwrap();
        assert_eq!(held(office), (Some(1), false), "its key is new, and the revision the same");
        office.observe("alpha", |node| node.connected = false);
        assert_eq!(held(office), (Some(1), false));
        declare(office, "");
        assert_eq!(held(office), (Some(1), false));
        // It comes back to a control that has started since: only the commit says how far it was.
        let version = office.world().version;
        office.observe("alpha", |node| node.held = Some(Digest([9; 32])));
        assert_eq!(held(office), (None, false));
        office.observe("alpha", |node| node.applied = version - 1);
        assert_eq!(held(office), (Some(1), false));
        office.observe("alpha", |node| node.applied = version + 1);
        assert_eq!(held(office), (None, false), "that commit is none of this store");
    });
}
