//! Each fault, planted in what was seen, is found by name; a host that is well has no fault.

use super::facts::{
    Blocked, Clock, Daemon, Facility, Facts, Folder, ForeignChain, ForeignRoute, Holder, Member,
    NameAnswer, Peer, Port, Reached, Silence, Uplink, Way, Workload,
};
use super::finding::{Severity, shown};
use super::judge::judge;
use super::judge_network::overhead_bytes;

const HOUR_MS: u64 = 3_600_000;
const NOW_MS: u64 = 1_800_000_000_000;

/// A node that is well.
fn healthy() -> Facts {
    let endpoint = "192.0.2.7:51820".parse().unwrap();
    let folder = Folder { path: "/s".into(), mode: Some(0o700), free_bytes: Some(1 << 40) };
    let daemon = Daemon {
        name: "agent",
        runs: Some(true),
        silence: None,
        log: "/s/log".into(),
        last_line: String::new(),
    };
    Facts {
        is_root: true,
        is_in_lab: false,
        is_stopped: false,
        host_arguments: " --fabric shop".into(),
        facilities: vec![Facility {
            name: "nf_tables".into(),
            is_needed: true,
            missing: None,
            command: "modprobe nf_tables",
        }],
        folders: vec![folder],
        daemons: vec![daemon],
        is_supervised: Some(true),
        workloads: Some(vec![
            Workload { log: "/r/logs/web".into(), ..workload("web", "running") },
            workload("db", "attached"),
        ]),
        ports: vec![Port { what: "tunnels", protocol: "udp", number: 51820, holder: Holder::Ours }],
        clock: Clock {
            now_ms: NOW_MS,
            signed_ms: Some(NOW_MS - HOUR_MS),
            ahead_ms: Some(40),
            certificate_ms: Some((NOW_MS - HOUR_MS, NOW_MS + HOUR_MS)),
        },
        members: vec![Member { endpoint: "c:7946".into(), reached: Reached::Secure }],
        link: Some("connected to c:7946".into()),
        versions: Some(("netloom 0.1.0".into(), "netloom 0.1.0".into())),
        peers: vec![Peer {
            network: "app".into(),
            name: "beta".into(),
            endpoint: Some(endpoint),
            has_session: true,
            keepalive: true,
            handshake_age_s: Some(12),
        }],
        names: vec![NameAnswer {
            network: "app".into(),
            server: "10.0.1.2".parse().unwrap(),
            name: "web.app.internal".into(),
            wrong: None,
        }],
        differences: Some(Vec::new()),
        prefixes: vec!["10.0.0.0/16".parse().unwrap()],
        foreign_routes: vec![
            ForeignRoute { destination: "0.0.0.0/0".parse().unwrap(), link: "eth0".into() },
            ForeignRoute { destination: "10.0.0.0/8".parse().unwrap(), link: "vpn0".into() },
        ],
        chains: Some(Vec::new()),
        uplinks: Vec::new(),
        blocked: Vec::new(),
        ways: vec![Way { peer: "beta".into(), endpoint, link: Some(("eth0".into(), 1500)) }],
        tunnel_mtu_bytes: 1420,
        sysctls: [("ipv4/ip_forward", "0"), ("ipv4/conf/all/rp_filter", "2")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        agent_error: None,
        mended: 0,
    }
}

fn workload(name: &str, state: &str) -> Workload {
    Workload {
        name: name.into(),
        state: state.into(),
        detail: String::new(),
        in_vain: 0,
        command: String::new(),
        log: String::new(),
        last_line: String::new(),
    }
}

/// The workload that a fault is planted in.
fn first(facts: &mut Facts) -> &mut Workload {
    &mut facts.workloads.as_mut().unwrap()[0]
}

#[test]
fn a_host_that_is_well_has_no_fault() {
    let findings = judge(&healthy());
    let text = shown(&findings);
    assert!(findings.iter().all(|found| found.severity == Severity::Ok), "{text}");
    assert!(text.ends_with("0 errors, 0 warnings\n"), "{text}");
    let checks: Vec<&str> = findings.iter().map(|found| found.check).collect();
    for check in [
        "kernel",
        "folders",
        "daemons",
        "workloads",
        "ports",
        "clock",
        "control",
        "tunnels",
        "names",
        "routes",
        "rules",
        "stack",
    ] {
        assert!(checks.contains(&check), "{check} is told also where it is well: {checks:?}");
    }
}

/// A fault: how it is planted, where and how badly it must be found, with which words of the
/// finding and of the command that mends it.
type Fault = (fn(&mut Facts), &'static str, Severity, &'static str, &'static str);

const FAULTS: &[Fault] = &[
    (
        |f| f.is_root = false,
        "rights",
        Severity::Warning,
        "not all",
        "sudo netloom doctor --fabric shop",
    ),
    (
        |f| f.facilities[0].missing = Some("no module".into()),
        "kernel",
        Severity::Error,
        "nf_tables",
        "modprobe nf_tables",
    ),
    (
        |f| {
            f.facilities[0].is_needed = false;
            f.facilities[0].missing = Some("old".into());
        },
        "kernel",
        Severity::Warning,
        "nf_tables",
        "modprobe nf_tables",
    ),
    (|f| f.folders[0].mode = Some(0o755), "folders", Severity::Error, "755", "chmod 700 /s"),
    (
        |f| f.folders[0].mode = None,
        "folders",
        Severity::Warning,
        "cannot be seen",
        "sudo ls -ld /s",
    ),
    (
        |f| f.folders[0].free_bytes = Some(5 << 20),
        "folders",
        Severity::Warning,
        "5120 KiB",
        "df -h /s",
    ),
    (|f| f.folders[0].free_bytes = Some(0), "folders", Severity::Error, "0 KiB", "df -h /s"),
    (
        |f| {
            f.daemons[0].runs = Some(false);
            f.is_supervised = None;
        },
        "daemons",
        Severity::Error,
        "agent does not answer",
        "netloom start --fabric shop",
    ),
    (
        |f| {
            f.daemons[0].runs = Some(false);
            f.is_supervised = Some(false);
        },
        "daemons",
        Severity::Error,
        "agent does not answer",
        "netloom start --fabric shop",
    ),
    (
        |f| f.daemons[0].runs = Some(false),
        "daemons",
        Severity::Error,
        "agent does not answer",
        "tail -n 20 /s/log",
    ),
    (
        |f| f.daemons[0].silence = Some(Silence { process: Some(42) }),
        "daemons",
        Severity::Error,
        "agent takes calls and says nothing",
        "kill -9 42",
    ),
    (
        |f| f.is_supervised = Some(false),
        "daemons",
        Severity::Error,
        "the supervisor does not run",
        "netloom start --fabric shop",
    ),
    (
        |f| first(f).in_vain = 3,
        "workloads",
        Severity::Error,
        "web does not stay up: 3 starts in a row",
        "tail -n 20 /r/logs/web",
    ),
    (
        |f| first(f).state = "restarting".into(),
        "workloads",
        Severity::Warning,
        "web does not run; it is started again",
        "tail -n 20 /r/logs/web",
    ),
    (
        |f| {
            first(f).state = "absent".into();
            first(f).detail = "container `w` is exited; start it with `docker start w`".into();
            first(f).command = "docker start w".into();
        },
        "workloads",
        Severity::Error,
        "web is declared for this node, and is not there",
        "docker start w",
    ),
    (
        |f| first(f).state = "absent".into(),
        "workloads",
        Severity::Error,
        "web is declared for this node",
        "netloom status --fabric shop",
    ),
    (|f| f.daemons[0].runs = None, "daemons", Severity::Warning, "cannot be seen", "sudo"),
    (
        |f| f.agent_error = Some("no room".into()),
        "daemons",
        Severity::Error,
        "not do all",
        "netloom status",
    ),
    (
        |f| f.ports[0].holder = Holder::Other { process: Some((42, "wireguard-go".into())) },
        "ports",
        Severity::Error,
        "taken by wireguard-go (process 42)",
        "kill 42",
    ),
    (
        |f| f.ports[0].holder = Holder::Other { process: Some((43, "netloom".into())) },
        "ports",
        Severity::Error,
        "taken by another netloom (process 43)",
        "ps -o args= -p 43",
    ),
    (
        |f| f.ports[0].holder = Holder::Other { process: None },
        "ports",
        Severity::Warning,
        "51820",
        "sudo",
    ),
    (|f| f.ports[0].holder = Holder::Nobody, "ports", Severity::Warning, "nobody", "netloom start"),
    (
        |f| f.clock.ahead_ms = Some(5 * 3_600_000),
        "clock",
        Severity::Error,
        "ahead of control's by 5.0 h",
        "timedatectl",
    ),
    (
        |f| f.clock.ahead_ms = Some(-600_000),
        "clock",
        Severity::Error,
        "behind control's by 0.2 h",
        "timedatectl",
    ),
    (|f| f.clock.now_ms -= 3 * HOUR_MS, "clock", Severity::Error, "behind by 2.0 h", "timedatectl"),
    (|f| f.clock.now_ms += 2 * HOUR_MS, "clock", Severity::Error, "run out", "timedatectl"),
    (
        |f| {
            f.clock.signed_ms = None;
            f.clock.now_ms -= 2 * HOUR_MS;
        },
        "clock",
        Severity::Error,
        "before its certificate",
        "timedatectl",
    ),
    (
        |f| f.members[0].reached = Reached::Shut("refused".into()),
        "control",
        Severity::Error,
        "c:7946 does not answer",
        "netloom connect c:7946",
    ),
    (
        |f| {
            let reached = Reached::Shut("refused".into());
            f.members.push(Member { endpoint: "d:7946".into(), reached });
        },
        "control",
        Severity::Warning,
        "d:7946 does not answer",
        "netloom connect d:7946",
    ),
    (
        |f| f.members[0].reached = Reached::Open("another name".into()),
        "control",
        Severity::Error,
        "not this fabric's control",
        "netloom join TOKEN",
    ),
    (
        |f| f.link = Some("refused".into()),
        "control",
        Severity::Error,
        "no session",
        "netloom connect c:7946",
    ),
    (
        |f| f.versions = Some(("netloom 0.1.0".into(), "netloom 0.2.0".into())),
        "control",
        Severity::Warning,
        "control is netloom 0.2.0",
        "netloom --version",
    ),
    (
        |f| f.peers[0].has_session = false,
        "tunnels",
        Severity::Warning,
        "app/beta has no session with 192.0.2.7:51820",
        "netloom nodes",
    ),
    (
        |f| {
            f.peers[0].has_session = false;
            f.peers[0].endpoint = None;
        },
        "tunnels",
        Severity::Warning,
        "nobody knows where app/beta is",
        "netloom nodes",
    ),
    (
        |f| f.names[0].wrong = Some("timeout".into()),
        "names",
        Severity::Error,
        "web.app.internal at 10.0.1.2 in network app",
        "netloom start --fabric shop",
    ),
    (|f| f.differences = None, "routes", Severity::Warning, "cannot be compared", "netloom start"),
    (
        |f| f.differences = Some(vec!["+ route x".into()]),
        "routes",
        Severity::Error,
        "not as planned: + route x",
        "netloom status --fabric shop",
    ),
    (
        |f| {
            let destination = "10.0.1.0/24".parse().unwrap();
            f.foreign_routes.push(ForeignRoute { destination, link: "docker0".into() });
        },
        "routes",
        Severity::Error,
        "10.0.1.0/24 on docker0 takes packets for 10.0.0.0/16 away",
        "ip route del 10.0.1.0/24 dev docker0",
    ),
    (|f| f.chains = None, "rules", Severity::Warning, "cannot be seen", "sudo"),
    (
        |f| block(f, ("ip", "filter", "FORWARD"), true, true),
        "rules",
        Severity::Error,
        "ip filter FORWARD drops what network app sends out by u0000-app",
        "iptables -I DOCKER-USER -i u0000-app -j ACCEPT && iptables -I DOCKER-USER -o u0000-app -j ACCEPT",
    ),
    (
        |f| block(f, ("inet", "filter", "forward"), false, false),
        "rules",
        Severity::Warning,
        "unless a rule allows it",
        "nft insert rule inet filter forward iifname u0000-app accept && \
         nft insert rule inet filter forward oifname u0000-app accept",
    ),
    (|f| chain(f, "input"), "rules", Severity::Warning, "(input)", "udp dport 51820 accept"),
    (
        |f| f.ways[0].link = Some(("ppp0".into(), 1400)),
        "mtu",
        Severity::Warning,
        "ppp0 to beta takes 1400 bytes, a full packet needs 1480",
        "ip link set ppp0 mtu 1480",
    ),
    (|f| f.ways[0].link = None, "mtu", Severity::Error, "no way to beta", "ip route get 192.0.2.7"),
    (
        |f| {
            f.uplinks =
                vec![Uplink { network: "app".into(), link: "u0000-app".into(), has_ipv6: true }];
            f.sysctls.insert("ipv6/conf/eth0/accept_ra".into(), "1".into());
        },
        "stack",
        Severity::Error,
        "way to the IPv6 internet is lost",
        "sysctl -w net.ipv6.conf.eth0.accept_ra=2",
    ),
    (
        |f| drop(f.sysctls.insert("ipv4/conf/all/rp_filter".into(), "1".into())),
        "stack",
        Severity::Warning,
        "drops packets",
        "sysctl -w net.ipv4.conf.all.rp_filter=2",
    ),
    (
        |f| drop(f.sysctls.insert("ipv6/conf/all/disable_ipv6".into(), "1".into())),
        "stack",
        Severity::Warning,
        "IPv6 is switched off",
        "disable_ipv6=0",
    ),
];

fn chain(facts: &mut Facts, hook: &str) {
    let (family, table, chain) = ("ip".to_owned(), "filter".to_owned(), "C".to_owned());
    facts.chains = Some(vec![ForeignChain { family, table, chain, hook: hook.to_owned() }]);
}

/// A chain in the way of a gateway of network `app`.
fn block(
    facts: &mut Facts,
    (family, table, name): (&str, &str, &str),
    has_docker_user: bool,
    is_certain: bool,
) {
    let (network, link) = ("app".to_owned(), "u0000-app".to_owned());
    let [family, table, name] = [family, table, name].map(str::to_owned);
    facts.chains = Some(vec![ForeignChain {
        family: family.clone(),
        table: table.clone(),
        chain: name.clone(),
        hook: "forward".into(),
    }]);
    facts.uplinks = vec![Uplink { network: network.clone(), link: link.clone(), has_ipv6: false }];
    let chain = name;
    facts.blocked =
        vec![Blocked { family, table, chain, has_docker_user, network, link, is_certain }];
}

#[test]
fn router_advertisements_are_no_fault_where_they_are_heeded_or_nothing_is_forwarded() {
    for (has_ipv6, accepts) in [(false, "1"), (true, "2"), (true, "0")] {
        let mut facts = healthy();
        facts.uplinks = vec![Uplink { network: "app".into(), link: "u0000-app".into(), has_ipv6 }];
        facts.sysctls.insert("ipv6/conf/eth0/accept_ra".into(), accepts.into());
        let findings = judge(&facts);
        assert!(findings.iter().all(|found| found.severity == Severity::Ok), "{findings:?}");
    }
}

#[test]
fn a_chain_that_drops_by_default_is_no_fault_where_nothing_is_forwarded_or_what_is_may_pass() {
    let mut facts = healthy();
    chain(&mut facts, "forward");
    let said = |facts: &Facts| {
        let findings = judge(facts);
        assert!(findings.iter().all(|found| found.severity == Severity::Ok), "{findings:?}");
        shown(&findings)
    };
    assert!(said(&facts).contains("the fabric forwards nothing"));
    block(&mut facts, ("ip", "filter", "C"), false, true);
    facts.blocked.clear();
    assert!(said(&facts).contains("allows what this node's gateways forward"));
}

#[test]
fn each_planted_fault_is_found_by_name_with_cause_and_command_and_nothing_else_is() {
    for (number, (plant, check, severity, words, command)) in FAULTS.iter().enumerate() {
        let mut facts = healthy();
        plant(&mut facts);
        let findings = judge(&facts);
        let faults: Vec<_> =
            findings.iter().filter(|found| found.severity != Severity::Ok).collect();
        assert_eq!(faults.len(), 1, "{number}: {words}: {faults:?}");
        let fault = faults[0];
        assert_eq!((fault.check, fault.severity), (*check, *severity), "{number}: {fault:?}");
        assert!(fault.what.contains(words), "{number}: {fault:?}");
        assert!(!command.is_empty() && fault.command.contains(command), "{number}: {fault:?}");
        assert!(!fault.cause.is_empty() && !fault.solution.is_empty(), "{number}: {fault:?}");
    }
}

#[test]
fn without_root_what_cannot_be_tried_is_no_error() {
    let mut facts = healthy();
    facts.is_root = false;
    facts.facilities[0].missing = Some("not permitted".into());
    let findings = judge(&facts);
    let kernel: Vec<_> = findings.iter().filter(|found| found.check == "kernel").collect();
    assert_eq!(kernel.len(), 1);
    assert_eq!(kernel[0].severity, Severity::Warning);
    assert!(kernel[0].what.contains("1 facility cannot be tried"), "{kernel:?}");
}

/// Who is to start it again decides what mends it, and what is seen meanwhile is told.
#[test]
fn a_dead_agent_is_told_with_who_starts_it_again_and_what_status_shows_then() {
    for (supervised, cause, command) in [
        (None, "it does not run; the end of its log: no room", "netloom start --fabric shop"),
        (Some(false), "nobody starts it again", "netloom start --fabric shop"),
        (Some(true), "its supervisor starts it, again and again", "tail -n 20 /s/log"),
    ] {
        let mut facts = healthy();
        facts.daemons[0].runs = Some(false);
        facts.daemons[0].last_line = "no room".into();
        (facts.is_supervised, facts.workloads) = (supervised, None);
        let findings = judge(&facts);
        let found = findings.iter().find(|found| found.severity == Severity::Error).unwrap();
        assert!(found.cause.contains(cause) && found.cause.contains("no room"), "{found:?}");
        assert!(found.solution.contains("`away`, and its workloads as `unknown`"), "{found:?}");
        assert_eq!(found.command, command);
    }
}

#[test]
fn a_workload_that_keeps_ending_is_told_with_its_end_and_its_last_words() {
    let mut facts = healthy();
    let web = first(&mut facts);
    web.in_vain = 7;
    web.detail = "it ended: exit status: 1".into();
    web.last_line = "no such file: app.py".into();
    let findings = judge(&facts);
    let of_workloads: Vec<_> = findings.iter().filter(|one| one.check == "workloads").collect();
    let [found, well] = of_workloads[..] else { panic!("{of_workloads:?}") };
    let cause = "it ended: exit status: 1; the end of what it printed: no such file: app.py";
    assert_eq!(found.cause, cause);
    assert_eq!(well.what, "1 workload is as declared");
}

/// A supervisor of hosts would be in the way of the lab's own.
#[test]
fn in_a_lab_nothing_is_started_as_on_a_host() {
    for (number, (plant, ..)) in FAULTS.iter().enumerate() {
        let mut facts = healthy();
        facts.is_in_lab = true;
        plant(&mut facts);
        // As it is in a lab always.
        facts.is_supervised = Some(true);
        for found in judge(&facts) {
            assert!(!found.command.contains("netloom start"), "{number}: {found:?}");
        }
    }
}

#[test]
fn an_idle_peer_is_no_fault() {
    let mut facts = healthy();
    facts.peers[0].has_session = false;
    facts.peers[0].keepalive = false;
    facts.peers[0].handshake_age_s = None;
    assert!(judge(&facts).iter().all(|found| found.severity == Severity::Ok));
}

#[test]
fn a_tunnel_adds_what_wireguard_over_udp_does() {
    assert_eq!(overhead_bytes("192.0.2.1:1".parse().unwrap()), 60);
    assert_eq!(overhead_bytes("[2001:db8::1]:1".parse().unwrap()), 80);
}

#[test]
fn what_was_stopped_is_told_once() {
    let mut facts = healthy();
    facts.is_stopped = true;
    facts.daemons[0].runs = Some(false);
    facts.daemons[0].last_line = "it fell".into();
    facts.ports[0].holder = Holder::Nobody;
    (facts.link, facts.differences) = (None, None);
    (facts.peers, facts.names) = (Vec::new(), Vec::new());
    let findings = judge(&facts);
    let wrong: Vec<_> = findings.iter().filter(|found| found.severity != Severity::Ok).collect();
    let text = shown(&findings);
    assert_eq!(wrong.len(), 1, "{text}");
    assert!(text.contains("is stopped on this host") && !text.contains("it fell"), "{text}");
    assert!(text.contains("netloom start --fabric shop"), "{text}");
}
