//! What is made loads as a fabric's file without an error, and the tests in it hold.

use super::*;
use netloom_model::diagnostic::render;
use netloom_model::fabric::Fabric;
use netloom_model::{Severity, load};
use netloom_plan::assumed::Assumed;
use netloom_plan::promises;

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

#[test]
fn all_files_together_load() {
    let mut sources: Vec<Source> = CASES.iter().map(|file| source(file)).collect();
    sources.extend(aws());
    fabric(&import_with_probes(&sources));
}
