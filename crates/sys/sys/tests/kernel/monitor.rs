//! What others change is told with what and who, and comes back by observing and comparing again.

use super::Test;
use super::executor::full_state;
use super::support::{Bench, own};
use netloom_state::{HostState, Namespace, diff};
use netloom_sys::Executor;
use netloom_sys::monitor::{Buffer, Change, Monitor, Object};
use netloom_sys::namespace::{SpawnOptions, spawn_in};
use std::process::{Command, Stdio};

pub(crate) const TESTS: &[Test] = &[
    ("what_others_undo_is_told_and_comes_back", what_others_undo_is_told_and_comes_back),
    ("a_foreign_program_cannot_flush_an_owned_table", a_foreign_program_cannot_flush),
    ("own_changes_carry_own_ports", own_changes_carry_own_ports),
    ("more_changes_than_fit_are_told_as_something", more_changes_than_fit),
];

/// What somebody does in the router's namespace, the change that must be told, and whether the
/// kernel says who: it does not for IPv6 addresses, for links, and for sysctls.
const BLOWS: &[(&str, &str, bool)] = &[
    ("ip route del 10.1.0.9/32", "route 10.1.0.9/32 table 254 removed", true),
    ("ip -6 route del default table 100", "route ::/0 table 100 removed", true),
    ("ip route del unreachable 10.0.0.0/8", "route 10.0.0.0/8 table 254 removed", true),
    ("ip -6 route del unreachable fd00::/16", "route fd00::/16 table 254 removed", true),
    ("ip addr del 169.254.1.1/32 dev leaf0", "address 169.254.1.1/32 removed", true),
    ("ip -6 addr del fe80::1/128 dev leaf0", "address fe80::1/128 removed", false),
    ("ip link set leaf0 down", "link leaf0 (down) set", false),
    ("ip link set leaf0 mtu 1300", "link leaf0 set", false),
    // It is set to failed, which has an author, and then goes without one.
    ("ip neigh del 10.1.0.9 dev leaf0", "neighbour 10.1.0.9 set", true),
    ("ip rule del pref 100", "rule 100 removed", true),
    ("ip link del leaf0", "link leaf0 removed", false),
    ("nft flush table inet netloom-test", "table netloom-test set", true),
    ("nft flush ruleset", "table netloom-test removed", true),
    ("sysctl -qw net.ipv4.ip_forward=0", "forwarding or rp_filter set", false),
];

/// Runs a program of others in a namespace; gives its id and whether it succeeded.
fn run(executor: &mut Executor, at: &Namespace, line: &str) -> Result<(u32, bool), String> {
    let mut words = line.split(' ');
    let program = words.next().unwrap();
    let folder = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].into_iter().find_map(|folder| {
        let path = std::path::Path::new(folder).join(program);
        path.is_file().then_some(path)
    });
    let mut command = Command::new(folder.ok_or_else(|| format!("{program} is not installed"))?);
    command.args(words).stdout(Stdio::null()).stderr(Stdio::null());
    let namespace = executor.namespace(at).unwrap();
    let mut child = spawn_in(namespace, command, &SpawnOptions::default()).unwrap();
    let pid = child.id();
    Ok((pid, child.wait().unwrap().success()))
}

fn watch(executor: &mut Executor, at: &Namespace) -> Monitor {
    executor.namespace(at).unwrap().run(|| Monitor::open(true)).unwrap().unwrap()
}

