//! Every command that tells something, also of what it has changed, tells it as JSON too, and a new one
//! cannot be forgotten.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

/// Commands that tell something, with arguments with which each does, in the order in which they are run.
/// Words in capitals stand for what the test has made.
const TELLING: &[(&str, &[&str])] = &[
    ("check", &["FILE"]),
    ("import", &["BOLT"]),
    ("explain", &["a", "b:80/tcp", "-f", "FILE"]),
    ("explain", &["a", "b", "-f", "FILE"]),
    ("network matrix", &["FILE"]),
    ("network plan-cidr", &["10.0.0.0/16", "--zones", "2"]),
    ("ports", &["FILE"]),
    ("ports audit", &["FILE"]),
    ("connect", &["LISTENER"]),
    ("lookup", &["a.n.internal", "--server", "RESOLVER"]),
    ("plan", &["FILE"]),
    ("apply", &["FILE"]),
    ("apply", &["CHANGED", "--wait", "0"]),
    ("status", &[]),
    ("nodes", &[]),
    ("objects", &[]),
    ("history", &[]),
    ("history", &["1"]),
    ("diff", &["1", "2"]),
    ("rollback", &["1"]),
    ("ports", &[]),
    ("network ls", &[]),
    ("network inspect", &["n"]),
    ("network create", &["made"]),
    ("network connect", &["made", "box", "--node", "alpha"]),
    ("network disconnect", &["made", "box"]),
    ("network rm", &["made"]),
    ("token create", &["--node", "alpha"]),
    ("token ls", &[]),
    ("token revoke", &["MADE"]),
    ("access create", &["--name", "a page", "--role", "viewer"]),
    ("access ls", &[]),
    ("access revoke", &["MADE"]),
    ("dashboard", &[]),
    ("vpn list", &[]),
    ("doctor", &[]),
];

/// Commands that tell something too, but not without what stands behind them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("up", "a host: `joined.rs` runs it, and the next four"),
    ("join", "a host"),
    ("approve", "a node that waits"),
    ("revoke", "a node"),
    ("remove", "a node"),
    ("vpn setup wireguard", "a node"),
    ("lab up", "namespaces"),
    ("lab apply", "a lab"),
    ("lab status", "a lab"),
    ("lab test", "a lab"),
    ("network test-connectivity", "two nodes"),
    ("ping", "a socket for ICMP, which not everybody may open"),
    ("vpn stats", "a node"),
    ("vpn test", "a node with a peer"),
];

/// All others, with what they are for instead.
const OTHERS: &[(&str, &[&str])] = &[
    ("groups of commands", &["", "access", "lab", "network", "token", "vpn", "vpn setup"]),
    ("what they did is whether they succeeded", &["lab down", "install", "start", "stop", "down"]),
    (
        "they print a file for another program",
        &["completions", "man", "vpn add", "vpn export", "vpn import"],
    ),
    (
        "they run until they are ended",
        &["control", "supervise", "node", "wireguard", "serve", "lab exec", "lab shell"],
    ),
];

const FABRIC: &str = "version: 1
fabric: shop
regions: { here: {} }
nodes: { alpha: { region: here } }
networks: { n: { cidr: 10.0.0.0/16 } }
subnets: { n: { network: n, cidr: 10.0.1.0/24 } }
security_groups: { unused: {} }
ports: { web: { port: 80, visibility: internal } }
workloads:
  a: { node: alpha, subnet: n, attach: { serve: { tcp: 80 } } }
  b: { node: alpha, subnet: n, attach: { serve: { tcp: 80 } } }
";

/// A control without nodes in a folder of the test's own; both are gone at its end.
struct Control {
    folder: PathBuf,
    process: Child,
}

impl Control {
    fn start(of: &str) -> Self {
        let name = format!("netloom-json-{of}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let words = "control --begin alpha --fabric shop --listen 127.0.0.1:0 --dashboard 127.0.0.1:0 \
                     --endpoint 127.0.0.1:7766";
        let mut command = netloom(&folder, &words.split_whitespace().collect::<Vec<_>>());
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "control is ready\n");
        Self { folder, process }
    }

    fn run(&self, words: &[&str]) -> Output {
        netloom(&self.folder, words).output().unwrap()
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // What cannot be ended has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn netloom(folder: &std::path::Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netloom"));
    command.args(words).current_dir(folder);
    command.env("NETLOOM_STATE", folder.join("state")).env("NETLOOM_RUN", folder.join("run"));
    command
}

/// Answers what is asked of it: that there is no such name.
fn resolver() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let place = socket.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((count, from)) = socket.recv_from(&mut buffer) {
            buffer[2] |= 0x80;
            buffer[3] = 3;
            socket.send_to(&buffer[..count], from).unwrap();
        }
    });
    place
}

