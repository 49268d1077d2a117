//! Everything of a host that a network program could change, as text.

use crate::ground::{Host, ip};
use std::path::Path;
use std::time::Duration;

/// Links, addresses, routes, rules, neighbours, tables, sysctls and files of a host.
pub(crate) fn of(host: &Host) -> anyhow::Result<String> {
    settled(host)?;
    let namespace = &host.namespace;
    let mut text = String::new();
    let sections: [&[&str]; 7] = [
        &["link", "show"],
        &["addr", "show"],
        &["-4", "route", "show", "table", "all"],
        &["-6", "route", "show", "table", "all"],
        &["-4", "rule", "show"],
        &["-6", "rule", "show"],
        &["neigh", "show", "nud", "permanent"],
    ];
    for section in sections {
        text.push_str(&format!("== ip {}\n", section.join(" ")));
        let shown = ip(&[&["-n", namespace.as_str()][..], section].concat())?;
        text.extend(shown.lines().filter(|line| !is_passing(line)).map(|line| format!("{line}\n")));
    }
    let tables = host.command("nft").args(["list", "ruleset"]).output()?;
    text.push_str("== nft\n");
    let tables = String::from_utf8_lossy(&tables.stdout).into_owned();
    text.extend(tables.lines().map(|line| format!("{}\n", without_counts(line))));
    text.push_str("== sysctl\n");
    let root = "cd /proc/sys/net && find . -type f -readable | sort | while read f; do echo \"$f: $(cat $f 2>/dev/null | tr '\\n' ' ')\"; done";
    let sysctls = host.command("sh").args(["-c", root]).output()?;
    let sysctls = String::from_utf8_lossy(&sysctls.stdout).into_owned();
    text.extend(sysctls.lines().filter(|line| !is_count(line)).map(|line| format!("{line}\n")));
    text.push_str("== files\n");
    files(&host.folder, &mut text);
    Ok(text)
}

/// Waits until the kernel has found its own addresses to be nobody else's, and has routes to them.
fn settled(host: &Host) -> anyhow::Result<()> {
    for _ in 0..50 {
        if !ip(&["-n", &host.namespace, "addr", "show"])?.contains("tentative") {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    // The dumps will tell what is not settled.
    Ok(())
}

/// What changes by itself: lifetimes, and what the kernel has learnt.
fn is_passing(line: &str) -> bool {
    line.contains("valid_lft")
}

/// A rule without what it has counted.
fn without_counts(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    for at in 1..words.len() {
        if matches!(words[at - 1], "packets" | "bytes") {
            words[at] = "N";
        }
    }
    words.join(" ")
}

/// Addresses and routes inside a namespace, without the numbers of links.
pub(crate) fn inside(path: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    for section in [&["-oneline", "addr"][..], &["-4", "route"], &["-6", "route"]] {
        let output = std::process::Command::new("nsenter")
            .arg(format!("--net={path}"))
            .arg("ip")
            .args(section)
            .output()?;
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let line = line.split_once(": ").map_or(line, |(_, rest)| rest);
            text.push_str(line.split("valid_lft").next().unwrap_or_default());
            text.push('\n');
        }
    }
    Ok(text)
}

/// Counts and hashes of the kernel's own, which say nothing of settings.
fn is_count(line: &str) -> bool {
    ["_count:", "nf_conntrack_count", "gc_stale_time_ms", "nf_conntrack_buckets"]
        .iter()
        .any(|word| line.contains(word))
}

fn files(folder: &Path, text: &mut String) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        text.push_str(&format!("{}\n", entry.path().display()));
        if entry.path().is_dir() {
            files(&entry.path(), text);
        }
    }
}

/// The lines in which two dumps differ.
pub(crate) fn differences(before: &str, after: &str) -> Vec<String> {
    let missing = |from: &str, of: &str, sign: &str| -> Vec<String> {
        let known: std::collections::BTreeSet<&str> = of.lines().collect();
        let lost = from.lines().filter(|line| !known.contains(line));
        lost.map(|line| format!("{sign} {line}")).collect()
    };
    [missing(before, after, "-"), missing(after, before, "+")].concat()
}

#[cfg(test)]
mod tests {
    use super::differences;

    #[test]
    fn counts_are_no_difference() {
        let line = super::without_counts("\t\toif \"a\" counter packets 7 bytes 420 jump DOCKER");
        assert_eq!(line, "\t\toif \"a\" counter packets N bytes N jump DOCKER");
    }

    #[test]
    fn lines_that_came_and_went_are_named() {
        assert_eq!(differences("a\nb\n", "b\nc\n"), ["- a", "+ c"]);
        assert!(differences("a\n", "a\n").is_empty());
    }
}
