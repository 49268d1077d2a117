//! What is made loads as a fabric's file without an error, and the tests in it hold.

use super::*;
use netloom_model::diagnostic::render;
use netloom_model::fabric::Fabric;
use netloom_model::{Severity, load};
use netloom_plan::assumed::Assumed;
use netloom_plan::promises;
use proptest::prelude::*;

/// The fabric of an import; an error in it fails.
fn fabric(imported: &Imported) -> Fabric {
    let yaml = imported.yaml.clone();
    let loaded = load(&["made.yaml".to_owned()], |_| Ok(yaml.clone().into_bytes()));
    let errors: Vec<_> = loaded
        .diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error)
        .cloned()
        .collect();
    assert!(errors.is_empty(), "{}\n{yaml}", render(&errors, &loaded.sources));
    loaded.fabric.unwrap_or_else(|| panic!("no fabric:\n{yaml}"))
}

/// Loads it, and asks the plan for its tests.
fn holds(imported: &Imported) -> Fabric {
    let fabric = fabric(imported);
    let broken = promises::broken(&fabric, &Assumed::of(&fabric));
    let texts: Vec<&str> = broken.iter().map(|broken| broken.text.as_str()).collect();
    assert!(texts.is_empty(), "{}\n{}", texts.join("\n"), imported.yaml);
    fabric
}

const CASES: [&str; 8] = [
    "cases/blackroad/network.yaml",
    "cases/blackroad/firewall.yaml",
    "cases/blackroad/peering.py",
    "cases/clusterdb/network.yaml",
    "cases/clusterdb/security.yaml",
    "cases/bolt/bolt-network.toml",
    "cases/bolt/ghostwire.toml",
    "cases/bolt/docker-compose.yml",
];

fn aws() -> Vec<Source> {
    let mut names: Vec<String> = std::fs::read_dir(data().join("aws"))
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be listed").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.iter().map(|name| source(&format!("aws/{name}"))).collect()
}

#[test]
fn each_file_of_the_guides_loads_and_its_tests_hold() {
    for file in CASES {
        holds(&import(&[source(file)]));
        holds(&import_with_probes(&[source(file)]));
    }
}

#[test]
fn files_of_one_guide_are_one_fabric() {
    for guide in ["blackroad", "clusterdb", "bolt"] {
        let files = CASES.iter().filter(|file| file.contains(guide));
        let sources: Vec<Source> = files.map(|file| source(file)).collect();
        let fabric = holds(&import_with_probes(&sources));
        if guide == "clusterdb" {
            assert!(fabric.tests.len() >= 4, "{:?}", fabric.tests);
        }
    }
}

#[test]
fn what_aws_prints_loads_and_its_tests_hold() {
    holds(&import(&aws()));
    let fabric = holds(&import_with_probes(&aws()));
    assert!(fabric.tests.len() >= 6, "{:?}", fabric.tests);
    for one in aws() {
        holds(&import_with_probes(&[one]));
    }
}

/// Two VPCs with a group each; the second table is the first one's turned round.
fn peered(status: &str, back: &str) -> Source {
    let vpc = |id: &str, cidr: &str| {
        format!(r#"{{"VpcId": "vpc-{id}", "CidrBlock": "{cidr}", "State": "available"}}"#)
    };
    let subnet = |id: &str, cidr: &str| {
        format!(r#"{{"SubnetId": "subnet-{id}", "VpcId": "vpc-{id}", "CidrBlock": "{cidr}"}}"#)
    };
    let table = |id: &str, to: &str| {
        format!(
            r#"{{"RouteTableId": "rtb-{id}", "VpcId": "vpc-{id}", "Associations": [{{"Main": true}}],
                "Routes": [{{"DestinationCidrBlock": "{to}", "VpcPeeringConnectionId": "pcx-1"}}]}}"#
        )
    };
    let group = |id: &str, port: u16| {
        format!(
            r#"{{"GroupId": "sg-{id}", "GroupName": "g-{id}", "VpcId": "vpc-{id}",
                "IpPermissions": [{{"IpProtocol": "tcp", "FromPort": {port}, "ToPort": {port},
                    "IpRanges": [{{"CidrIp": "10.0.0.0/8"}}]}}],
                "IpPermissionsEgress": [{{"IpProtocol": "-1", "IpRanges": [{{"CidrIp": "0.0.0.0/0"}}]}}]}}"#
        )
    };
    let whole = format!(
        r#"{{"Vpcs": [{}, {}], "Subnets": [{}, {}], "RouteTables": [{}, {}], "SecurityGroups": [{}, {}],
            "VpcPeeringConnections": [{{"VpcPeeringConnectionId": "pcx-1", "Status": {{"Code": "{status}"}},
                "RequesterVpcInfo": {{"VpcId": "vpc-a"}}, "AccepterVpcInfo": {{"VpcId": "vpc-b"}}}}]}}"#,
        vpc("a", "10.1.0.0/16"),
        vpc("b", "10.2.0.0/16"),
        subnet("a", "10.1.1.0/24"),
        subnet("b", "10.2.1.0/24"),
        table("a", "10.2.0.0/16"),
        table("b", back),
        group("a", 80),
        group("b", 5432),
    );
    text("aws.json", &whole)
}

