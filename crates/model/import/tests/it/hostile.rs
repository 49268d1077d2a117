//! Sources that are broken, cut off, of wrong types, or made to be large: told, never a panic.

use super::*;
use netloom_import::{Error, Kind};
use proptest::prelude::*;

#[test]
fn what_cannot_be_read_says_where_and_what_to_do() {
    for (file, bytes, words) in [
        ("a.json", &b"{\"Vpcs\": [\n{\"VpcId\": \"vpc-1\""[..], "a.json:2: this is no JSON"),
        ("a.yaml", b"regions:\n  a: [1\n", "this is no YAML"),
        ("a.toml", b"[mesh]\nx = \n", "this is no TOML"),
        ("a.py", b"peering = (1,\n", "a.py:1: this is no Python"),
        ("a.yaml", b"- 1\n- 2\n", "keys and values"),
        ("a.yaml", b"", "keys and values"),
        ("a.yaml", b"hello: 1\n", "--as"),
        ("a.yaml", b"\xff\xfe", "UTF-8"),
        ("[].json", b"[]", "keys and values"),
    ] {
        let source = Source { file: file.to_owned(), bytes: bytes.to_vec() };
        let error = Import::default().run(&[source]).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(Import::default().run(&[]), Err(Error::Nothing));
}

#[test]
fn sources_beyond_the_limits_are_refused() {
    let large = Source { file: "a.json".to_owned(), bytes: vec![b' '; (16 << 20) + 1] };
    let error = Import::default().run(&[large]).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    let many = format!("{{\"Vpcs\": [{}1]}}", "1,".repeat(600_000));
    let error = Import::default().run(&[text("a.json", &many)]).unwrap_err();
    assert!(error.to_string().contains("500000"), "{error}");
    let deep = format!("{{\"Vpcs\": {}", "[".repeat(1_000_000));
    assert!(Import::default().run(&[text("a.json", &deep)]).is_err());
}

#[test]
fn many_objects_of_one_name_are_imported_in_time() {
    let vpc = |number: usize| {
        format!(
            "{{\"VpcId\": \"vpc-{number}\", \"CidrBlock\": \"10.0.0.0/16\", \"Tags\": [{{\"Key\": \
             \"Name\", \"Value\": \"same\"}}]}}"
        )
    };
    let vpcs: Vec<String> = (0..20_000).map(vpc).collect();
    let imported = import(&[text("a.json", &format!("{{\"Vpcs\": [{}]}}", vpcs.join(",")))]);
    assert!(imported.yaml.contains("  same-20000:"));
}

#[test]
fn large_files_are_imported_in_time() {
    let lines = |head: &str, line: &dyn Fn(usize) -> String| {
        let lines: Vec<String> = (0..60_000).map(line).collect();
        format!("{head}{}", lines.concat())
    };
    let begin = std::time::Instant::now();
    for (file, text) in [
        ("a.yaml", lines("services:\n", &|number| format!("  s{number}: {{}}\n"))),
        ("a.yaml", lines("networks:\n", &|number| format!("  n{number}: {{}}\n"))),
        ("a.yaml", lines("regions:\n", &|number| format!("  r{number}: {{}}\n"))),
        ("a.yaml", lines("security_groups:\n", &|number| format!("  g{number}: {{}}\n"))),
        ("a.toml", lines("[mesh]\n[vpn]\n", &|number| format!("k{number} = true\n"))),
        ("a.py", lines("peering = 1\n", &|number| format!("a{number} = [1, 'x']\n"))),
    ] {
        import_with_probes(&[super::text(file, &text)]);
    }
    // Debug builds on a busy machine take a tenth of this; what grows with the square takes hours.
    assert!(begin.elapsed().as_secs() < 120, "{:?}", begin.elapsed());
}

#[test]
fn objects_of_wrong_types_are_refused_and_not_made() {
    for (file, path) in [
        ("regions:\n  made: 5\n  b: { vpc_cidr: 10.0.0.0/16 }\n", "regions.made"),
        ("services:\n  made: [5]\n  b: {}\n", "services.made"),
        ("services: {}\nnetworks:\n  made: 5\n  b: {}\n", "networks.made"),
        ("security:\n  network_acls:\n    made: 5\n", "security.network_acls.made"),
        ("security_groups:\n  made: 5\n", "security_groups.made"),
        ("network:\n  vpc: 5\n  subnets: [{ cidr: 10.0.0.0/24 }]\n", "network.vpc"),
        ("network:\n  vpc: 5\n  subnets: [{ cidr: 10.0.0.0/24 }]\n", "network.subnets[0].cidr"),
    ] {
        let imported = import(&[text("a.yaml", file)]);
        assert_eq!(outcome(&imported, path), Outcome::Refused, "{file}");
        assert!(!imported.yaml.contains("  made:"), "{}", imported.yaml);
    }
}

/// Sources to be mutated, small enough to be tried often.
fn seeds() -> Vec<(&'static str, String)> {
    let read = |path: &str| std::fs::read_to_string(data().join(path)).expect("it can be read");
    vec![
        ("a.yaml", read("cases/blackroad/network.yaml")),
        ("a.yaml", read("cases/blackroad/firewall.yaml")),
        ("a.py", read("cases/blackroad/peering.py")),
        ("a.yaml", read("cases/clusterdb/network.yaml")),
        ("a.yaml", read("cases/clusterdb/security.yaml")),
        ("a.toml", read("cases/bolt/bolt-network.toml")),
        ("a.yaml", read("cases/bolt/docker-compose.yml")),
        ("a.json", read("aws/vpcs.json")),
        ("a.json", read("aws/network-acls.json")),
        ("a.json", read("aws/managed-prefix-lists.json")),
    ]
}

/// Whether it is imported or not, it is in order.
fn in_order(file: &str, text: &str) {
    for kind in Kind::ALL.map(|(_, kind)| Some(kind)).into_iter().chain([None]) {
        let import = Import { kind, fabric: None, with_probes: true };
        let Ok(imported) = import.run(&[super::text(file, text)]) else { continue };
        let mut found = Vec::new();
        let tree = netloom_model::tree::yaml::read("made.yaml", &imported.yaml, &mut found);
        assert!(tree.is_some() && found.is_empty(), "{found:?}\n{}", imported.yaml);
    }
}

#[test]
fn files_cut_off_anywhere_are_told_or_imported() {
    for (file, text) in seeds() {
        for end in (0..text.len()).step_by(7) {
            let cut = text.get(..end).unwrap_or("");
            let _ = Import::default().run(&[super::text(file, cut)]);
        }
        in_order(file, &text);
    }
}

#[test]
fn values_of_wrong_types_are_refused_where_they_stand() {
    for value in ["[]", "{}", "5", "null", "[[1]]", "{ a: { b: c } }", "\"\\u0007\"", "-1", "true"]
    {
        for (file, text) in seeds().into_iter().filter(|(file, _)| *file == "a.yaml") {
            for (index, line) in text.lines().enumerate() {
                let Some((key, _)) = line.split_once(": ") else { continue };
                let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                lines[index] = format!("{key}: {value}");
                in_order(file, &lines.join("\n"));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn mutated_files_never_panic(
        seed in 0..10_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (file, text) = seeds().swap_remove(seed);
        let mut bytes = text.into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let text = String::from_utf8_lossy(&bytes);
        in_order(file, &text);
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        netloom_import::fuzz::file(&bytes);
    }
}
