//! Clocks that are hours off, and control that is away for longer than certificates last.

use super::doctor;
use super::fabric::{FABRIC, Trial, expect, text};
use crate::ground::{Host, wait_until};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest wait for an answer through a tunnel.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// The library that shows a program another time (Debian's package `libfaketime`).
fn library() -> Result<PathBuf, String> {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let mut paths = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    paths.find(|path| path.exists()).ok_or_else(|| "libfaketime is not installed".to_owned())
}

/// The host with its wall clock off, as `+5h` or `-5h`; the time since its start is what it is.
fn with_clock(host: &Host, offset: &str) -> Result<Host, String> {
    let mut host = host.clone();
    let library = library()?.to_string_lossy().into_owned();
    for (name, value) in [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME", offset),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
        ("FAKETIME_DONT_RESET", "1"),
    ] {
        host.environment.push((name.to_owned(), value.to_owned()));
    }
    Ok(host)
}

/// A node whose clock was set back, and one whose clock was set forward, and both back to normal.
pub(super) fn skewed(trial: &Trial) -> Result<(), String> {
    let (beta, gamma) = (&trial.hosts[1], &trial.hosts[2]);
    let (ahead, behind) = (with_clock(beta, "+5h")?, with_clock(gamma, "-5h")?);
    for (host, skewed) in [(beta, &ahead), (gamma, &behind)] {
        host.succeed(&["stop"])?;
        skewed.succeed(&["start"])?;
    }
    trial.all_connected()?;
    expect(&doctor(&behind)?, "this host's clock is behind by 5.0 h")?;
    expect(&doctor(&ahead)?, "this host's clock is ahead of control's by 5.0 h")?;
    // Each calls first: a peer would take an earlier time than its last one for a replay.
    let file = trial.write(30_000)?;
    trial.hosts[0].succeed(&["apply", &file])?;
    for (host, workload, others) in
        [(gamma, "g", ["a", "b"]), (beta, "b", ["a", "g"]), (&trial.hosts[0], "a", ["b", "g"])]
    {
        for other in others {
            trial.answers(host, workload, other)?;
        }
    }
    for host in [beta, gamma] {
        host.succeed(&["stop"])?;
        host.succeed(&["start"])?;
    }
    trial.all_connected()?;
    trial.answers(beta, "b", "g")?;
    trial.answers(gamma, "g", "b")
}

/// Control goes, a day and more passes, nodes restart meanwhile, and control comes back.
pub(super) fn a_day_without_control(trial: &Trial) -> Result<(), String> {
    let revision = trial.revision()?;
    let days: Vec<Host> =
        trial.hosts.iter().map(|host| with_clock(host, "+26h")).collect::<Result<_, _>>()?;
    trial.hosts.iter().try_for_each(|host| host.succeed(&["stop"]).map(drop))?;
    let (control, nodes) = (&days[0], &days[1..]);
    nodes.iter().try_for_each(|host| host.succeed(&["start"]).map(drop))?;
    // Nobody tells them anything, and their certificates have run out.
    trial.answers(&nodes[0], "b", "g")?;
    trial.answers(&nodes[1], "g", "b")?;
    wait_until("doctor says what has run out", || {
        expect(&doctor(&nodes[0])?, "the node's certificate has run out")
    })?;
    control.succeed(&["start"])?;
    trial.all_connected()?;
    expect(&doctor(&nodes[0])?, "the certificate is valid until")?;
    trial.is_at(revision)?;
    control.succeed(&["apply", &trial.write(30_001)?])?;
    trial.is_at(revision + 1)?;
    trial.answers(control, "a", "b")?;
    trial.hosts.iter().try_for_each(|host| host.succeed(&["stop"]).map(drop))?;
    // The clocks are right again: what was issued and signed a day ahead must not shut anyone out.
    trial.hosts.iter().try_for_each(|host| host.succeed(&["start"]).map(drop))?;
    trial.all_connected()?;
    trial.answers(&trial.hosts[2], "g", "a")
}

impl Trial {
    /// Calls another workload from within one, until it answers.
    pub(super) fn answers(&self, host: &Host, from: &str, to: &str) -> Result<(), String> {
        wait_until(&format!("{from} is answered by {to}"), || {
            let address = self.address(to)?;
            let inside = host.inside(FABRIC, &format!("workload-{from}")).map_err(text)?;
            let call = move || call(address);
            inside.run(call).map_err(|error| error.to_string())?.map_err(|error| error.to_string())
        })
        .map(drop)
    }

    /// A workload's address, as its node's kernel has it.
    fn address(&self, workload: &str) -> Result<SocketAddr, String> {
        let place = ["a", "b", "g"].iter().position(|name| *name == workload).unwrap_or(0);
        let path = self.hosts[place].run().join(FABRIC).join("netns");
        let inside = path.join(format!("workload-{workload}"));
        let addresses = addresses_in(&inside)?;
        let address = addresses.split_whitespace().skip_while(|word| *word != "inet").nth(1);
        let address = address.and_then(|text| text.split('/').next()?.parse().ok());
        address.map(|ip| SocketAddr::new(ip, 80)).ok_or_else(|| format!("no address: {addresses}"))
    }
}

fn addresses_in(namespace: &Path) -> Result<String, String> {
    let output = std::process::Command::new("nsenter")
        .arg(format!("--net={}", namespace.display()))
        .args(["ip", "-4", "-o", "addr", "show", "dev", "eth0"])
        .output()
        .map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn call(to: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&to, ANSWER_TIMEOUT)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut first = [0; 4];
    stream.read_exact(&mut first)?;
    if &first == b"HTTP" { Ok(()) } else { Err(std::io::Error::other("no HTTP")) }
}
