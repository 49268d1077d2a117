//! `netloom doctor` on a host of its own: one that is well has no fault, and planted faults are found
//! by name.
//!
//! The host is a sandbox of namespaces.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::print_stdout, reason = "a test program of its own harness")]

mod sandbox;

use sandbox::{Host, installed, links, program};
use serde_json::Value;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

const FABRIC: &str = "
version: 1
fabric: solo
regions: { here: {} }
networks: { net: { cidr: [10.1.0.0/16, 'fd00:1::/48'] } }
subnets: { s: { network: net, cidr: [10.1.1.0/24, 'fd00:1:0:1::/64'] } }
nodes: { one: { region: here } }
nat_gateways: { out: { network: net, nodes: [one] } }
security_groups: { open: { ingress: [{ from: all }], egress: [{ to: all }] } }
workloads:
  a: { node: one, subnet: s, security_groups: [open], attach: { serve: { tcp: 80 } } }
";

/// What is declared besides, and cannot be: one ends at once, one cannot be started, two are not there.
const TROUBLE: &str = "
  ends: { node: one, subnet: s, security_groups: [open],
          attach: { process: { run: [/bin/sh, -c, 'echo the cupboard is bare; exit 3'] } } }
  lost: { node: one, subnet: s, security_groups: [open],
          attach: { process: { run: [/no/such/program] } } }
  box: { node: one, subnet: s, security_groups: [open], attach: { container: box } }
  blue: { node: one, subnet: s, security_groups: [open], attach: { netns: /run/netns/no-such-blue } }
";

fn main() -> ExitCode {
    sandbox::main("planted_faults_are_found_by_name", planted_faults_are_found_by_name)
}

/// What the doctor finds wrong: check, severity, what, command.
fn wrong(host: &Host) -> Vec<[String; 4]> {
    let output = host.run(&["doctor", "--json"]);
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let faults: Vec<[String; 4]> = findings
        .iter()
        .map(|found| ["check", "severity", "what", "command"].map(|key| word(found, key)))
        .filter(|[_, severity, ..]| severity != "ok")
        .collect();
    let has_error = faults.iter().any(|[_, severity, ..]| severity == "error");
    assert_eq!(output.status.code(), Some(i32::from(has_error)), "{faults:?}");
    faults
}

