//! Stock peers as users add them, hand them out, take them over from a file, and change that file.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod sandbox;

use sandbox::{Host, links};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

const FABRIC: &str = "
version: 1
fabric: home
regions: { here: {} }
networks: { net: { cidr: 10.1.0.0/16 } }
subnets: { s: { network: net, cidr: 10.1.1.0/24 } }
nodes: { one: { region: here, endpoint: \"192.0.2.1:51820\" } }
workloads:
  web: { node: one, subnet: s, attach: { serve: { tcp: 80 } } }
";
/// Keys for tests: 32 bytes, of which only the last says which.
const KEYS: [&str; 4] = [
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI=",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAM=",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQ=",
];

fn main() -> ExitCode {
    sandbox::main("peers_are_added_taken_over_and_changed", peers_are_added_taken_over_and_changed)
}

fn peers_are_added_taken_over_and_changed(folder: &Path) {
    links();
    let host = Host { folder: folder.to_owned() };
    let file = folder.join("home.yaml");
    std::fs::write(&file, FABRIC).unwrap();
    let user = User { host: &host, folder };
    host.succeed(&["up", &file.to_string_lossy(), "--name", "one", "--endpoint", "192.0.2.1:7766"]);
    user.adds_peers();
    user.exports_them();
    user.sets_up_a_file();
    user.is_told_while_the_node_refuses_and_no_longer();
    user.imports_for_another_node();
    user.hears_that_output_is_lost(&file.to_string_lossy());
    user.loses_no_key_with_the_connection();
    host.succeed(&["stop"]);
    user.sets_up_while_nothing_runs();
    host.succeed(&["down", "--yes"]);
}

struct User<'a> {
    host: &'a Host,
    folder: &'a Path,
}

impl User<'_> {
    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// What a command says that must fail.
    fn fail(&self, words: &[&str], about: &str) -> String {
        let output = self.host.run(words);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(about), "{words:?}: {told}");
        told
    }

    fn peers(&self) -> Vec<Value> {
        serde_json::from_str(&self.host.succeed(&["vpn", "list", "--json"])).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let peers = self.peers();
        peers.iter().map(|peer| peer["name"].as_str().unwrap().to_owned()).collect()
    }

    fn address(&self, workload: &str) -> String {
        let network: Value =
            serde_json::from_str(&self.host.succeed(&["network", "inspect", "net", "--json"]))
                .unwrap();
        network["workloads"][workload]["addresses"][0].as_str().unwrap().to_owned()
    }

    fn adds_peers(&self) {
        // What everybody has in the environment need not be given.
        let usage = self.fail(&["vpn", "add"], "Usage: netloom vpn add");
        assert!(!usage.contains("--state"), "{usage}");
        for (command, about) in [
            (&["vpn"][..], "network disconnect NETWORK PEER"),
            (&["vpn", "add"], "network disconnect NETWORK PEER"),
            (&["vpn", "import"], "files of the\nkey folder"),
            (&["vpn", "setup", "wireguard"], "files of the\nkey folder"),
        ] {
            let help = self.host.succeed(&[command, &["--help"]].concat());
            assert!(help.contains(about), "{help}");
        }
        let add = ["vpn", "add", "phone", "--network", "net"];
        // Of others' warnings nothing is told, and what a live workload has it keeps.
        let web = self.address("web");
        let told = self.fail(&[&add[..], &["--address", &web]].concat(), "`web` has it");
        assert!(!told.contains("N0901"), "{told}");
        self.fail(&[&add[..], &["--endpoint", "1.2.3.4"]].concat(), "a peer calls HOST:PORT");

        let there = self.path("there.conf");
        std::fs::write(&there, "mine").unwrap();
        self.fail(&[&add[..], &["-o", &there]].concat(), "is there already");
        assert_eq!(std::fs::read_to_string(&there).unwrap(), "mine");
        let nowhere = self.path("nowhere/phone.conf");
        self.fail(&[&add[..], &["-o", &nowhere]].concat(), "cannot make");
        let new = self.path("phone.conf");
        self.fail(&[&add[..], &["-o", &new, "--security-group", "nobody"]].concat(), "nobody");
        assert!(!Path::new(&new).exists(), "what is not added leaves no file");
        assert!(self.names().is_empty(), "nothing was declared");

        // Where nobody takes the private key, nobody is added.
        let mut full = Command::new("sh");
        full.args(["-c", "\"$0\" \"$@\" > /dev/full", env!("CARGO_BIN_EXE_netloom")]).args(add);
        full.env("NETLOOM_STATE", self.path("state")).env("NETLOOM_RUN", self.path("run"));
        let output = full.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains("`phone` was not added"), "{told}");
        assert!(self.names().is_empty(), "{told}");

        self.host.succeed(&[&add[..], &["-o", &new]].concat());
        let mode = std::fs::metadata(&new).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = std::fs::read_to_string(&new).unwrap();
        let address = self.address("phone");
        assert!(text.contains(&format!("Address = {address}/32")), "{text}");
        // What was handed out is its own.
        let other = ["vpn", "add", "other", "--network", "net", "--address", &address];
        self.fail(&other, "N0305");
    }

    fn exports_them(&self) {
        self.fail(&["vpn", "export", "phone", "--qr"], "--private-key-file");
        self.fail(&["vpn", "export", "phone", "--endpoint", "2001:db8::1:5"], "HOST:PORT");
        let text = self.host.succeed(&["vpn", "export", "phone", "--endpoint", "[2001:db8::1]:5"]);
        assert!(text.contains("Endpoint = [2001:db8::1]:5"), "{text}");
    }

    /// A file of an interface with peers, each by the last number of its address.
    fn config(&self, name: &str, network: &str, peers: &[(&str, u8)]) -> String {
        let mut text = format!("[Interface]\nPrivateKey = {}\nAddress = {network}.1/24\n", KEYS[0]);
        for (place, (peer, last)) in peers.iter().enumerate() {
            let key = KEYS[place + 1];
            text.push_str(&format!(
                "# {peer}\n[Peer]\nPublicKey = {key}\nAllowedIPs = {network}.{last}/32\n"
            ));
        }
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn sets_up_a_file(&self) {
        let keys = self.path("keys");
        let setup = |network: &str, file: &str, more: &[&str]| {
            let words = ["vpn", "setup", "wireguard", "--network", network, "--config", file];
            let words = [&words[..], &["--key-folder", &keys], more].concat();
            words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()
        };
        let succeed = |words: Vec<String>| {
            self.host.succeed(&words.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let one = self.config("srv.conf", "10.9.0", &[("laptop", 2), ("tablet", 3)]);
        succeed(setup("srv", &one, &[]));
        let hand = self.path("watch.conf");
        let add = ["vpn", "add", "watch", "--network", "srv", "-o", &hand];
        self.fail(
            &[&add[..], &["--subnet", "s"]].concat(),
            "network `srv` has no subnet `s`; it has `",
        );
        self.host.succeed(&add);
        assert_eq!(self.names(), ["laptop", "phone", "tablet", "watch"]);

        let again = setup("srv", &one, &[]);
        let again: Vec<&str> = again.iter().map(String::as_str).collect();
        self.fail(&again, "with --replace");

        let two = self.config("srv2.conf", "10.9.0", &[("laptop", 2), ("desk", 7)]);
        let told = succeed(setup("srv", &two, &["--replace"]));
        assert!(told.contains("added otherwise, and stay: watch"), "{told}");
        assert_eq!(self.names(), ["desk", "laptop", "phone", "watch"], "the tablet is gone");

        // `phone` is of another network.
        let three = self.config("srv3.conf", "10.9.0", &[("laptop", 2), ("phone", 8)]);
        let words = setup("srv", &three, &["--replace"]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.fail(&words, "the workload `phone` is of network `net`");
        assert_eq!(self.names(), ["desk", "laptop", "phone", "watch"], "nothing was changed");
        let new = self.config("new.conf", "10.5.0", &[("phone", 8)]);
        let elsewhere = setup("new", &new, &[]);
        let elsewhere: Vec<&str> = elsewhere.iter().map(String::as_str).collect();
        let told = self.fail(&elsewhere, "there is a workload `phone` already");
        assert!(!told.contains("--replace"), "that would be refused: {told}");
        let four = self.config("srv4.conf", "10.9.0", &[("laptop", 2), ("watch", 8)]);
        let words = setup("srv", &four, &["--replace"]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.fail(&words, "the peer `watch` was added by hand");
        // A node tells networks apart by its keys.
        let five = self.config("srv5.conf", "10.5.0", &[("bench", 2)]);
        let folder = self.path("same-keys");
        let words = ["vpn", "setup", "wireguard", "--config", &five, "--key-folder", &folder];
        let told = self.fail(&words, "");
        let output = self.host.run(&words);
        let told = told + &String::from_utf8_lossy(&output.stdout);
        assert!(told.contains("`srv` and `srv5` have the same private key"), "{told}");
        assert!(!Path::new(&folder).exists(), "what was gone back from leaves no key");
        let bad = setup("Bad Name", &one, &[]);
        self.fail(&bad.iter().map(String::as_str).collect::<Vec<_>>(), "DNS labels");
    }

    /// The node cannot read a key for a while, and says so for as long.
    fn is_told_while_the_node_refuses_and_no_longer(&self) {
        let (key, away) = (self.path("keys/private.key"), self.path("away.key"));
        let file = self.config("srv5.conf", "10.9.0", &[("laptop", 2), ("bike", 9)]);
        std::fs::rename(&key, &away).unwrap();
        // Setup would make the file again.
        let folder = self.path("other-keys");
        let words = ["vpn", "setup", "wireguard", "--network", "srv", "--config", &file];
        let words = [&words[..], &["--key-folder", &folder, "--replace"]].concat();
        let gone = || std::fs::remove_file(Path::new(&folder).join("private.key"));
        self.host.succeed(&words);
        gone().unwrap();
        let add = ["vpn", "add", "car", "--network", "srv", "--keep-refused"];
        let output = self.host.run(&add);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains("private.key"), "{told}");
        assert_eq!(self.refusals(), 1, "{told}");
        std::fs::rename(&away, Path::new(&folder).join("private.key")).unwrap();
        let start = Instant::now();
        while self.refusals() > 0 {
            assert!(start.elapsed() < Duration::from_secs(9), "it is shown for ever");
            std::thread::sleep(Duration::from_millis(100));
        }
        self.host.succeed(&words);
    }

    fn refusals(&self) -> usize {
        let status = self.host.succeed(&["status", "--json"]);
        let status: Value = serde_json::from_str(&status).unwrap();
        status["nodes"]["one"]["refused"].as_array().unwrap().len()
    }

    fn hears_that_output_is_lost(&self, file: &str) {
        let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        for line in [
            "vpn list",
            "vpn list --json",
            "status",
            "nodes",
            "network ls",
            "history",
            "doctor",
            "--help",
            "vpn add --help",
            "--version",
            "man",
            "completions bash",
            "vpn stats --watch",
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            let output = self.host.command(&words).stdout(full()).output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            let is_told = told.contains("cannot write to standard output: No space left");
            assert!(!output.status.success() && is_told, "{line}: {told}");
            // Who closes a pipe has had enough.
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let output = self.host.command(&words).stdout(writer).output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!told.contains("standard output"), "{line}: {told}");
            assert!(output.status.success() || line == "doctor", "{line}: {told}");
        }
        for words in [["plan", file], ["check", file]] {
            let output = self.host.command(&words).stdout(full()).output().unwrap();
            assert!(!output.status.success(), "{words:?}");
        }
        // What was asked for is done to the end.
        let words = ["network", "create", "extra", "--cidr", "10.77.0.0/16"];
        let output = self.host.command(&words).stdout(full()).output().unwrap();
        assert!(!output.status.success());
        self.host.succeed(&["network", "inspect", "extra"]);
        self.host.succeed(&["network", "rm", "extra"]);
    }

    fn imports_for_another_node(&self) {
        let file = self.config("lan.conf", "10.7.0", &[("bench", 2)]);
        let folder = Path::new("/etc/netloom/lan-of-a-test");
        let words = ["vpn", "import", &file, "--network", "lan-of-a-test", "--node", "two"];
        let output = self.host.run(&words);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && told.contains("on `two`"), "{told}");
        assert!(!told.contains(KEYS[0]) && !folder.exists(), "{told}");
        let keys = self.path("lan-keys");
        let own = ["vpn", "import", &file, "--key-folder", &keys, "--into"];
        self.fail(&[&own[..], &[&self.path("nowhere/lan.yaml")]].concat(), "cannot make");
        assert!(!Path::new(&keys).exists(), "no network, no keys");
        self.host.succeed(&[&own[..], &[&self.path("lan.yaml")]].concat());
        assert!(Path::new(&keys).join("private.key").exists());
    }

    /// Control does what it is asked for, or does not, and nobody hears of it.
    fn loses_no_key_with_the_connection(&self) {
        let socket = self.folder.join("run/home/control.sock");
        let real = self.folder.join("run/home/real.sock");
        std::fs::rename(&socket, &real).unwrap();
        let listener = UnixListener::bind(&socket).unwrap();
        let (behind, fate) = (real.clone(), Arc::new(AtomicU8::new(LOST)));
        let of_changes = Arc::clone(&fate);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (behind, fate) = (behind.clone(), of_changes.load(Ordering::SeqCst));
                std::thread::spawn(move || relay(client.unwrap(), &behind, fate));
            }
        });
        let new = self.path("lost.conf");
        let add = ["vpn", "add", "lost", "--network", "net", "-o", &new];
        self.fail(&add, "not known whether `lost` was added");
        let kept = std::fs::read_to_string(&new).unwrap();
        assert!(kept.contains("\nPrivateKey = "), "{kept}");
        let printed = self.host.run(&add[..5]).stdout;
        assert!(String::from_utf8_lossy(&printed).contains("\nPrivateKey = "));
        let file = self.config("broken.conf", "10.4.0", &[("bench", 2)]);
        let keys = self.path("broken-keys");
        let setup = ["vpn", "setup", "wireguard", "--config", &file, "--key-folder", &keys];
        self.fail(&setup, "not known whether `broken` was set up");
        assert!(Path::new(&keys).join("private.key").exists());
        std::fs::remove_dir_all(&keys).unwrap();
        fate.store(UNKNOWN, Ordering::SeqCst);
        let told = self.fail(&setup, "not known whether `broken` was set up");
        assert!(told.contains("look at the history"), "{told}");
        assert!(Path::new(&keys).join("private.key").exists());
        std::fs::remove_file(&new).unwrap();
        self.fail(&add, "not known whether `lost` was added");
        assert!(std::fs::read_to_string(&new).unwrap().contains("\nPrivateKey = "));

        fate.store(ARRIVES, Ordering::SeqCst);
        let new = self.path("found.conf");
        self.host.succeed(&["vpn", "add", "found", "--network", "net", "-o", &new]);
        let text = std::fs::read_to_string(&new).unwrap();
        assert!(text.contains(&self.address("found")) && !text.contains("Not complete"), "{text}");
        let export = ["vpn", "export", "found", "--private-key-file", &new];
        assert_eq!(self.host.succeed(&export), text, "a configuration is as good as its key");
        std::fs::rename(&real, &socket).unwrap();
    }

    fn sets_up_while_nothing_runs(&self) {
        let file = self.config("late.conf", "10.6.0", &[("bench", 2)]);
        let keys = self.path("late-keys");
        let words = ["vpn", "setup", "wireguard", "--config", &file, "--key-folder", &keys];
        self.fail(&words, "error: ");
        assert!(!Path::new(&keys).exists(), "nobody has taken the network");
    }
}