#[test]
fn peered_networks_reach_each_other_where_both_tables_lead_there() {
    let across =
        "{ from: probe-subnet-a-g-a, to: probe-subnet-b-g-b, port: 5432/tcp, expect: allow }";
    for (status, back, expected) in [
        ("active", "10.1.0.0/16", true),
        ("active", "0.0.0.0/0", true),
        ("active", "10.9.0.0/16", false),
        ("pending-acceptance", "10.1.0.0/16", false),
    ] {
        let imported = import_with_probes(&[peered(status, back)]);
        holds(&imported);
        assert_eq!(imported.yaml.contains(across), expected, "{status} {back}\n{}", imported.yaml);
    }
}

#[test]
fn files_with_all_that_is_known_load_and_their_tests_hold() {
    let regions = source("cases/blackroad/network.yaml");
    holds(&import_with_probes(&[text("compose.yaml", compose::FILE)]));
    holds(&import(&[text("compose.yaml", compose::FILE)]));
    holds(&import_with_probes(&[regions, text("peer.py", peering::PROGRAM)]));
}

/// Where words begin and end: names, numbers, prefixes, ids.
fn word_places(text: &str) -> Vec<(usize, usize)> {
    let inner = |c: char| c.is_ascii_alphanumeric() || "-./:".contains(c);
    let mut places = Vec::new();
    let mut begin = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match begin {
            None if c.is_ascii_alphanumeric() => begin = Some(at),
            Some(first) if !inner(c) => {
                let word = text[first..at].trim_end_matches(['-', '.', '/', ':']);
                places.push((first, first + word.len()));
                begin = None;
            }
            None | Some(_) => {}
        }
    }
    places
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Words are put where others stood, so that ids lead elsewhere, prefixes overlap and values
    /// contradict each other. What is made of it is sound still.
    #[test]
    fn whatever_is_imported_loads_and_its_tests_hold(
        which in 0..5_usize,
        swaps in prop::collection::vec((any::<[prop::sample::Index; 4]>(),), 1..7),
    ) {
        let mut sources = match which {
            0 => vec![source(CASES[0]), source(CASES[1]), text("peer.py", peering::PROGRAM)],
            1 => vec![source(CASES[3]), source(CASES[4])],
            2 => vec![text("compose.yaml", compose::FILE)],
            _ => aws(),
        };
        for ([from, word, to, place],) in swaps {
            let text = |source: &Source| String::from_utf8(source.bytes.clone()).expect("it is text");
            let taken = text(&sources[from.index(sources.len())]);
            let (begin, end) = *word.get(&word_places(&taken));
            let target = to.index(sources.len());
            let given = text(&sources[target]);
            let (first, last) = *place.get(&word_places(&given));
            let changed = format!("{}{}{}", &given[..first], &taken[begin..end], &given[last..]);
            sources[target].bytes = changed.into_bytes();
        }
        let import = Import { with_probes: true, ..Import::default() };
        if let Ok(imported) = import.run(&sources) {
            holds(&imported);
        }
    }
}

#[test]
fn all_files_together_load() {
    let mut sources: Vec<Source> = CASES.iter().map(|file| source(file)).collect();
    sources.extend(aws());
    holds(&import_with_probes(&sources));
}