/// The commands that the manual has, each with its page.
fn manual(control: &Control) -> BTreeMap<String, String> {
    let folder = control.folder.join("man");
    let said = control.run(&["man", folder.to_str().unwrap()]);
    assert!(said.status.success());
    let pages = std::fs::read_dir(&folder).unwrap().map(|page| page.unwrap().path());
    pages.map(|page| (command_of(&page), std::fs::read_to_string(&page).unwrap())).collect()
}

/// `network plan-cidr` of `netloom-network-plan-cidr.1`: its own words may have hyphens.
fn command_of(page: &std::path::Path) -> String {
    let name = page.file_stem().unwrap().to_str().unwrap();
    let name = name.strip_prefix("netloom").unwrap().trim_start_matches('-');
    let known =
        TELLING.iter().map(|(name, _)| *name).chain(ELSEWHERE.iter().map(|(name, _)| *name));
    let mut known = known.chain(OTHERS.iter().flat_map(|(_, names)| names.iter().copied()));
    known.find(|known| known.replace(' ', "-") == name).unwrap_or(name).to_owned()
}

#[test]
fn every_command_that_tells_something_tells_it_as_json() {
    let control = Control::start("telling");
    let manual = manual(&control);
    let telling: BTreeSet<&str> = TELLING.iter().map(|(name, _)| *name).collect();
    let elsewhere = ELSEWHERE.iter().map(|(name, _)| *name);
    let others = OTHERS.iter().flat_map(|(_, names)| names.iter().copied());
    for (name, page) in &manual {
        let tells = telling.contains(name.as_str()) || elsewhere.clone().any(|one| one == name);
        let is_other = others.clone().any(|one| one == name);
        assert!(tells != is_other, "`netloom {name}` belongs in exactly one list of this test");
        let takes_json = page.contains("\\-\\-json");
        assert_eq!(takes_json, tells, "whether `netloom {name}` takes --json");
    }
    for name in telling.iter().copied().chain(elsewhere).chain(others) {
        assert!(manual.contains_key(name), "there is no `netloom {name}` any more");
    }
    all_are_json(&control);
}

/// Runs every command that can be run here.
fn all_are_json(control: &Control) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let bolt = "../../model/import/tests/data/cases/bolt/bolt-network.toml";
    let bolt = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(bolt);
    let mut words = BTreeMap::from([
        ("FILE", control.file("shop.yaml", FABRIC)),
        ("CHANGED", control.file("changed.yaml", &FABRIC.replace("tcp: 80", "tcp: 81"))),
        ("BOLT", bolt.to_string_lossy().into_owned()),
        ("LISTENER", listener.local_addr().unwrap().to_string()),
        ("RESOLVER", resolver()),
    ]);
    for (name, arguments) in TELLING {
        let given = |word: &'static str| words.get(word).map_or(word, String::as_str);
        let arguments = arguments.iter().map(|word| given(word));
        let line: Vec<&str> = name.split(' ').chain(arguments).chain(["--json"]).collect();
        let said = control.run(&line);
        let value: Value = serde_json::from_slice(&said.stdout).unwrap_or_else(|error| {
            let [out, err] =
                [said.stdout, said.stderr].map(|text| String::from_utf8(text).unwrap());
            panic!("{line:?}: {error}\n{out}\n{err}")
        });
        assert!(value.is_object() || value.is_array(), "{line:?}: {value}");
        if let Some(made) = value["id"].as_str() {
            words.insert("MADE", made.to_owned());
        }
    }
}

/// What is refused is told as it is without `--json`, and nothing else is on standard output.
#[test]
fn what_is_refused_prints_no_json_and_says_why() {
    let control = Control::start("refused");
    for (line, why) in [
        ("approve nobody --json", "nobody"),
        ("network rm nowhere --json", "there is no network `nowhere`; `netloom network ls`"),
        ("network create made --cidr 10.7.0.1/16 --json", "--> network `made`, field `cidr[0]`"),
    ] {
        let said = control.run(&line.split(' ').collect::<Vec<_>>());
        let [out, err] = [said.stdout, said.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(!said.status.success() && out.is_empty(), "{line}: {out}");
        assert!(err.contains("error: ") && err.contains(why), "{line}: {err}");
        assert!(!err.contains("(api)"), "{line}: {err}");
    }
}
