//! The executable as its users run it: labs that come up, change, suffer faults, and leave nothing.
//!
//! Each test has a home of its own, in which nothing may be left. Where namespaces cannot be had,
//! tests are skipped loudly, or fail if `NETLOOM_REQUIRE_LAB` or `CI` is set.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const NETLOOM: &str = env!("CARGO_BIN_EXE_netloom");

/// A user's home, removed in the end; a lab left in it fails the test.
struct Home(PathBuf);

static HOMES: AtomicU32 = AtomicU32::new(0);

impl Home {
    fn new() -> Self {
        let number = HOMES.fetch_add(1, Ordering::Relaxed);
        let name = format!("netloom-cli-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_netloom"));
        command.args(arguments).stdin(Stdio::null());
        command.env_remove("XDG_RUNTIME_DIR").env("TMPDIR", &self.0).env("PATH", "/usr/bin:/bin");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must succeed; gives what it printed.
    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}\n{text}\n{errors}");
        text
    }

    /// Runs a command that must fail; gives its errors.
    fn fail(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?} succeeded");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.succeed(&["lab", "status", "--json"])).unwrap()
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    }

    /// What is left of labs.
    fn leftovers(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.0).unwrap().flatten().map(|entry| entry.path());
        entries.filter(|path| path.is_dir()).collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // A test that failed half-way may leave a lab running.
        let _ = self.run(&["lab", "down"]);
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether labs work here at all; says loudly if not.
fn labs_work(home: &Home) -> bool {
    let file = home.write("tiny.yaml", TINY);
    let output = home.run(&["lab", "up", &file]);
    if output.status.success() {
        home.succeed(&["lab", "down"]);
        return true;
    }
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    let required =
        ["NETLOOM_REQUIRE_LAB", "CI"].iter().any(|name| std::env::var_os(name).is_some());
    assert!(!required, "labs are required here, and do not work: {why}");
    eprintln!("SKIPPED: labs do not work here: {why}");
    false
}

