//! Sources of pure storeys do no I/O, read no clocks, start no threads and draw no randomness.

use crate::manifest::Storey;
use crate::rust::{Source, UsedPath, follows, used_paths};
use crate::{Finding, Repository};

/// Beginnings of paths that pure code may not name.
const FORBIDDEN_MODULES: [&[&str]; 7] = [
    &["std", "fs"],
    &["std", "env"],
    &["std", "thread"],
    &["std", "process"],
    &["std", "os"],
    &["rand", "rng"],
    &["rand", "random"],
];
/// Names that pure code may not use, whatever the path to them.
const FORBIDDEN_NAMES: [&str; 14] = [
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "UnixStream",
    "UnixListener",
    "UnixDatagram",
    "SystemTime",
    "OsRng",
    "SysRng",
    "ThreadRng",
    "thread_rng",
    "SystemRandom",
    "getrandom",
    "RandomState",
];

/// Checks the sources of base, model, proto and engine, their tests left out.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in repository.sources() {
        if !source.is_test && Storey::of_path(source.path).is_some_and(Storey::is_pure) {
            check_source(&source, &mut findings);
        }
    }
    findings
}

fn check_source(source: &Source<'_>, findings: &mut Vec<Finding>) {
    let tokens = source.shipped_tokens();
    let mut report = |line: usize, what: &str| {
        let why = format!("pure code uses `{what}`");
        let remedy =
            "take time, seeds and data as arguments; what touches the system goes to sys or above";
        findings.push(Finding::new(source.path, line, why, remedy));
    };
    for path in used_paths(&tokens) {
        if is_forbidden(&path) {
            report(path.line, &path.parts.join("::"));
        }
    }
    for at in 0..tokens.len() {
        for pair in [["static", "mut"], ["async", "fn"], ["async", "move"], ["async", "{"]] {
            if follows(&tokens, at, &pair) {
                report(tokens[at].line, &pair.join(" "));
            }
        }
    }
}

fn is_forbidden(path: &UsedPath<'_>) -> bool {
    let parts = path.parts.as_slice();
    FORBIDDEN_MODULES.iter().any(|module| parts.starts_with(module))
        || parts.iter().any(|part| FORBIDDEN_NAMES.contains(part))
        || parts.windows(2).any(|pair| pair == ["Instant", "now"])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Repository::of(&[(path, text)])).iter().map(|found| found.line).collect()
    }

    #[test]
    fn what_touches_the_system_is_found() {
        for code in [
            "use std::net::UdpSocket;",
            "use std::{collections::BTreeMap, fs};",
            "let a = std::env::var(b);",
            "std::thread::sleep(x);",
            "let now = std::time::Instant::now();",
            "let now = Instant::now();",
            "fn f(t: SystemTime) {}",
            "static mut A: u8 = 0;",
            "pub async fn f() {}",
            "let f = async move {};",
            "rand_core::OsRng",
        ] {
            assert_eq!(lines("crates/base/a/src/lib.rs", &format!("\n{code}")), [2], "{code}");
            assert!(lines("crates/sys/a/src/lib.rs", code).is_empty(), "{code}");
        }
    }

    #[test]
    fn tests_comments_and_harmless_paths_are_left_alone() {
        for code in [
            "use std::net::{IpAddr, SocketAddr};",
            "// std::fs",
            "let a = \"std::env\";",
            "#[cfg(test)]\nmod tests {\n use std::fs;\n}",
            "fn f(now: Instant) {}",
        ] {
            assert!(lines("crates/proto/a/src/lib.rs", code).is_empty(), "{code}");
        }
        assert!(lines("crates/proto/a/tests/it.rs", "use std::fs;").is_empty());
    }
}