/// A change does not arrive.
const LOST: u8 = 0;
/// It arrives, and the answer is lost.
const ARRIVES: u8 = 1;
/// Control cannot say whether it was made.
const UNKNOWN: u8 = 2;

/// Relays what is only looked at. What becomes of a change is `fate`.
fn relay(mut client: UnixStream, control: &Path, fate: u8) {
    let mut first = [0; 4096];
    let length = client.read(&mut first).unwrap_or(0);
    let is_change = first.starts_with(b"POST");
    if is_change && fate == UNKNOWN {
        let body = r#"{"message":"the store was lost","solution":"look at the history"}"#;
        let length = body.len();
        let head = format!("HTTP/1.1 502 Bad Gateway\r\ncontent-length: {length}\r\n\r\n");
        client.write_all(format!("{head}{body}").as_bytes()).unwrap();
    }
    if length == 0 || is_change && fate != ARRIVES {
        return;
    }
    let mut control = UnixStream::connect(control).unwrap();
    control.write_all(&first[..length]).unwrap();
    let (mut asking, mut asked) = (client.try_clone().unwrap(), control.try_clone().unwrap());
    std::thread::spawn(move || std::io::copy(&mut asking, &mut asked));
    if is_change {
        let _ = control.read(&mut first);
    } else {
        let _ = std::io::copy(&mut control, &mut client);
    }
    let _ = client.shutdown(Shutdown::Both);
}
