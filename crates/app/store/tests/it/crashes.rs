//! Power cuts and killed processes, on the embedded file.

use netloom_store_conformance::{kill, torn};
use std::path::Path;
use std::process::Command;

#[test]
fn after_a_power_cut_the_last_commit_or_the_one_under_way_is_found() {
    let mut found = torn::Found::default();
    for seed in 0..60 {
        found.add(torn::trial(seed).unwrap_or_else(|error| panic!("{error:#}")));
    }
    // Otherwise it was not at commits that the power went.
    assert!(found.undone > 0 && found.done > 0 && found.in_recovery > 0, "{found:?}");
    assert!(found.acknowledged > found.cuts, "{found:?}");
}

#[test]
fn after_a_kill_the_last_commit_or_the_one_under_way_is_found() {
    // This very test is the child too.
    if let Some(file) = std::env::var_os(kill::CHILD_FILE) {
        return kill::child(Path::new(&file)).expect("it can only be killed");
    }
    let folder = crate::etcd::folder("killed");
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let program = std::env::current_exe().expect("this program has a path");
    let mut child = || {
        let mut command = Command::new(&program);
        let name = "crashes::after_a_kill_the_last_commit_or_the_one_under_way_is_found";
        command.args(["--exact", name, "--nocapture", "--test-threads=1"]);
        command
    };
    let found = kill::run(&mut child, &folder, 25, 1).unwrap_or_else(|error| panic!("{error:#}"));
    assert!(found.acknowledged > found.kills, "{found:?}");
    std::fs::remove_dir_all(&folder).expect("the folder can be removed");
}
