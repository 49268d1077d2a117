//! Programs in namespaces: beside others, with a resolver file of their own, in sandboxes.

use super::Test;
use super::support::{Bench, own};
use netloom_state::Operation;
use netloom_sys::namespace::{
    NamespaceHandle, SandboxOptions, SpawnOptions, spawn_beside, spawn_in, spawn_sandbox,
};
use netloom_sys::signal::{Signal, SignalFd};
use netloom_sys::tunnel::{TunnelDevice, TunnelKind, TunnelPreference};
use netloom_sys::{facility, process};
use std::io::{BufRead as _, BufReader};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};

pub(crate) const TESTS: &[Test] = &[
    ("a_program_runs_in_its_namespace", a_program_runs_in_its_namespace),
    ("a_sandbox_is_joined_and_ends", a_sandbox_is_joined_and_ends),
    ("process_one_reaps_orphans", process_one_reaps_orphans),
    ("refusals_name_cause_and_remedy", refusals_name_cause_and_remedy),
    ("facilities_are_probed", facilities_are_probed),
];

/// This program again, in a role.
fn role(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments);
    command
}

/// Runs this program again with an empty file system over a folder.
pub(crate) fn run_hidden(folder: &str, arguments: &[&str]) {
    let options = SandboxOptions {
        user_namespace: true,
        tmpfs: vec![folder.into()],
        ..SandboxOptions::default()
    };
    let mut sandbox = spawn_sandbox(role(arguments), &options).unwrap();
    assert!(sandbox.child.wait().unwrap().success());
}

/// What this program does in a role that a test has given it.
pub(crate) fn play(role: &str, arguments: &[String]) {
    match role {
        "report" => {
            for kind in ["user", "mnt", "net", "pid"] {
                println!("{}", std::fs::metadata(format!("/proc/self/ns/{kind}")).unwrap().ino());
            }
            let resolver = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
            println!("{} {}", process::effective_user(), resolver.lines().next().unwrap_or(""));
        }
        "wait" => wait_for_signal(),
        "automatic-tunnel" => {
            let here = NamespaceHandle::current().unwrap();
            let device = TunnelDevice::create(&here, "mesh0", TunnelPreference::Automatic).unwrap();
            assert_eq!((device.kind(), arguments[0].as_str()), (TunnelKind::StandIn, "stand-in"));
            let only = TunnelPreference::Only(TunnelKind::Tun);
            let error = TunnelDevice::create(&here, "mesh1", only).unwrap_err().to_string();
            assert!(error.contains("/dev/net/tun") && error.contains("modprobe"), "{error}");
        }
        other => panic!("unknown role {other}"),
    }
}

/// As process 1, which no signal reaches that it does not ask for.
fn wait_for_signal() {
    assert_eq!(std::process::id(), 1);
    let signals = SignalFd::new(&[Signal::Terminate, Signal::Child]).unwrap();
    println!("{}", std::fs::metadata("/proc/self/ns/net").unwrap().ino());
    loop {
        let mut set = netloom_sys::poll::PollSet::new();
        set.add(signals.as_fd(), netloom_sys::poll::Interest::Read);
        set.wait(None).unwrap();
        if signals.read().unwrap() == Some(Signal::Terminate) {
            std::process::exit(42);
        }
    }
}