fn has(faults: &[[String; 4]], check: &str, severity: &str, what: &str, command: &str) {
    let found = faults.iter().any(|[c, s, w, how]| {
        c == check && s == severity && w.contains(what) && how.contains(command)
    });
    assert!(found, "{check} {severity} {what}: {faults:?}");
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Chains of others that drop what the gateway forwards; what the doctor says lets it pass.
fn firewalls(host: &Host) {
    let people = [
        "nft add table ip theirs",
        "nft add chain ip theirs ways { type filter hook forward priority 0; policy drop; }",
        "nft add rule ip theirs ways ct state established,related accept",
    ];
    let docker = [
        "iptables-nft -N DOCKER-USER",
        "iptables-nft -A FORWARD -j DOCKER-USER",
        "iptables-nft -A FORWARD -o docker0 -m conntrack --ctstate ESTABLISHED -j ACCEPT",
        "iptables-nft -P FORWARD DROP",
    ];
    let refusing = ["iptables-nft -P FORWARD ACCEPT", "iptables-nft -A FORWARD -j REJECT"];
    for (lines, name, command) in [
        (&people[..], "ip theirs ways drops", "nft insert rule ip theirs ways iifname u"),
        (&docker[..], "ip filter FORWARD drops", "iptables -I DOCKER-USER -i u"),
        (&refusing[..], "ip filter FORWARD drops", "iptables -I DOCKER-USER -i u"),
    ] {
        if installed(lines[0].split(' ').next().unwrap()).is_none() {
            println!("SKIPPED {name}: {} cannot be run", lines[0]);
            continue;
        }
        assert!(lines.iter().all(|line| program(line)), "{lines:?}");
        let faults = wrong(host);
        has(&faults, "rules", "error", name, command);
        let [.., command] = faults.iter().find(|[check, ..]| check == "rules").unwrap();
        let run = |line: &str| Command::new("/bin/sh").args(["-c", line]).status().unwrap();
        let path = "PATH=/usr/sbin:/sbin:/usr/bin:/bin";
        assert!(run(&format!("{path}; {command}")).success(), "{command}");
        let faults = wrong(host);
        assert!(faults.iter().all(|[check, ..]| check != "rules"), "{command}: {faults:?}");
        if name.contains("FORWARD") {
            assert!(program("iptables-nft -F DOCKER-USER"));
        }
    }
}

/// Workloads that keep ending, cannot be started, and are not there; gone with what is declared.
fn workloads(host: &Host, file: &Path) {
    std::fs::write(file, format!("{FABRIC}{TROUBLE}")).unwrap();
    let file_name = file.to_string_lossy();
    host.succeed(&["apply", &file_name]);
    let logs = host.folder.join("run/solo/logs");
    wait_until("three starts in a row came to nothing", || {
        let faults = wrong(host);
        let said = |name: &str| {
            faults
                .iter()
                .any(|[_, _, what, _]| what.starts_with(&format!("{name} does not stay up")))
        };
        said("ends") && said("lost")
    });
    let faults = wrong(host);
    for name in ["ends", "lost"] {
        let command = format!("tail -n 20 {}", logs.join(name).display());
        has(&faults, "workloads", "error", &format!("{name} does not stay up"), &command);
    }
    has(&faults, "workloads", "error", "box is declared for this node", "systemctl start docker");
    let command = "ip netns add no-such-blue";
    has(&faults, "workloads", "error", "blue is declared for this node", command);
    let text = String::from_utf8_lossy(&host.run(&["doctor"]).stdout).into_owned();
    for words in [
        "it ended: exit status: 3; the end of what it printed: the cupboard is bare",
        "cause: cannot run /no/such/program",
        "no container engine answers at",
        "start Docker, or set DOCKER_HOST",
        "1 workload is as declared",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    std::fs::write(file, FABRIC).unwrap();
    host.succeed(&["apply", &file_name]);
    let faults = wrong(host);
    assert!(faults.iter().all(|[check, ..]| check != "workloads"), "{faults:?}");
}

/// The one daemon of a kind.
fn daemon(host: &Host, kind: &str) -> Option<u32> {
    let run = host.folder.join("run");
    let is_meant = |id: &u32| {
        let words = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = words.split(|byte| *byte == 0).collect();
        words.get(1) == Some(&kind.as_bytes())
            && words.contains(&run.as_os_str().as_encoded_bytes())
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let mut ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.find(is_meant)
}

fn signal(id: u32, signal: &str) {
    let line = format!("kill -{signal} {id}");
    assert!(Command::new("/bin/sh").args(["-c", &line]).status().unwrap().success());
}

/// A supervisor and an agent that are killed, and one that hangs; what the doctor says mends each.
fn daemons(host: &Host) {
    let is_well = || wrong(host).iter().all(|[check, ..]| check != "daemons");
    signal(daemon(host, "supervise").unwrap(), "KILL");
    let faults = wrong(host);
    has(&faults, "daemons", "error", "the supervisor does not run", "netloom start");
    let agent = daemon(host, "node").unwrap();
    signal(agent, "KILL");
    wait_until("the agent is missed", || {
        wrong(host).iter().any(|[_, _, what, _]| what == "the agent does not answer")
    });
    let faults = wrong(host);
    has(&faults, "daemons", "error", "the agent does not answer", "netloom start");
    assert!(faults.iter().all(|[_, _, what, _]| !what.contains("supervisor")), "{faults:?}");
    // What the doctor says of status then.
    wait_until("control misses the node", || {
        let status: Value = serde_json::from_str(&host.succeed(&["status", "--json"])).unwrap();
        status["nodes"]["one"]["state"] == "away" && status["workloads"]["a"]["state"] == "unknown"
    });
    let control = daemon(host, "control");
    host.succeed(&["start"]);
    wait_until("what was mended is well", is_well);
    assert_eq!(daemon(host, "control"), control, "what ran is left alone");
    signal(control.unwrap(), "KILL");
    wait_until("control is started again by the new supervisor", || {
        daemon(host, "control").is_some_and(|now| Some(now) != control) && is_well()
    });

    let agent = daemon(host, "node").unwrap();
    signal(agent, "STOP");
    let faults = wrong(host);
    let command = format!("kill -9 {agent}");
    has(&faults, "daemons", "error", "the agent takes calls and says nothing", &command);
    signal(agent, "9");
    wait_until("the supervisor has started another", is_well);

    let control = daemon(host, "control").unwrap();
    signal(control, "STOP");
    let faults = wrong(host);
    let command = format!("kill -9 {control}");
    has(&faults, "daemons", "error", "the control takes calls and says nothing", &command);
    has(&faults, "control", "error", "does not answer", "netloom connect");
    signal(control, "9");
    wait_until("the supervisor has started another control", is_well);
}

fn planted_faults_are_found_by_name(folder: &Path) {
    let host = Host { folder: folder.to_owned() };
    links();
    let file = folder.join("solo.yaml");
    std::fs::write(&file, FABRIC).unwrap();
    host.succeed(&["up", &file.to_string_lossy(), "--name", "one", "--endpoint", "192.0.2.1:7766"]);
    // TUN may be missing here, which is told, and is no error.
    let errors = |faults: &[[String; 4]]| {
        faults.iter().filter(|[_, severity, ..]| severity == "error").count()
    };
    wait_until("a host that is well has no error", || errors(&wrong(&host)) == 0);
    let before: Value = serde_json::from_str(&host.succeed(&["status", "--json"])).unwrap();
    assert_eq!(before["nodes"]["one"]["state"], "connected", "looking ends no session");

    let state = folder.join("state/solo");
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(program("ip route add 10.1.7.0/24 dev up0"));
    assert!(program("ip route add default dev up0"));
    let faults = wrong(&host);
    has(&faults, "folders", "error", "open to others (755)", "chmod 700");
    has(&faults, "routes", "error", "10.1.7.0/24 on up0", "ip route del 10.1.7.0/24 dev up0");
    firewalls(&host);
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();

    workloads(&host, &file);
    daemons(&host);

    let port = 51_820;
    host.succeed(&["stop"]);
    let thief = UdpSocket::bind(("0.0.0.0", port)).unwrap();
    let faults = wrong(&host);
    has(&faults, "daemons", "error", "the fabric is stopped on this host", "netloom start");
    // As it is after daemons have died, which leave their folder behind.
    let run = host.folder.join("run/solo");
    std::fs::create_dir_all(&run).unwrap();
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o700)).unwrap();
    let faults = wrong(&host);
    has(&faults, "daemons", "error", "the agent does not answer", "netloom start");
    has(&faults, "daemons", "error", "the control does not answer", "netloom start");
    has(&faults, "control", "error", "does not answer", "netloom connect");
    let own = format!("(process {})", std::process::id());
    has(&faults, "ports", "error", &own, &format!("kill {}", std::process::id()));
    drop(thief);
    host.succeed(&["down", "--yes"]);
}
