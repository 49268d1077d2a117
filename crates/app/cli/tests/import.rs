//! `netloom import`: what goes where, and what the exit code says.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn netloom(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_netloom")).args(arguments).output().unwrap()
}

fn cases(path: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model/import/tests/data/cases");
    folder.join(path).to_string_lossy().into_owned()
}

/// A folder of the test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("netloom-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_is_imported_is_checked_and_its_tests_hold() {
    let folder = Folder::new("import");
    let output = folder.file("made.yaml");
    let (network, security) = (cases("clusterdb/network.yaml"), cases("clusterdb/security.yaml"));
    let arguments = ["import", &network, &security, "--with-probes", "--output", &output];
    let imported = netloom(&arguments);
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    let table = text(&imported.stdout);
    assert!(
        table.contains("security.network_acls.app-acl  ") && table.contains(" 0 refused; "),
        "{table}"
    );
    let checked = netloom(&["check", &output]);
    assert!(checked.status.success(), "{}", text(&checked.stdout));
    assert!(text(&checked.stdout).contains("7 of 7 tests hold"), "{}", text(&checked.stdout));
    // What is there is never written over.
    let again = netloom(&arguments);
    assert!(!again.status.success() && text(&again.stderr).contains("is there already"));
}

#[test]
fn the_file_alone_goes_to_standard_output_and_json_holds_all() {
    let bolt = cases("bolt/bolt-network.toml");
    let imported = netloom(&["import", &bolt]);
    assert!(imported.status.success());
    assert!(text(&imported.stdout).starts_with("# Imported from "), "{}", text(&imported.stdout));
    assert!(text(&imported.stderr).contains("ghostwire.auth_key"));
    let json = netloom(&["import", &bolt, "--json", "--fabric", "Game Night"]);
    let value: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(value["counts"]["refused"], 14);
    assert!(value["yaml"].as_str().unwrap().contains("fabric: game-night"));
    assert_eq!(value["account"][0]["line"], 2);
}

#[test]
fn what_cannot_be_imported_says_why_and_fails() {
    let folder = Folder::new("import-broken");
    for (name, content, words) in [
        ("cut.json", "{\"Vpcs\": [", "cut.json:1: this is no JSON"),
        ("other.yaml", "hello: 1\n", "say it with --as"),
        ("own.yaml", "version: 1\nfabric: a\n", "is a fabric's file already"),
    ] {
        let file = folder.file(name);
        std::fs::write(&file, content).unwrap();
        let refused = netloom(&["import", &file]);
        assert_eq!(refused.status.code(), Some(1), "{name}");
        assert!(text(&refused.stderr).contains(words), "{}", text(&refused.stderr));
    }
    let missing = netloom(&["import", &folder.file("missing.json")]);
    assert!(text(&missing.stderr).contains("check the path"), "{}", text(&missing.stderr));
    let kind = netloom(&["import", &folder.file("own.yaml"), "--as", "gcp"]);
    assert!(text(&kind.stderr).contains("regions, vpc, firewall"), "{}", text(&kind.stderr));
}