const TINY: &str = "
version: 1
fabric: tiny
regions: { here: {} }
networks: { net: { cidr: [10.1.0.0/16, \"fd00:1::/48\"] } }
subnets: { s: { network: net, cidr: [10.1.1.0/24, \"fd00:1:0:1::/64\"] } }
nodes: { one: { region: here }, two: { region: here } }
security_groups:
  open: { ingress: [{ from: all }], egress: [{ to: all }] }
workloads:
  a: { node: one, subnet: s, security_groups: [open], attach: { serve: { tcp: 80 } } }
  b: { node: two, subnet: s, security_groups: [open], attach: { serve: { tcp: 80 } } }
tests:
  - { from: a, to: b, port: 80/tcp, expect: allow }
";

fn quickstart() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../examples/quickstart.yaml");
    path.canonicalize().unwrap().to_string_lossy().into_owned()
}

/// Kills the `netloom COMMAND` that has this folder of the test's own among its arguments.
fn kill(command: &str, folder: &str) {
    let is_meant = |id: &str| {
        let words = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = words.split(|byte| *byte == 0).collect();
        words.get(1) == Some(&command.as_bytes()) && words.contains(&folder.as_bytes())
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let found: Vec<String> = names.filter(|name| is_meant(name)).collect();
    assert_eq!(found.len(), 1, "{command} of {folder}");
    let line = format!("kill -KILL {}", found[0]);
    assert!(Command::new("/bin/sh").args(["-c", &line]).status().unwrap().success());
}

/// The body of an answer over HTTP; nothing if nobody answers, or not well.
fn get(authority: &str, path: &str, token: Option<&str>) -> Option<String> {
    let mut stream = std::net::TcpStream::connect(authority).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let access = token.map(|token| format!("authorization: Bearer {token}\r\n"));
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n{}\r\n",
        access.unwrap_or_default()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

/// Waits until `true`, for as long as something that works could ever take.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_quickstart_comes_up_keeps_its_promises_and_leaves_nothing() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let text = home.succeed(&["lab", "up", &quickstart()]);
    assert!(text.contains("15 of 15 tests hold"), "{text}");
    assert!(text.contains("8 of 8 names resolve"), "{text}");
    let netloom = env!("CARGO_BIN_EXE_netloom");
    home.succeed(&["lab", "exec", "web-1", "--", netloom, "connect", "api-1:8080"]);
    let denied = home.run(&["lab", "exec", "db-1", "--", netloom, "connect", "web-1:80"]);
    assert!(!denied.status.success());
    let records = home.succeed(&["lab", "exec", "web-1", "--", netloom, "lookup", "db.services"]);
    assert!(records.contains("10.0.2.5") && records.contains("10.0.4.5"), "{records}");
    let signalled =
        home.run(&["lab", "exec", "web-1", "--", "sh", "-c", "kill -TERM $$; echo survived"]);
    assert!(signalled.stdout.is_empty(), "signals reach what runs inside");
    let error = home.fail(&["lab", "exec", "web1", "--", "true"]);
    assert!(error.contains("did you mean `web-1`"), "{error}");
    let error = home.fail(&["lab", "up", &quickstart()]);
    assert!(error.contains("is up already"), "{error}");
    home.succeed(&["lab", "down"]);
    assert_eq!(home.leftovers(), Vec::<PathBuf>::new());
    let error = home.fail(&["lab", "status"]);
    assert!(error.contains("no lab is up"), "{error}");
}

#[test]
fn the_examples_of_whole_networks_come_up_and_keep_their_promises() {
    for (name, tests) in [("regions", 18), ("app-network", 21), ("architecture", 43)] {
        let home = Home::new();
        if !labs_work(&home) {
            return;
        }
        let file = format!("{}/../../../examples/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        let text = home.succeed(&["lab", "up", &file]);
        assert!(text.contains(&format!("{tests} of {tests} tests hold")), "{name}: {text}");
        home.succeed(&["lab", "down"]);
        assert_eq!(home.leftovers(), Vec::<PathBuf>::new());
    }
}

const PEERED: &str = "
version: 1
fabric: peered
regions: { here: {} }
networks:
  app: { cidr: [10.1.0.0/16, \"fd00:1::/48\"] }
  ops: { cidr: [10.2.0.0/16, \"fd00:2::/48\"] }
  legacy: { cidr: 10.3.0.0/16, dns: { domain: old.example } }
peerings:
  app-ops: { networks: [app, ops] }
  app-legacy: { networks: [app, legacy], status: pending }
subnets:
  web: { network: app, cidr: [10.1.1.0/24, \"fd00:1:0:1::/64\"] }
  jobs: { network: ops, cidr: [10.2.1.0/24, \"fd00:2:0:1::/64\"] }
  small: { network: ops, cidr: 10.2.2.0/24 }
  old: { network: legacy, cidr: 10.3.1.0/24 }
nodes: { one: { region: here }, two: { region: here } }
security_groups:
  open: { ingress: [{ from: all }], egress: [{ to: all }] }
workloads:
  web-1: { node: one, subnet: web, security_groups: [open], labels: { app: web }, attach: { serve: { tcp: 80 } } }
  cron-1: { node: two, subnet: jobs, security_groups: [open], attach: { serve: { tcp: 80 } } }
  tiny-1: { node: two, subnet: small, security_groups: [open], attach: { serve: { tcp: 80 } } }
  old-1: { node: one, subnet: old, security_groups: [open], attach: { serve: { tcp: 80 } } }
services:
  web: { namespace: svc, port: 80, select: { app: web } }
";

#[test]
fn names_of_peered_networks_resolve_and_others_do_not() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let file = home.write("peered.yaml", PEERED);
    home.succeed(&["lab", "up", &file]);
    let inside = |workload: &str, arguments: &[&str]| {
        home.run(&[&["lab", "exec", workload, "--", NETLOOM], arguments].concat())
    };
    let records = |workload: &str, name: &str| -> Vec<String> {
        let output = inside(workload, &["lookup", name, "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let answers = report["answers"].as_array().into_iter().flatten();
        let records = answers.flat_map(|answer| answer["records"].as_array().unwrap());
        records.map(|record| record["data"].as_str().unwrap().to_owned()).collect()
    };
    let own = records("web-1", "web-1");
    assert_eq!(own.len(), 2, "{own:?}");
    assert_eq!(records("cron-1", "web-1.app.internal"), own);
    // Who has no IPv6 is not sent there.
    assert_eq!(records("tiny-1", "web-1.app.internal"), own[..1]);
    assert_eq!(records("cron-1", "web.svc.app.internal"), own);
    assert_eq!(records("cron-1", "_web._tcp.svc.app.internal"), ["0 1 80 web-1.app.internal"]);
    assert_eq!(records("cron-1", &own[0]), ["web-1.app.internal"]);
    assert_eq!(records("web-1", "tiny-1.ops.internal").len(), 1);
    // By the name, with the C library's own resolver.
    let output =
        home.run(&["lab", "exec", "cron-1", "--", "getent", "ahosts", "web-1.app.internal"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(own.iter().all(|address| text.contains(address)), "{text}");
    assert!(inside("cron-1", &["connect", "web-1.app.internal:80"]).status.success());
    // A peering that waits carries neither packets nor names, and no third network's.
    assert_eq!(records("web-1", "old-1.old.example"), Vec::<String>::new());
    home.write("peered.yaml", &PEERED.replace(", status: pending", ""));
    home.succeed(&["lab", "apply", &file]);
    assert_eq!(records("web-1", "old-1.old.example").len(), 1);
    assert_eq!(records("cron-1", "old-1.old.example"), Vec::<String>::new());
    home.succeed(&["lab", "down"]);
}

const ASKING: &str = "
version: 1
fabric: asking
regions: { here: {} }
networks:
  app: { cidr: 10.1.0.0/16, dns: { resolvers: [203.0.113.1] } }
  ops: { cidr: [10.2.0.0/16, \"fd00:2::/48\"], dns: { resolvers: [\"fd00:2:0:1::53\"] } }
subnets:
  web: { network: app, cidr: 10.1.1.0/24 }
  jobs: { network: ops, cidr: [10.2.1.0/24, \"fd00:2:0:1::/64\"] }
nodes: { one: { region: here, security_groups: [asks] }, two: { region: here, security_groups: [asks] } }
security_groups:
  asks: { egress: [{ protocol: udp, ports: 53, to: { security_group: names } }] }
  names: { ingress: [{ protocol: udp, ports: 53, from: { security_group: asks } }] }
workloads:
  web-1: { node: one, subnet: web, security_groups: [], attach: { serve: { tcp: 80 } } }
  cron-1: { node: one, subnet: jobs, security_groups: [], attach: { serve: { tcp: 80 } } }
  names: { node: two, subnet: jobs, address: [10.2.1.53, \"fd00:2:0:1::53\"], security_groups: [names], attach: { process: { run: RUN } } }
";

/// The resolver of somebody else, where the tests below start this program again.
#[test]
fn serve_other_names() {
    if let Ok(address) = std::env::var("NETLOOM_OTHER_NAMES") {
        netloom_testkit::other_resolver::serve(address.parse().unwrap()).unwrap();
    }
}

#[test]
fn other_names_are_asked_of_the_resolvers_that_a_network_names() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let own = std::env::current_exe().unwrap();
    let serve = |address: &str| {
        let own = own.to_string_lossy();
        let line = format!("NETLOOM_OTHER_NAMES={address} exec {own} --exact serve_other_names");
        ["/bin/sh".to_owned(), "-c".to_owned(), line]
    };
    let inside = ASKING.replace("RUN", &format!("{:?}", serve("192.0.2.2")));
    home.succeed(&["lab", "up", &home.write("asking.yaml", &inside)]);
    let outside = serve("192.0.2.1");
    let outside = ["lab", "exec", "internet", "--", &outside[0], &outside[1], &outside[2]];
    let mut outside = home.command(&outside).stdout(Stdio::null()).spawn().unwrap();
    for (workload, expected) in [("web-1", "192.0.2.1"), ("cron-1", "192.0.2.2")] {
        let lookup = ["lab", "exec", workload, "--", NETLOOM, "lookup", "shop.example", "--json"];
        wait_until(&format!("{workload} is answered {expected}"), || {
            String::from_utf8_lossy(&home.run(&lookup).stdout).contains(expected)
        });
    }
    // Policy is asked, as of everybody who calls the resolver inside.
    let shut = inside.replace("from: { security_group: asks }", "from: 10.9.0.0/16");
    home.run(&["lab", "apply", &home.write("shut.yaml", &shut)]);
    let lookup = ["lab", "exec", "cron-1", "--", NETLOOM, "lookup", "other.example", "--json"];
    let said = String::from_utf8_lossy(&home.run(&lookup).stdout).into_owned();
    assert!(!said.contains("192.0.2.2"), "{said}");
    outside.kill().unwrap();
    outside.wait().unwrap();
    home.succeed(&["lab", "down"]);
}

const OUTSIDE: &str = "
version: 1
fabric: outside
regions: { here: {} }
networks: { net: { cidr: [10.1.0.0/16, \"fd00:1::/48\"] } }
internet_gateways:
  both: { network: net, nodes: [edge] }
  out: { network: net, nodes: [one], egress_only: true }
nat_gateways: { nat: { network: net, nodes: [edge] } }
route_tables:
  out:
    network: net
    routes:
      - { to: \"::/0\", via: { internet_gateway: out } }
      - { to: 0.0.0.0/0, via: { nat_gateway: nat } }
subnets:
  open: { network: net, cidr: [10.1.1.0/24, \"fd00:1:0:1::/64\"], public: true }
  quiet: { network: net, cidr: [10.1.2.0/24, \"fd00:1:0:2::/64\"], route_table: out }
nodes: { edge: { region: here }, one: { region: here } }
security_groups:
  shop: { ingress: [{ protocol: tcp, ports: 80, from: all }], egress: [{ to: all }] }
  all: { ingress: [{ from: all }], egress: [{ to: all }] }
workloads:
  shop: { node: one, subnet: open, security_groups: [shop], publish: [{ port: 8080, to: 80 }], attach: { serve: { tcp: [80, 81] } } }
  quiet: { node: one, subnet: quiet, security_groups: [all], attach: { serve: { tcp: 80 } } }
tests:
  - { from: shop, to: internet, ports: [443/tcp, icmp], expect: allow }
  - { from: quiet, to: internet, ports: [443/tcp, icmp], expect: allow }
  - { from: internet, to: shop, port: 80/tcp, expect: allow }
  - { from: internet, to: shop, ports: [81/tcp, icmp], expect: deny }
  - { from: internet, to: quiet, ports: [80/tcp, icmp], expect: deny }
";

#[test]
fn both_families_leave_by_gateways_and_only_what_is_open_is_called_from_outside() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let text = home.succeed(&["lab", "up", &home.write("outside.yaml", OUTSIDE)]);
    assert!(text.contains("9 of 9 tests hold"), "{text}");
    // Over IPv6 by itself, so that no IPv4 hides that it does not pass.
    let inside = |workload: &str, arguments: &[&str]| {
        home.run(&[&["lab", "exec", workload, "--", NETLOOM], arguments].concat())
    };
    for workload in ["shop", "quiet"] {
        assert!(inside(workload, &["ping", "2001:db8::1", "--count", "1"]).status.success());
    }
    let shop = "[fd00:1:0:1::4]:80";
    assert!(inside("internet", &["connect", shop]).status.success());
    home.succeed(&["lab", "down"]);
    assert_eq!(home.leftovers(), Vec::<PathBuf>::new());
}

#[test]
fn what_is_declared_over_the_api_is_in_the_lab_and_files_refer_to_it() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let file = home.write("tiny.yaml", TINY);
    home.succeed(&["lab", "up", &file]);
    let more = TINY.replace(
        "tests:",
        "  c: { node: two, subnet: added, security_groups: [open], attach: { serve: { tcp: 80 } } }\n  \
           d: { node: one, subnet: added, security_groups: [open], attach: { serve: { tcp: 80 } } }\n\
         tests:\n  - { from: c, to: d, port: 80/tcp, expect: allow }",
    );
    let more = home.write("more.yaml", &more);
    let error = home.fail(&["lab", "apply", &more]);
    assert!(error.contains("there is no subnet `added`"), "{error}");
    let create = ["network", "create", "added", "--cidr", "10.9.0.0/24"];
    home.succeed(&[&["lab", "exec", "one", "--", NETLOOM], &create[..]].concat());
    // On the machine of control as from outside of the lab.
    let plan = home.succeed(&["lab", "exec", "one", "--", NETLOOM, "plan", &more]);
    assert!(plan.contains("starts workload c"), "{plan}");
    let text = home.succeed(&["lab", "apply", &more]);
    assert!(text.contains("2 of 2 tests hold"), "{text}");
    assert_eq!(home.status()["workloads"]["c"]["network"], "added");
    let history = home.succeed(&["lab", "exec", "one", "--", NETLOOM, "history", "3"]);
    assert!(history.contains("# (api)") && history.contains("10.9.0.0/24"), "{history}");
    // A file without it leaves it alone.
    home.succeed(&["lab", "apply", &file]);
    let networks = home.succeed(&["lab", "exec", "one", "--", NETLOOM, "network", "ls"]);
    assert!(networks.contains("added"), "{networks}");
    // What fails goes back to what was, with what the API has.
    let wrong = home.write("wrong.yaml", &TINY.replace("expect: allow", "expect: deny"));
    home.fail(&["lab", "apply", &wrong]);
    home.succeed(&["lab", "apply", &more]);
    home.succeed(&["lab", "down"]);
    assert_eq!(home.leftovers(), Vec::<PathBuf>::new());
}

#[test]
fn an_apply_changes_only_what_changed_and_ends_what_is_forbidden_now() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let file = home.write("tiny.yaml", TINY);
    home.succeed(&["lab", "up", &file]);
    let same = home.succeed(&["lab", "apply", &file]);
    assert_eq!(same.matches(": 0 operations").count(), 2, "{same}");
    let before = home.status()["workloads"]["a"].clone();
    // A flow that is under way when policy closes it.
    let script = "exec 3<>/dev/tcp/b/80; echo one >&3; read -t 5 x <&3; echo got $x; sleep 3; \
                  echo two >&3; read -t 2 y <&3 || echo ended";
    let mut flow = home.command(&["lab", "exec", "a", "--", "bash", "-c", script]);
    let flow = flow.stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(800));
    let closed =
        TINY.replace("ingress: [{ from: all }]", "ingress: [{ protocol: udp, from: all }]");
    let closed = closed.replace("expect: allow", "expect: deny");
    let file = home.write("closed.yaml", &closed);
    let text = home.succeed(&["lab", "apply", &file]);
    assert!(text.contains("table network-net"), "{text}");
    assert!(!text.contains("veth") && !text.contains("namespace"), "{text}");
    assert_eq!(home.status()["workloads"]["a"], before, "the workload goes on");
    let output = flow.wait_with_output().unwrap();
    let seen = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(seen.contains("got one") && seen.contains("ended"), "{seen}");
}

#[test]
fn a_process_that_dies_is_started_again_and_status_says_so() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let dying = TINY.replace(
        "attach: { serve: { tcp: 80 } } }\n  b:",
        "attach: { process: { run: [/bin/sh, -c, \"sleep 0.2; exit 3\"] } } }\n  b:",
    );
    let file = home.write("dying.yaml", &dying);
    home.succeed(&["lab", "up", &file]);
    wait_until("the end of the process is told", || {
        let state = home.status()["workloads"]["a"]["state"].to_string();
        state.contains("exit status: 3")
    });
    let missing = TINY.replace(
        "attach: { serve: { tcp: 80 } } }\n  b:",
        "attach: { process: { run: [/no/such/program] } } }\n  b:",
    );
    let file = home.write("missing.yaml", &missing);
    home.succeed(&["lab", "apply", &file]);
    wait_until("the missing program is told", || {
        home.status()["workloads"]["a"]["state"].to_string().contains("/no/such/program")
    });
}

#[test]
fn a_port_that_is_taken_is_an_error_with_its_cure() {
    let home = Home::new();
    let listener = std::net::TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let error = home.fail(&["serve", "--tcp", &port]);
    assert!(error.contains(&port) && error.contains("another"), "{error}");
}

#[test]
fn an_apply_that_a_node_refuses_goes_back_to_what_was() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let file = home.write("tiny.yaml", TINY);
    home.succeed(&["lab", "up", &file]);
    let before = home.status()["workloads"].clone();
    // A node serves 64 networks at most, which it says itself.
    let mut many = TINY.to_owned();
    for (key, entry) in [
        ("networks: {", " n#: { cidr: 10.#.0.0/16 },"),
        ("subnets: {", " s#: { network: n#, cidr: 10.#.1.0/24 },"),
        ("workloads:\n", "  w#: { node: one, subnet: s#, attach: { serve: { tcp: 80 } } }\n"),
    ] {
        let entries: String =
            (100..165).map(|number| entry.replace('#', &number.to_string())).collect();
        many = many.replacen(key, &format!("{key}{entries}"), 1);
    }
    let file = home.write("many.yaml", &many);
    let error = home.fail(&["lab", "apply", &file]);
    assert!(error.contains("64"), "{error}");
    assert_eq!(home.status()["workloads"], before);
    let tests = home.succeed(&["lab", "test"]);
    assert!(tests.contains("1 of 1"), "{tests}");
    let broken = home.write("broken.yaml", &TINY.replace("expect: allow", "expect: deny"));
    let error = home.fail(&["lab", "apply", &broken]);
    assert!(error.contains("nothing was changed") && !error.contains("taken back"), "{error}");
    let history = home.succeed(&["lab", "exec", "one", "--", NETLOOM, "history", "--json"]);
    let history: Value = serde_json::from_str(&history).unwrap();
    let revisions: Vec<&Value> =
        history.as_array().unwrap().iter().map(|one| &one["rollback_of"]).collect();
    assert_eq!(revisions, [&Value::from(1), &Value::Null, &Value::Null, &Value::Null]);
    // Kept all the same by somebody inside, it can still be looked at, and mended from there.
    let inside = ["lab", "exec", "one", "--", NETLOOM];
    let kept = home.run(&[&inside[..], &["apply", "--keep-refused", &file]].concat());
    assert!(!kept.status.success());
    let looked = home.run(&["lab", "status"]);
    let told = String::from_utf8_lossy(&looked.stderr);
    assert!(looked.status.success() && told.contains("cannot follow"), "{told}");
    home.succeed(&[&inside[..], &["rollback", "1"]].concat());
    assert_eq!(home.status()["workloads"], before);
}

#[test]
fn control_is_asked_where_it_runs_and_its_dashboard_from_here() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let file = home.write("tiny.yaml", TINY);
    let text = home.succeed(&["lab", "up", &file]);
    let address = text.lines().find_map(|line| line.strip_prefix("dashboard  ")).unwrap();
    let (origin, token) = address.split_once("/#token=").unwrap();
    let authority = origin.strip_prefix("http://").unwrap();
    assert!(get(authority, "/", None).unwrap().contains("<html"), "the page");
    let revision = || {
        let status = get(authority, "/v1/status", Some(token))?;
        Some(serde_json::from_str::<Value>(&status).ok()?["revision"].clone())
    };
    assert_eq!(revision(), Some(Value::from(1)));
    let more = TINY
        .replace("tests:", "  c: { node: two, subnet: s, attach: { serve: { tcp: 81 } } }\ntests:");
    home.succeed(&["lab", "apply", &home.write("more.yaml", &more)]);
    assert_eq!(revision(), Some(Value::from(2)));
    let plan = home.succeed(&["lab", "exec", "one", "--", NETLOOM, "plan", &file]);
    assert!(plan.contains("stops workload c"), "{plan}");
    let own = home.succeed(&["lab", "exec", "two", "--", NETLOOM, "status"]);
    assert!(own.contains("connected to 198.18.0.10:7766"), "{own}");
    // Control comes back, at the same address, and the nodes have gone on without it.
    let run = home.status()["nodes"]["one"]["run_folder"].as_str().unwrap().to_owned();
    kill("control", &run);
    assert!(home.run(&["lab", "test"]).status.success());
    wait_until("control is back", || revision() == Some(Value::from(2)));
    let status = home.succeed(&["lab", "status"]);
    assert!(status.contains(&format!("\ndashboard  {address}\n")), "{status}");
    home.succeed(&["lab", "apply", &file]);
    assert_eq!(revision(), Some(Value::from(3)));
    // What is changed on control's machine is followed by the lab.
    home.succeed(&["lab", "exec", "one", "--", NETLOOM, "rollback", "2"]);
    assert_eq!(home.status()["workloads"]["c"]["state"], "running");
    home.succeed(&["lab", "down"]);
    // The port may be another lab's by now.
    assert_eq!(revision(), None, "nobody there knows the token any more");
    assert_eq!(home.leftovers(), Vec::<PathBuf>::new());
}

#[test]
fn packets_between_workloads_are_compared_with_what_explain_says() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let some = "ingress: [{ from: all, ports: 80, protocol: tcp }, { from: all, protocol: icmp }]";
    let file = home.write("some.yaml", &TINY.replace("ingress: [{ from: all }]", some));
    home.succeed(&["lab", "up", &file]);
    let tried = |words: &[&str]| {
        let command = ["lab", "exec", "one", "--", NETLOOM, "network", "test-connectivity"];
        home.run(&[&command[..], words].concat())
    };
    let text = |output: &Output| {
        let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        format!("{out}{err}")
    };
    // From control's own node, and from another one.
    for (from, to, node) in [("a", "b", "one"), ("b", "a", "two")] {
        let output = tried(&[from, to, "80/tcp", "81/tcp", "53/udp", "icmp", "--json"]);
        assert!(output.status.success(), "{}", text(&output));
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(found["node"], node);
        let flows = found["flows"].as_array().unwrap();
        let seen: Vec<(&str, bool, bool, bool)> = flows
            .iter()
            .map(|flow| {
                let is_v4 = flow["destination"].as_str().unwrap().contains('.');
                let word = flow["flow"].as_str().unwrap();
                (word, is_v4, flow["allowed"] == true, flow["seen"] == "answered")
            })
            .collect();
        let expected: Vec<(&str, bool, bool, bool)> =
            [("80/tcp", true), ("81/tcp", false), ("53/udp", false), ("icmp", true)]
                .iter()
                .flat_map(|(word, passes)| [true, false].map(|v4| (*word, v4, *passes, *passes)))
                .collect();
        assert_eq!(seen, expected, "{found:#}");
        assert!(flows.iter().all(|flow| flow["agrees"] == true), "{found:#}");
    }
    let known = text(&tried(&["b", "a"]));
    assert!(known.contains("sent by node two") && known.contains(" 80/tcp "), "{known}");
    // Something of the host's own that policy knows nothing of.
    let mute = "echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all";
    home.succeed(&["lab", "exec", "b", "--", "sh", "-c", mute]);
    let output = tried(&["a", "b", "80/tcp", "icmp"]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("3 of 4 did as explain says"), "{said}");
    let wrong: Vec<&str> = said.lines().filter(|line| line.contains("DISAGREES")).collect();
    assert!(wrong.len() == 1 && wrong[0].contains("icmp 10.1."), "{said}");
    let output = tried(&["a", "bb"]);
    assert!(!output.status.success() && text(&output).contains("did you mean `b`"));
    let elsewhere = ["lab", "exec", "two", "--", NETLOOM, "network", "test-connectivity", "a", "b"];
    let said = home.fail(&elsewhere);
    assert!(said.contains("control of `tiny` is not on this host"), "{said}");
}

#[test]
fn control_that_runs_on_the_internet_is_asked_there() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    // Each behind a translator of its own, so that control can be with neither.
    let apart = TINY.replace("here: {}", "here: { nat: true }, there: { nat: true }");
    let apart = apart.replace("two: { region: here }", "two: { region: there }");
    let apart = apart.replace("b: { node: two", "b: { node: one");
    let text = home.succeed(&["lab", "up", &home.write("apart.yaml", &apart)]);
    assert!(text.contains("lab exec internet -- netloom history"), "{text}");
    let words =
        ["lab", "exec", "internet", "--", NETLOOM, "network", "test-connectivity", "a", "b"];
    let said = home.succeed(&words);
    assert!(said.contains("sent by node one"), "{said}");
}

#[test]
fn the_port_table_is_audited_against_who_really_listens() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let listed =
        TINY.replace("workloads:\n", "ports: { web: { port: 80, protocol: tcp } }\nworkloads:\n");
    home.succeed(&["lab", "up", &home.write("listed.yaml", &listed)]);
    let audit = || {
        let output = home.run(&["lab", "exec", "one", "--", NETLOOM, "ports", "audit", "--json"]);
        let said: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let found = said["findings"].as_array().unwrap().iter();
        let word = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
        let found: Vec<[String; 2]> =
            found.map(|one| ["kind", "message"].map(|key| word(one, key))).collect();
        assert_eq!(output.status.success(), found.is_empty(), "{said}");
        (said["looked_at"].as_u64().unwrap(), found)
    };
    // The node's own stack, with Netloom's daemons on it, and its workload.
    assert_eq!(audit(), (2, Vec::new()));
    let has = |found: &[[String; 2]], kind: &str, words: &[&str]| {
        found.iter().any(|[of, said]| of == kind && words.iter().all(|word| said.contains(word)))
    };
    // Somebody's own program on the node, which no plan knows of.
    let mut program =
        home.command(&["lab", "exec", "one", "--", NETLOOM, "serve", "--tcp", "2222"]);
    let mut program = program.stdout(Stdio::null()).spawn().unwrap();
    wait_until("a listener of the node is found", || has(&audit().1, "unlisted", &["one", "2222"]));
    assert_eq!(audit().1.len(), 1);
    program.kill().unwrap();
    program.wait().unwrap();
    // A server that the table does not know, and a published port where nobody listens.
    let more = listed.replacen(
        "attach: { serve: { tcp: 80 } }",
        "publish: 443, attach: { serve: { tcp: 80, udp: 5353 } }",
        1,
    );
    home.run(&["lab", "apply", &home.write("more.yaml", &more)]);
    wait_until("a new server is found", || has(&audit().1, "unlisted", &["`a`", "5353"]));
    let (_, found) = audit();
    assert!(has(&found, "silent", &["`a`", "443"]), "{found:?}");
    assert!(!found.iter().any(|[_, said]| said.contains(" 80/tcp")), "{found:?}");
}

#[test]
fn machines_come_and_go_and_control_stays_where_it_is() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let file = home.write("tiny.yaml", TINY);
    home.succeed(&["lab", "up", &file]);
    let changed =
        TINY.replace("two: { region: here }", "three: { region: far }, two: { region: far }");
    let changed = changed.replace("here: {}", "here: {}, far: { nat: true }");
    let changed = changed.replace(
        "tests:",
        "  c: { node: three, subnet: s, security_groups: [open], \
                                  attach: { serve: { tcp: 80 } } }\ntests:\n  \
                                  - { from: c, to: a, port: 80/tcp, expect: allow }",
    );
    // Node two moves behind a translator, and a new one beside it.
    let text = home.succeed(&["lab", "apply", &home.write("changed.yaml", &changed)]);
    assert!(text.contains("2 of 2 tests hold"), "{text}");
    let text = home.succeed(&["lab", "apply", &file]);
    assert!(text.contains("1 of 1 tests hold"), "{text}");
    assert!(home.status()["nodes"]["three"].is_null());
    let unseated = TINY.replace("one: { region: here }, ", "").replace("node: one", "node: two");
    let error = home.fail(&["lab", "apply", &home.write("unseated.yaml", &unseated)]);
    assert!(error.contains("control of this lab runs on one"), "{error}");
    assert!(home.succeed(&["lab", "test"]).contains("1 of 1"));
}

#[test]
fn names_as_long_as_they_may_be_serve() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let (fabric, node) = ("f".repeat(63), "n".repeat(63));
    let long = TINY.replace("fabric: tiny", &format!("fabric: {fabric}"));
    let long = long.replace("one: {", &format!("{node}: {{"));
    let long = long.replace("node: one", &format!("node: {node}"));
    home.succeed(&["lab", "up", &home.write("long.yaml", &long)]);
}

#[test]
fn an_agent_that_is_killed_comes_back_and_sessions_with_it() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    home.succeed(&["lab", "up", &quickstart()]);
    let socket = home.status()["nodes"]["alpha"]["socket"].as_str().unwrap().to_owned();
    let state = Path::new(&socket).parent().unwrap().to_string_lossy().into_owned();
    kill("node", &state);
    wait_until("all tests hold again", || home.run(&["lab", "test"]).status.success());
}

#[test]
fn a_fabric_with_errors_starts_nothing() {
    let home = Home::new();
    let file = home.write("bad.yaml", &TINY.replace("node: one", "node: oen"));
    let error = home.fail(&["lab", "up", &file]);
    assert!(error.contains("did you mean `one`"), "{error}");
    assert_eq!(home.leftovers(), Vec::<PathBuf>::new());
}

#[test]
fn explain_and_check_say_the_same_as_json() {
    let home = Home::new();
    let file = quickstart();
    let text = home.run(&["explain", "web-1", "db-1:5432/tcp", "-f", &file]);
    assert!(!text.status.success(), "a denied flow");
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("ingress") && text.contains("quickstart.yaml:"), "{text}");
    let json = home.run(&["explain", "web-1", "api-1:8080", "-f", &file, "--json"]);
    let answers: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(answers.as_array().unwrap().iter().all(|answer| answer["allowed"] == true));
    let broken = home.write("bad.yaml", &TINY.replace("node: one", "node: oen"));
    let json = home.run(&["check", &broken, "--json"]);
    let found: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(found["findings"][0]["code"], "N0201");
    assert_eq!(found["findings"][0]["did_you_mean"], "one");
    let failing = home.write("failing.yaml", &TINY.replace("expect: allow", "expect: deny"));
    let text = home.run(&["check", &failing]);
    let said = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(said.contains("should not pass, and does") && said.contains("0 of 1"), "{said}");
    let json = home.run(&["check", &failing, "--json"]);
    assert_eq!((text.status.code(), json.status.code()), (Some(1), Some(1)));
    let found: Value = serde_json::from_slice(&json.stdout).unwrap();
    let line = TINY.lines().position(|line| line.contains("expect: allow")).unwrap() + 1;
    assert_eq!(found["broken_tests"][0]["line"], line, "{found}");
}
