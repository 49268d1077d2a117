//! A host that begins a fabric, and another that joins and leaves it, are told as JSON.
//!
//! The first one is a sandbox of namespaces; the other one joins there, and is not started.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod sandbox;

use sandbox::{Host, links};
use serde_json::{Value, json};
use std::net::{Ipv6Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::ExitCode;

const FABRIC: &str = "
version: 1
fabric: duo
regions: { here: {} }
networks: { net: { cidr: 10.1.0.0/16 } }
subnets: { s: { network: net, cidr: 10.1.1.0/24 } }
nodes: { one: { region: here }, two: { region: here } }
workloads:
  a: { node: one, subnet: s, attach: { serve: { tcp: 80 } } }
";

fn main() -> ExitCode {
    sandbox::main("what_joins_and_leaves_is_told_as_json", what_joins_and_leaves_is_told_as_json)
}

/// What a command that must succeed prints, all of it one value.
fn told(host: &Host, words: &[&str]) -> Value {
    let said = host.succeed(&[words, &["--json"]].concat());
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{words:?}: {error}: {said}"))
}

fn begins_nothing_where_ports_are_taken(host: &Host, file: &str) {
    let taken = (
        TcpListener::bind(("127.0.0.1", 7767)).unwrap(),
        UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 51820)).unwrap(),
    );
    let refused = host.run(&["up", file, "--name", "one", "--endpoint", "192.0.2.1:7766"]);
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success());
    for part in ["--dashboard 127.0.0.1:7768", "--port 51821", "7767", "51820"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert!(!host.folder.join("state").exists(), "nothing has begun");
    drop(taken);
}

fn what_joins_and_leaves_is_told_as_json(folder: &Path) {
    links();
    let [one, two] = ["one", "two"].map(|name| Host { folder: folder.join(name) });
    let file = folder.join("duo.yaml");
    std::fs::write(&file, FABRIC).unwrap();
    let file = file.to_string_lossy();
    let refused = one.run(&["up", &file, "--name", "one", "--endpoint", "192.0.2.1"]);
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && words.contains("nodes connect to HOST:PORT"), "{words}");
    assert!(!one.folder.join("state").exists(), "nothing has begun");
    begins_nothing_where_ports_are_taken(&one, &file);
    let begun = told(&one, &["up", &file, "--name", "one", "--endpoint", "192.0.2.1:7766"]);
    assert_eq!(begun["applied"]["revision"], 1);
    assert_eq!(begun["applied"]["applied"], json!(["one"]));
    assert_eq!(begun["status"]["nodes"]["two"]["state"], "not joined");
    assert!(begun["dashboard"].as_str().unwrap().contains("/#token="));

    let again = one.run(&["up", &file, "--name", "one", "--endpoint", "192.0.2.9:7766", "--json"]);
    let words = String::from_utf8_lossy(&again.stderr);
    assert!(words.contains("from its next start"), "{words}");

    let made = told(&one, &["token", "create", "--node", "two", "--needs-approval"]);
    let token = made["token"].as_str().unwrap();
    // The first host's tunnels have the port.
    let refused = two.run(&["join", token, "--no-start"]);
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && words.contains("such as --port 51821"), "{words}");
    assert!(!two.folder.join("state").exists(), "nothing has begun, and the token is good still");
    let join = ["join", token, "--port", "51821", "--no-start"];
    let joined = |again: bool, waiting: bool| {
        json!({ "fabric": "duo", "node": "two", "control": ["192.0.2.1:7766"], "again": again,
                "waiting": waiting, "declared": true, "is_member": false })
    };
    assert_eq!(told(&two, &join), joined(false, true));
    assert_eq!(told(&one, &["approve", "two"])["two"]["state"], "away");
    assert_eq!(told(&two, &["join", token, "--no-start"]), joined(true, false));
    let kept = std::fs::read_to_string(two.folder.join("state/duo/node/joined.json")).unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept["listen_port"], 51821, "joining again without a port keeps it");
    assert_eq!(told(&one, &["revoke", "two"])["two"]["state"], "revoked");
    let nodes = told(&one, &["remove", "two"]);
    assert_eq!(nodes["two"]["state"], "not joined");
    assert_eq!(nodes, told(&one, &["nodes"]), "the same as `nodes` says");

    let refused = one.run(&["approve", "two", "--json"]);
    assert!(!refused.status.success() && refused.stdout.is_empty());
    assert!(String::from_utf8_lossy(&refused.stderr).starts_with("error: "));
    // A node holds what an edit declares, and the answer says so.
    let applied = told(&one, &["network", "create", "more"]);
    assert_eq!((&applied["changed"], &applied["applied"]), (&json!(true), &json!(["one"])));
    let without = told(&one, &["network", "rm", "more"]);
    assert_eq!((&without["changed"], &without["applied"]), (&json!(true), &json!(["one"])));
    one.succeed(&["down", "--yes"]);
}