/// The lines that a program prints.
fn lines(mut command: Command, start: impl FnOnce(Command) -> std::process::Child) -> Vec<String> {
    command.stdout(Stdio::piped());
    let output = start(command).wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn own_inode(kind: &str) -> String {
    std::fs::metadata(format!("/proc/self/ns/{kind}")).unwrap().ino().to_string()
}

fn a_program_runs_in_its_namespace() -> Result<(), String> {
    let mut bench = Bench::new();
    bench.executor.execute(&[Operation::CreateNamespace { namespace: own("box") }]).unwrap();
    let file = bench.run_dir.join("resolv.conf");
    std::fs::write(&file, "nameserver 10.1.0.2\n").unwrap();
    let before = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let inside = bench.executor.namespace(&own("box")).unwrap();
    let inode =
        inside.run(|| std::fs::metadata("/proc/thread-self/ns/net").unwrap().ino()).unwrap();
    let options = SpawnOptions { resolv_conf: Some(file), die_with_parent: true };
    let seen = lines(role(&["--play", "report"]), |c| spawn_in(inside, c, &options).unwrap());
    assert_eq!(seen[2], inode.to_string());
    assert_ne!(seen[1], own_inode("mnt"));
    assert_eq!(seen[3], own_inode("pid"));
    assert_eq!(seen[4], "0 nameserver 10.1.0.2");
    assert_eq!(std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default(), before);
    let plain = SpawnOptions::default();
    let seen = lines(role(&["--play", "report"]), |c| spawn_in(inside, c, &plain).unwrap());
    assert_eq!((&seen[1], &seen[2]), (&own_inode("mnt"), &inode.to_string()));
    Ok(())
}

fn a_sandbox_is_joined_and_ends() -> Result<(), String> {
    let mut command = role(&["--play", "wait"]);
    command.stdout(Stdio::piped());
    let options = SandboxOptions { user_namespace: true, ..SandboxOptions::default() };
    let mut sandbox = spawn_sandbox(command, &options).unwrap();
    let mut net = String::new();
    BufReader::new(sandbox.child.stdout.take().unwrap()).read_line(&mut net).unwrap();
    assert_ne!(net.trim(), own_inode("net"));
    let init = sandbox.init;
    let seen = lines(role(&["--play", "report"]), |c| spawn_beside(init, c).unwrap());
    assert_eq!(seen[2], net.trim(), "the same network");
    for (index, kind) in ["user", "mnt", "net", "pid"].iter().enumerate() {
        assert_ne!(seen[index], own_inode(kind), "another {kind} namespace");
        let theirs = std::fs::metadata(format!("/proc/{init}/ns/{kind}")).unwrap().ino();
        assert_eq!(seen[index], theirs.to_string(), "its {kind} namespace");
    }
    // The exit code of one that joined comes through, as the sandbox's own does.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "exit 7"]);
    assert_eq!(spawn_beside(init, command).unwrap().wait().unwrap().code(), Some(7));
    let pidfd = process::PidFd::open(sandbox.child.id()).unwrap();
    pidfd.signal(Signal::Terminate.number()).unwrap();
    assert_eq!(sandbox.child.wait().unwrap().code(), Some(42), "it was told, not killed");
    Ok(())
}

fn process_one_reaps_orphans() -> Result<(), String> {
    assert_eq!(process::ended_child().unwrap(), None);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "(sleep 0.2; exit 3) & exit 0"]);
    assert!(command.status().unwrap().success());
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    let orphan = loop {
        match process::ended_child().unwrap() {
            Some(pid) => break pid,
            None => assert!(std::time::Instant::now() < deadline, "no orphan came"),
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    };
    assert_eq!(process::reap(orphan).unwrap().code(), Some(3));
    assert_eq!(process::ended_child().unwrap(), None);
    Ok(())
}

fn refusals_name_cause_and_remedy() -> Result<(), String> {
    std::fs::write("/proc/sys/user/max_user_namespaces", "0").map_err(|e| e.to_string())?;
    let options = SandboxOptions { user_namespace: true, ..SandboxOptions::default() };
    let error = spawn_sandbox(Command::new("/bin/true"), &options).unwrap_err().to_string();
    assert!(error.contains("user.max_user_namespaces") && error.contains("sudo"), "{error}");
    let nowhere = Command::new("/nonexistent/program");
    let options = SandboxOptions { user_namespace: false, ..SandboxOptions::default() };
    let error = spawn_sandbox(nowhere, &options).unwrap_err().to_string();
    assert!(error.contains("/nonexistent/program"), "{error}");
    let error = spawn_beside(u32::MAX >> 1, Command::new("/bin/true")).unwrap_err().to_string();
    assert!(error.contains("may have ended"), "{error}");
    Ok(())
}

fn facilities_are_probed() -> Result<(), String> {
    use facility::{Facility, Finding};
    for probes in [facility::probe(), facility::probe_sandboxed()] {
        for probe in &probes {
            if let Finding::Absent { reason } = &probe.finding {
                println!("  absent: {}: {reason}", probe.facility);
                let optional = matches!(probe.facility, Facility::Tun | Facility::TableOwnership);
                assert!(optional, "{}: {reason}", probe.facility);
                assert!(reason.contains(';'), "cause and remedy: {reason}");
            }
        }
        assert!(probes.len() >= 9);
    }
    Ok(())
}