fn what_others_undo_is_told_and_comes_back() -> Result<(), String> {
    let (mut bench, desired, router) = (Bench::new(), full_state(), own("router"));
    let namespace = netloom_state::Operation::CreateNamespace { namespace: router.clone() };
    bench.executor.execute(&[namespace]).unwrap();
    // A plain table, as kernels without owner and persist flags have it: others may change it.
    run(&mut bench.executor, &router, "nft add table inet netloom-test")?;
    bench.make(&desired);
    let (mut monitor, mut buffer) = (watch(&mut bench.executor, &router), Buffer::default());
    for (line, told, named) in BLOWS {
        monitor.read(&mut buffer);
        let (pid, done) = run(&mut bench.executor, &router, line)?;
        assert!(done, "{line}");
        let changes = monitor.read(&mut buffer);
        let words = |change: &Change| Change { author: None, ..change.clone() }.to_string();
        let found: Vec<&Change> = changes.iter().filter(|change| words(change) == *told).collect();
        assert!(!found.is_empty(), "{line}: {changes:?}");
        if *named {
            let by = |change: &&&Change| change.author.as_ref().map(|author| author.pid);
            assert!(found.iter().any(|change| by(&change) == Some(pid)), "{line}: {changes:?}");
        }
        if line.starts_with("nft") {
            let name = found[0].author.as_ref().and_then(|author| author.name.as_deref());
            assert_eq!(name, Some("nft"), "a commit names the program, also when it has ended");
        }
        let observed = bench.executor.observe(&desired).unwrap();
        assert_ne!(observed, desired, "{line}");
        bench.executor.execute(&diff(&desired, &observed)).unwrap();
        // A hardware address that is set takes the link's neighbours along.
        let observed = bench.executor.observe(&desired).unwrap();
        bench.executor.execute(&diff(&desired, &observed)).unwrap();
        assert_eq!(bench.executor.observe(&desired).unwrap(), desired, "{line}");
    }
    Ok(())
}

fn a_foreign_program_cannot_flush() -> Result<(), String> {
    let (mut bench, desired, router) = (Bench::new(), full_state(), own("router"));
    bench.make(&desired);
    let (mut monitor, mut buffer) = (watch(&mut bench.executor, &router), Buffer::default());
    let (_, made) = run(&mut bench.executor, &router, "nft add table inet theirs")?;
    assert!(made);
    for line in ["nft delete table inet netloom-test", "nft flush table inet netloom-test"] {
        let (_, done) = run(&mut bench.executor, &router, line)?;
        if done {
            return Err("this kernel has no owner flag for tables".to_owned());
        }
    }
    // A flush of everything passes over what has an owner, and says nothing.
    assert!(run(&mut bench.executor, &router, "nft flush ruleset")?.1);
    assert_eq!(bench.executor.observe(&desired).unwrap(), desired);
    let changes = monitor.read(&mut buffer);
    let touched = |name: &str| {
        let is =
            |change: &&Change| matches!(&change.object, Object::Table { name: n } if n == name);
        changes.iter().filter(is).count()
    };
    assert_eq!((touched("theirs"), touched("netloom-test")), (2, 0), "{changes:?}");
    Ok(())
}

fn own_changes_carry_own_ports() -> Result<(), String> {
    let (mut bench, desired, router) = (Bench::new(), full_state(), own("router"));
    bench.make(&desired);
    let (mut monitor, mut buffer) = (watch(&mut bench.executor, &router), Buffer::default());
    let nothing = HostState::default();
    let gone = diff(&nothing, &desired).into_iter();
    // The namespace stays, or its monitor would hear nothing.
    let gone: Vec<_> = gone.filter(|op| !op.to_string().contains("namespace")).collect();
    bench.executor.execute(&gone).unwrap();
    bench.make(&desired);
    let (ports, changes) = (bench.executor.ports(), monitor.read(&mut buffer));
    let foreign: Vec<&Change> =
        changes.iter().filter(|change| change.port != 0 && !ports.contains(&change.port)).collect();
    assert_eq!(foreign, Vec::<&Change>::new());
    let told = |wanted: fn(&Object) -> bool| {
        changes.iter().any(|change| wanted(&change.object) && ports.contains(&change.port))
    };
    assert!(told(|object| matches!(object, Object::Route { .. })), "{changes:?}");
    assert!(told(|object| matches!(object, Object::Table { .. })), "{changes:?}");
    Ok(())
}

fn more_changes_than_fit() -> Result<(), String> {
    let mut bench = Bench::new();
    let (mut monitor, mut buffer) =
        (watch(&mut bench.executor, &Namespace::Host), Buffer::default());
    let mut state = HostState::default();
    let here = state.namespaces.entry(Namespace::Host).or_default();
    for number in 0..4_000u32 {
        let destination = std::net::Ipv4Addr::from(0x0a00_0000 | number << 4);
        here.routes.insert(netloom_state::Route {
            table: 254,
            destination: ipnet::Ipv4Net::new_assert(destination, 28).into(),
            metric: netloom_state::stop_metric("test"),
            kind: netloom_state::RouteKind::Unreachable,
        });
    }
    bench.make(&state);
    let changes = monitor.read(&mut buffer);
    assert!(changes.iter().any(|change| change.object == Object::Unknown), "{}", changes.len());
    Ok(())
}
