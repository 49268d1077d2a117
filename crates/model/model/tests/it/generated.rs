//! Broken files that are large or no text: made here, with what must be found in each.

use crate::expectation::{announced, compare};
use netloom_model::decode::FINDINGS_MAX;
use netloom_model::{Loaded, load};
use std::fmt::Write as _;

/// A file of about 10 MB.
const LARGE_BYTES: usize = 10 << 20;

const HEAD: &str = "version: 1\nfabric: shop\nregions: { home: { zones: [a] } }
networks: { app: { cidr: 10.0.0.0/8 } }\nsubnets: { web: { network: app, cidr: 10.0.0.0/8 } }
security_groups: { web: { egress: [{ to: all }] } }\nnodes: { alpha: { region: home } }\n";
/// The line after the head.
const NEXT: u32 = 8;

fn loaded(name: &str, bytes: &[u8]) -> Loaded {
    load(&[name.to_owned()], |_| Ok(bytes.to_vec()))
}

fn check(name: &str, bytes: &[u8], expected: &str) -> Loaded {
    let loaded = loaded(name, bytes);
    let wrong = compare(&format!("{name} (made)"), &announced(name, expected), &loaded);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    loaded
}

/// `line` with growing numbers for `#`, until the text is large.
fn large(text: String, line: &str) -> String {
    grown(text, line, LARGE_BYTES)
}

fn grown(mut text: String, line: &str, bytes: usize) -> String {
    let mut number = 0;
    while text.len() < bytes {
        number += 1;
        text.push_str(&line.replace('#', &number.to_string()));
    }
    text
}

const WORKLOAD: &str =
    "node: alpha, subnet: web, security_groups: [web], attach: { serve: { http: 80 } }";

#[test]
fn bytes_that_are_no_text_are_found_line_by_line() {
    let mut latin = HEAD.replace("shop", "b\u{1}ro").into_bytes();
    latin[HEAD.find("shop").unwrap() + 1] = 0xfc;
    latin.extend(b"# B\xfcro\nservices: { web: { prot: 80, select: { app: \xe4 } } }\n");
    let last = NEXT + 1;
    check("latin-1.yaml", &latin, &format!("N0001@2 N0001@{NEXT} N0001@{last} N0101@{last}"));
    let nul =
        format!("{HEAD}# a\0b\ntests:\n  - {{ from: \0, to: beta, port: icmp, expect: deny }}\n");
    check("nul.yaml", nul.as_bytes(), "N0001@8 N0001@10 N0201@10");
    let toml = b"version = 1\nfabric = \"sh\xffp\"\n[nodes.alpha]\nregion = \"h\0me\"\nzon = 3\n";
    check("bytes.toml", toml, "N0001@2 N0001@4 N0101@5 N0102@5".trim_end_matches(" N0102@5"));
    let mut bom = b"\xef\xbb\xbf".to_vec();
    bom.extend(HEAD.replace("home }", "hom }").replace("to: all", "too: all").into_bytes());
    let found = check("bom.yaml", &bom, "N0201@7 N0101@6");
    assert_eq!(found.diagnostics.iter().map(|found| found.span.column).max(), Some(38));
}

#[test]
fn files_that_are_no_text_at_all_give_few_findings() {
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(HEAD.bytes().flat_map(|b| [b, 0])).collect();
    assert_eq!(loaded("utf-16.yaml", &utf16).diagnostics.len(), 1);
    let noise: Vec<u8> = (0..LARGE_BYTES).map(|n| (n * 7919 % 251) as u8).collect();
    for name in ["noise.yaml", "noise.toml"] {
        let found = loaded(name, &noise).diagnostics.len();
        assert!((1..40).contains(&found), "{found}");
    }
}

#[test]
fn deep_nesting_and_aliases_that_multiply_end_at_a_limit() {
    let deep = format!("{}x: {}\ny: {}\n", HEAD, "[".repeat(100_000), "{a: ".repeat(1_000));
    assert_eq!(loaded("deep.yaml", deep.as_bytes()).fabric.map(|_| ()), None);
    let two = format!("{HEAD}x: {}{}\nregionz: 1\n", "[".repeat(70), "]".repeat(70));
    assert!(
        loaded("deep-flow.yaml", two.as_bytes()).diagnostics.iter().any(|f| f.code.0 == "N0003")
    );
    let mut bomb = format!("{HEAD}x: &a0 [1, 1, 1, 1, 1, 1, 1, 1]\n");
    for level in 1..20 {
        let _ = writeln!(
            bomb,
            "x{level}: &a{level} [{}]",
            vec![format!("*a{}", level - 1); 8].join(", ")
        );
    }
    let found = loaded("bomb.yaml", bomb.as_bytes());
    assert!(
        found.diagnostics.iter().any(|found| found.code.0 == "N0003"),
        "{:?}",
        found.diagnostics
    );
    // Each alias nests what the one before nested: depth must be counted through them.
    let mut chain = format!("{HEAD}x: &a0 [1]\n");
    for level in 1..5_000 {
        let _ = writeln!(chain, "x{level}: &a{level} [[[*a{}]]]", level - 1);
    }
    let found = loaded("chain.yaml", chain.as_bytes());
    assert!(
        found.diagnostics.iter().any(|found| found.code.0 == "N0003"),
        "{:?}",
        found.diagnostics
    );
    for deep in [
        format!("{}a = 1\n", "a.".repeat(100_000)),
        format!("a = {}\n", "[".repeat(100_000)),
        format!("[{}a]\n", "a.".repeat(100_000)),
        format!("a = {}{}\n", "[".repeat(70), "]".repeat(70)),
    ] {
        assert!(loaded("deep.toml", deep.as_bytes()).fabric.is_none());
    }
}

