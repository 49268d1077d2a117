//! The executable as its users run it: labs that come up, change, suffer faults, and leave nothing.
//!
//! Each test has a home of its own, in which nothing may be left. Where namespaces cannot be had,
//! tests are skipped loudly, or fail if `NETLOOM_REQUIRE_LAB` or `CI` is set.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

mod changes;
mod daemons;
mod forwarder;
mod inside;
mod names;
mod packets;
mod paths;
mod sites;
mod whole;

use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const NETLOOM: &str = env!("CARGO_BIN_EXE_netloom");

/// A user's home, removed in the end; a lab left in it fails the test.
struct Home(PathBuf);

static HOMES: AtomicU32 = AtomicU32::new(0);

impl Home {
    fn new() -> Self {
        let number = HOMES.fetch_add(1, Ordering::Relaxed);
        let name = format!("netloom-cli-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_netloom"));
        command.args(arguments).stdin(Stdio::null());
        command.env_remove("XDG_RUNTIME_DIR").env("TMPDIR", &self.0).env("PATH", "/usr/bin:/bin");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must succeed; gives what it printed.
    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}\n{text}\n{errors}");
        text
    }

    /// Runs a command that must fail; gives its errors.
    fn fail(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?} succeeded");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.succeed(&["lab", "status", "--json"])).unwrap()
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    }

    /// What is left of labs.
    fn leftovers(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.0).unwrap().flatten().map(|entry| entry.path());
        entries.filter(|path| path.is_dir()).collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // A test that failed half-way may leave a lab running.
        let _ = self.run(&["lab", "down"]);
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether labs work here at all; says loudly if not.
fn labs_work(home: &Home) -> bool {
    let file = home.write("tiny.yaml", TINY);
    let output = home.run(&["lab", "up", &file]);
    if output.status.success() {
        home.succeed(&["lab", "down"]);
        return true;
    }
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    let required =
        ["NETLOOM_REQUIRE_LAB", "CI"].iter().any(|name| std::env::var_os(name).is_some());
    assert!(!required, "labs are required here, and do not work: {why}");
    eprintln!("SKIPPED: labs do not work here: {why}");
    false
}

const TINY: &str = "
version: 1
fabric: tiny
regions: { here: {} }
networks: { net: { cidr: [10.1.0.0/16, \"fd00:1::/48\"] } }
subnets: { s: { network: net, cidr: [10.1.1.0/24, \"fd00:1:0:1::/64\"] } }
nodes: { one: { region: here }, two: { region: here } }
security_groups:
  open: { ingress: [{ from: all }], egress: [{ to: all }] }
workloads:
  a: { node: one, subnet: s, security_groups: [open], attach: { serve: { tcp: 80 } } }
  b: { node: two, subnet: s, security_groups: [open], attach: { serve: { tcp: 80 } } }
tests:
  - { from: a, to: b, port: 80/tcp, expect: allow }
";

fn quickstart() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../examples/quickstart.yaml");
    path.canonicalize().unwrap().to_string_lossy().into_owned()
}

/// Kills the `netloom COMMAND` that has this folder of the test's own among its arguments.
fn kill(command: &str, folder: &str) {
    let is_meant = |id: &str| {
        let words = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = words.split(|byte| *byte == 0).collect();
        words.get(1) == Some(&command.as_bytes()) && words.contains(&folder.as_bytes())
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let found: Vec<String> = names.filter(|name| is_meant(name)).collect();
    assert_eq!(found.len(), 1, "{command} of {folder}");
    let line = format!("kill -KILL {}", found[0]);
    assert!(Command::new("/bin/sh").args(["-c", &line]).status().unwrap().success());
}

/// The body of an answer over HTTP; nothing if nobody answers, or not well.
fn get(authority: &str, path: &str, token: Option<&str>) -> Option<String> {
    let mut stream = std::net::TcpStream::connect(authority).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let access = token.map(|token| format!("authorization: Bearer {token}\r\n"));
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n{}\r\n",
        access.unwrap_or_default()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

/// Waits until `true`, for as long as something that works could ever take.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
