//! A short run with wireguard-go, where it is installed: handshake, transfer, preshared keys, roaming.

use std::io::Write as _;
use std::process::Command;

/// The exit code by which the program says that it cannot run here.
const EXIT_SKIPPED: i32 = 77;
/// Words from the names of the cases that wait for no timer, or for one only.
const CASES: [&str; 5] =
    ["handshake", "transfer of IPv6 over IPv4", "psk: the same", "psk: different", "rebound"];

#[test]
fn wireguard_go_and_our_engine_understand_each_other() {
    let output = Command::new(env!("CARGO_BIN_EXE_netloom-wireguard-interop"))
        .args(["--peers", "wireguard-go", "--cases"])
        .arg(CASES.join(","))
        .output()
        .expect("the program runs");
    let printed = String::from_utf8_lossy(&output.stdout);
    if output.status.code() == Some(EXIT_SKIPPED) {
        // Past the harness, which shows what a test prints only when it fails.
        let _ = std::io::stderr().write_all(printed.as_bytes());
        assert!(!is_required(), "the lab is required here, and there is none: {printed}");
        return;
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{errors}");
    assert!(printed.contains("\nfailed: 0\n"), "{printed}");
    for case in CASES {
        assert!(printed.contains(case), "{case} was not tried: {printed}");
    }
}

/// Whether a skip is a failure.
fn is_required() -> bool {
    let set = |name| std::env::var(name).is_ok_and(|value| matches!(value.as_str(), "1" | "true"));
    set("NETLOOM_REQUIRE_LAB") || set("CI")
}
