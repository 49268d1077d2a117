//! Bad input and faults on three hosts: each must end with a clear word, and with nothing half applied.

mod clocks;
mod disk;
mod fabric;
mod kept;
mod refusals;
mod tokens;

use crate::ground::{Ground, Host, wait_until};
use crate::say;
use disk::SmallDisk;
use fabric::{NODES, Trial, expect, text};
use std::net::{Ipv6Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::Stdio;

/// Nodes that may not take part, applies at once, a damaged store, taken ports, full disks, refusals,
/// clocks that are off, and control that is away.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How often two applies are begun at once.
    #[arg(long, default_value_t = 20)]
    races: usize,
}

pub(crate) fn run(netloom: &Path, options: &Options) -> anyhow::Result<bool> {
    say::progress("making three hosts");
    let ground = Ground::make(netloom, NODES.len())?;
    let trial = Trial::new(&ground);
    let mut good = say::step("the fabric begins", trial.begin());
    if !good {
        return Ok(false);
    }
    good &= say::step("tokens that must not admit", tokens::bad(&trial));
    good &= say::step("a token used twice, a node with another's name", tokens::others(&trial));
    good &= say::step("a node that waits for approval gets nothing", approval(&trial));
    good &= say::step("a revoked node is shut out and told the cure", revocation(&trial));
    good &= say::step("a removed node joins again", removal(&trial));
    good &= say::step("two applies at once, one of them whole", races(&trial, options.races));
    good &= say::step("a damaged store is said, and nodes go on", damaged_store(&trial));
    good &=
        say::step("a node's damaged copy is said, and nothing taken away", kept::damaged(&trial));
    good &= say::step("taken ports are said", taken_ports(&trial));
    good &= say::step("control's disk full, nothing half applied", full_disk(&trial));
    good &= say::step("an agent's disk full, in force and said", refusals::full_disk(&trial));
    good &=
        say::step("a change that two of three nodes refuse", refusals::half_of_the_nodes(&trial));
    good &= say::step("clocks that are five hours off", clocks::skewed(&trial));
    good &= say::step("control gone for a day", clocks::a_day_without_control(&trial));
    Ok(good)
}

// === admission ===

fn approval(trial: &Trial) -> Result<(), String> {
    let token = trial.token(&["--node", "beta", "--needs-approval"])?;
    let said = trial.hosts[1].succeed(&["join", &token])?;
    expect(&said, "it waits for approval: netloom approve beta")?;
    trial.is_in_state("beta", "waiting")?;
    let held = trial.hosts[1].run().join(fabric::FABRIC).join("netns");
    if std::fs::read_dir(&held).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(format!("it holds something in {}", held.display()));
    }
    expect_not(&trial.hosts[1].succeed(&["status"])?, "alpha")?;
    trial.hosts[0].succeed(&["approve", "beta"])?;
    trial.is_in_state("beta", "connected")?;
    wait_until("beta holds its workload", || {
        trial.hosts[1].inside(fabric::FABRIC, "workload-b").map(drop).map_err(text)
    })
    .map(drop)
}

fn revocation(trial: &Trial) -> Result<(), String> {
    // Its peer knows it before, so that it can be seen to drop it.
    wait_until("alpha has beta as a peer", || {
        expect(&trial.hosts[0].succeed(&["status"])?, "alpha -> beta")
    })?;
    trial.hosts[0].succeed(&["revoke", "beta"])?;
    trial.is_in_state("beta", "revoked")?;
    wait_until("alpha drops beta", || {
        expect_not(&trial.hosts[0].succeed(&["status"])?, "alpha -> beta")
    })?;
    wait_until("beta says what mends it", || {
        expect(&trial.hosts[1].succeed(&["status"])?, "netloom remove beta")
    })
    .map(drop)
}

fn removal(trial: &Trial) -> Result<(), String> {
    trial.hosts[0].succeed(&["remove", "beta"])?;
    trial.is_in_state("beta", "not joined")?;
    trial.hosts[1].succeed(&["down", "--yes"])?;
    for (node, host) in NODES.iter().zip(&trial.hosts).skip(1) {
        host.succeed(&["join", &trial.token(&["--node", node])?])?;
        trial.is_in_state(node, "connected")?;
    }
    Ok(())
}

// === changes ===

