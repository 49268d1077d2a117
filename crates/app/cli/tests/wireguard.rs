//! `netloom wireguard`, driven by the ordinary `wg`: configured, refused as a whole, its key taken away and given back.
//!
//! Where `wg`, namespaces or `/dev/net/tun` are missing, the test is skipped loudly; a missing `wg`
//! fails it if `NETLOOM_REQUIRE_LAB` or `CI` is set.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs::OpenOptions;
use std::path::Path;
use std::process::Command;

/// Run in namespaces of its own, as their root.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wireguard.sh");

fn has(program: &str) -> bool {
    let folders = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];
    folders.iter().any(|folder| Path::new(folder).join(program).is_file())
}

#[test]
fn wg_configures_an_interface_and_takes_its_key_away() {
    let required =
        ["NETLOOM_REQUIRE_LAB", "CI"].iter().any(|name| std::env::var_os(name).is_some());
    if let Some(missing) = ["wg", "ip", "nsenter", "unshare"].iter().find(|name| !has(name)) {
        assert!(!required, "{missing} is not installed");
        println!("SKIPPED: {missing} is not installed");
        return;
    }
    if let Err(error) = OpenOptions::new().read(true).write(true).open("/dev/net/tun") {
        println!("SKIPPED: /dev/net/tun: {error}");
        return;
    }
    let namespaces = ["--user", "--map-root-user", "--net", "--mount", "--pid", "--fork"];
    let output = Command::new("unshare")
        .args(namespaces)
        .args(["--kill-child", "--mount-proc", "sh", "-x", SCRIPT, env!("CARGO_BIN_EXE_netloom")])
        .output()
        .expect("unshare runs");
    let (said, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
}