#[test]
fn too_many_values_and_too_many_bytes_end_at_a_limit() {
    let list = format!("x: [{}]\n", "1,".repeat(LARGE_BYTES / 2));
    let found = loaded("list.yaml", list.as_bytes());
    assert_eq!(found.diagnostics.iter().map(|found| found.code.0).collect::<Vec<_>>(), ["N0003"]);
    let list = format!("tests = [{}]\n", "1,".repeat(LARGE_BYTES / 2));
    let found = loaded("list.toml", list.as_bytes());
    assert!(found.diagnostics.iter().any(|found| found.code.0 == "N0003"));
    let found = loaded("long.yaml", &vec![b'#'; (16 << 20) + 1]);
    assert_eq!(found.diagnostics.iter().map(|found| found.code.0).collect::<Vec<_>>(), ["N0003"]);
}

#[test]
fn a_large_sound_file_is_a_fabric() {
    let text = large(format!("{HEAD}workloads:\n"), &format!("  w#: {{ {WORKLOAD} }}\n"));
    let found = loaded("large.yaml", text.as_bytes());
    assert!(found.diagnostics.is_empty(), "{:?}", found.diagnostics.first());
    assert!(found.fabric.unwrap().workloads.len() > 80_000);
}

#[test]
fn two_errors_in_a_large_file_are_two_errors() {
    let text = large(format!("{HEAD}workloads:\n"), &format!("  w#: {{ {WORKLOAD} }}\n"));
    let lines = text.lines().count();
    let text = format!(
        "{text}  broken: {{ {WORKLOAD}\n  w0: {{ {} }}\n",
        WORKLOAD.replace("alpha", "alfa")
    );
    let (broken, alfa) = (lines + 1, lines + 2);
    check("large-broken.yaml", text.as_bytes(), &format!("N0002@{broken} N0201@{alfa}"));
}

/// Files in which everything is wrong: the work must grow with the file, not with its square, or
/// this test does not end. What is told is bounded too.
#[test]
fn files_of_nothing_but_errors_are_told_in_bounded_work() {
    let head = |end: &str| format!("{HEAD}{end}");
    let short = HEAD
        .replace("web: { network: app, cidr: 10.0.0.0/8", "web: { network: app, cidr: 10.0.0.0/24");
    let networks =
        |end: &str| format!("version: 1\nnetworks:\n  app: {{ cidr: 10.0.0.0/8 }}\n{end}");
    for (name, start, line) in [
        ("nodes.yaml", head("workloads:\n"), "  w#: { node: n#, subnet: s#, attach: host }\n"),
        ("keys.yaml", HEAD.to_owned(), "key#: { a: 1 }\n"),
        ("syntax.yaml", head("workloads:\n"), "  w#: { node: [alpha }\n"),
        ("flat.yaml", HEAD.to_owned(), "w# [\n"),
        ("misfits.yaml", head("workloads:\n"), "    w#: { a: b }\n   v#: {}\n"),
        ("subnets.yaml", networks("subnets:\n"), "  s#: { network: app, cidr: 10.0.0.0/24 }\n"),
        ("networks.yaml", networks(""), "  n#: { cidr: 10.0.0.0/8, region: r# }\n"),
        (
            "zones.yaml",
            networks("subnets:\n"),
            "  s#: { network: app, cidr: 10.0.0.0/24, zone: z# }\n",
        ),
        ("exhausted.yaml", format!("{short}workloads:\n"), &format!("  w#: {{ {WORKLOAD} }}\n")),
        ("servers.yaml", head("workloads:\n  w: { node: alpha, attach: { serve: { tcp: ["), "80, "),
        ("services.yaml", head("services:\n"), "  s#: { port: 80, select: { app: a# } }\n"),
        ("tabs.yaml", HEAD.to_owned(), "\tx#: 1\n"),
        ("line.yaml", head("x: ["), "a b, "),
        ("quote.yaml", head("x: \""), "a\n\n"),
        ("anchors.yaml", HEAD.to_owned(), "x#: *a#\n"),
        ("syntax.toml", "version = 1\n".to_owned(), "[nodes.n#]\nregion = home\n"),
        ("unknown.toml", "version = 1\n".to_owned(), "[nodes.n#]\nregion = \"home#\"\n"),
        ("duplicates.toml", "version = 1\n".to_owned(), "[nodes.alpha]\nregion = \"home\"\n"),
        ("brackets.toml", "version = 1\n".to_owned(), "]\n"),
        ("pairs.toml", "version = 1\n[a\n".to_owned(), "a# b\n"),
    ] {
        let text = grown(start, line, LARGE_BYTES / 32);
        let found = loaded(name, text.as_bytes());
        let count = found.diagnostics.len();
        assert!((1..=FINDINGS_MAX + 2).contains(&count), "{name}: {count}");
        let is_sound = name == "services.yaml";
        assert_eq!(found.fabric.is_some(), is_sound, "{name}");
    }
}