fn races(trial: &Trial, count: usize) -> Result<(), String> {
    for race in 0..count {
        let before = trial.revision()?;
        let ports = [10_000 + 2 * race, 10_001 + 2 * race];
        let mut children = Vec::new();
        for port in ports {
            let file = trial.write(port)?;
            let mut command = trial.hosts[0].netloom(&["apply", &file]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            children.push(command.spawn().map_err(|error| error.to_string())?);
        }
        let mut held = 0;
        for child in children {
            let output = child.wait_with_output().map_err(|error| error.to_string())?;
            if output.status.success() {
                held += 1;
            } else {
                expect(&String::from_utf8_lossy(&output.stderr), "revision")?;
            }
        }
        let after = trial.revision()?;
        if held == 0 || after != before + held {
            return Err(format!("{held} applies held, and revision {before} became {after}"));
        }
        // Declared again, exactly one of the two changes nothing.
        let mut unchanged = 0;
        for port in ports {
            let plan = trial.hosts[0].succeed(&["plan", &trial.write(port)?])?;
            unchanged += usize::from(!plan.contains(&format!("tcp {port}")));
        }
        if unchanged != 1 {
            return Err(format!("{unchanged} of two files are what is in force"));
        }
    }
    Ok(())
}

// === the store ===

fn damaged_store(trial: &Trial) -> Result<(), String> {
    let (host, revision) = (&trial.hosts[0], trial.revision()?);
    host.succeed(&["stop"])?;
    let store = trial.control_folder().join("store.redb");
    let whole = std::fs::read(&store).map_err(|error| error.to_string())?;
    let mut damaged = whole.clone();
    damaged[..8_192].fill(0xa5);
    std::fs::write(&store, damaged).map_err(|error| error.to_string())?;
    let said = host.fail(&["start"])?;
    expect(&said, "store.redb is damaged")?;
    wait_until("doctor names the damage", || {
        let said = doctor(host)?;
        expect(&said, "store.redb is damaged")?;
        expect(&said, "put back a copy")
    })?;
    for (host, workload) in trial.hosts.iter().zip(["a", "b", "g"]) {
        expect(&host.succeed(&["status"])?, &format!("{workload}  running"))?;
    }
    host.succeed(&["stop"])?;
    std::fs::write(&store, whole).map_err(|error| error.to_string())?;
    host.succeed(&["start"])?;
    trial.all_connected()?;
    let after = trial.revision()?;
    if after == revision { Ok(()) } else { Err(format!("revision {revision} became {after}")) }
}

fn full_disk(trial: &Trial) -> Result<(), String> {
    let (host, folder) = (&trial.hosts[0], trial.control_folder());
    host.succeed(&["stop"])?;
    let disk = SmallDisk::below(&folder, 24)?;
    host.succeed(&["start"])?;
    trial.all_connected()?;
    disk.fill();
    let (mut acknowledged, mut port) = (trial.revision()?, 20_000);
    let said = loop {
        let file = trial.write(port)?;
        let output = host.output(&["apply", &file])?;
        if !output.status.success() {
            break String::from_utf8_lossy(&output.stderr).into_owned();
        }
        acknowledged += 1;
        port += 1;
        if port > 20_500 {
            return Err("500 applies found room on a full disk".to_owned());
        }
    };
    expect(&said, "is full")?;
    expect(&said, "Make room")?;
    trial.is_at(acknowledged)?;
    disk.make_room()?;
    host.succeed(&["apply", &trial.write(port)?])?;
    trial.is_at(acknowledged + 1)?;
    host.succeed(&["stop"])?;
    disk.take_away()?;
    host.succeed(&["start"])?;
    trial.all_connected()
}

// === ports ===

fn taken_ports(trial: &Trial) -> Result<(), String> {
    let host = &trial.hosts[0];
    host.succeed(&["stop"])?;
    wait_until("control's daemons have ended", || {
        let left = host.daemons("control").len() + host.daemons("node").len();
        if left == 0 { Ok(()) } else { Err(format!("{left} run")) }
    })?;
    let namespace = netloom_sys::namespace::NamespaceHandle::open(
        &Path::new("/run/netns").join(&host.namespace),
    );
    let namespace = namespace.map_err(|error| error.to_string())?;
    let any = Ipv6Addr::UNSPECIFIED;
    let taken = namespace
        .run(move || {
            Ok::<_, std::io::Error>((
                TcpListener::bind((any, 7766))?,
                UdpSocket::bind((any, 51820))?,
            ))
        })
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())?;
    let said = host.fail(&["start"])?;
    expect(&said, "7766")?;
    expect(&said, "51820")?;
    wait_until("doctor names both ports", || {
        let said = doctor(host)?;
        expect(&said, "7766")?;
        expect(&said, "51820")?;
        expect(&said, "another")
    })?;
    drop(taken);
    host.succeed(&["stop"])?;
    host.succeed(&["start"])?;
    trial.all_connected()
}

/// What doctor says, whether it finds errors or not.
fn doctor(host: &Host) -> Result<String, String> {
    Ok(String::from_utf8_lossy(&host.output(&["doctor"])?.stdout).into_owned())
}

fn expect_not(found: &str, unwanted: &str) -> Result<(), String> {
    if found.contains(unwanted) { Err(format!("`{unwanted}` in: {found}")) } else { Ok(()) }
}
