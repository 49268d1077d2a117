//! Runs the lab, the sender, the watcher and the blows; prints its figures last.
#![forbid(unsafe_code)]

use anyhow::{Context as _, ensure};
use ipnet::IpNet;
use netloom_lab::protocol::Report;
use netloom_no_cleartext::chaos::{self, Files};
use netloom_no_cleartext::lab::Lab;
use netloom_no_cleartext::{sender, watcher};
use netloom_sys::namespace::NamespaceHandle;
use netloom_sys::netlink::{NetlinkSocket, Protocol};
use netloom_sys::route;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode};
use std::time::Instant;

/// The device of a network, in its namespace on a node.
const TUNNEL: &str = "mesh0";

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, rest)) if first == "--watch" => watch(rest),
        Some((first, rest)) if first == "--send" => send(rest),
        Some((first, rest)) if first == "--remove-tunnel" => remove_tunnel(rest),
        Some(_) | None => outside(&arguments),
    }
}

/// `--name value` as given, or nothing.
fn option<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1).map(String::as_str)
}

fn outside(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let executable = PathBuf::from(option(arguments, "--netloom").context("--netloom PATH")?);
    let fabric = PathBuf::from(option(arguments, "--fabric").context("--fabric FILE")?);
    let blows: u64 = option(arguments, "--blows").unwrap_or("100").parse().context("--blows")?;
    let seed: u64 = option(arguments, "--seed").unwrap_or("1").parse().context("--seed")?;
    let home = std::env::temp_dir().join(format!("netloom-clear-{}", std::process::id()));
    std::fs::create_dir_all(&home)?;
    let result = run(&executable, &fabric, &home, seed, blows);
    let removed = std::fs::remove_dir_all(&home);
    let good = result?;
    removed?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run(
    executable: &Path,
    fabric: &Path,
    home: &Path,
    seed: u64,
    blows: u64,
) -> anyhow::Result<bool> {
    let files = Files::write(fabric, home)?;
    let lab = Lab::up(executable, &files.whole, home)?;
    let report = lab.status()?;
    let mut watcher = lab.beside(&watch_arguments(&lab, &report))?;
    let mut lines = BufReader::new(watcher.stdout.take().context("no pipe")?);
    let mut first = String::new();
    lines.read_line(&mut first)?;
    ensure!(first.trim() == "watching", "the watcher does not watch: {first}");
    let sender = lab.beside(&send_arguments(&report))?;
    let dealt = chaos::deal(&lab, &files, seed, blows)?;
    let sent = finish(sender)?;
    let ended = Instant::now();
    let failing = lab.still_failing_tests()?;
    let recovery = ended.elapsed();
    drop(watcher.stdin.take());
    let mut seen = String::new();
    lines.read_to_string(&mut seen)?;
    watcher.wait()?;
    lab.down()?;
    let mut out = std::io::stdout().lock();
    write!(out, "{seen}")?;
    writeln!(out, "datagrams sent: {}", sent.trim())?;
    writeln!(out, "agents killed: {}", dealt.agents)?;
    writeln!(out, "tunnels removed: {}", dealt.tunnels)?;
    writeln!(out, "nodes removed and put back: {}", dealt.nodes)?;
    let recovered = failing.is_none();
    write!(out, "{}", failing.unwrap_or_default())?;
    writeln!(out, "asked until then: {:.1} s", recovery.as_secs_f64())?;
    writeln!(out, "tests hold afterwards: {recovered}")?;
    Ok(recovered && seen.contains("clear: 0\n") && seen.contains("missed: 0\n"))
}

/// Closes a program's input and gives what it printed.
fn finish(mut child: Child) -> anyhow::Result<String> {
    drop(child.stdin.take());
    let mut text = String::new();
    child.stdout.take().context("no pipe")?.read_to_string(&mut text)?;
    child.wait()?;
    Ok(text)
}

fn watch_arguments(lab: &Lab, report: &Report) -> Vec<String> {
    let mut arguments = vec!["--watch".to_owned()];
    // The prefixes of the example's networks and of its nodes' own addresses.
    let nodes = report.nodes.values().filter_map(|node| node.address);
    let prefixes = ["10.0.0.0/16", "10.9.0.0/16", "fd00:10::/48", "fd00:9::/48"];
    arguments.extend(prefixes.iter().map(ToString::to_string));
    arguments.extend(nodes.map(|address| IpNet::from(address).to_string()));
    arguments.push("--in".to_owned());
    arguments.extend(lab.ground(report));
    arguments
}

fn send_arguments(report: &Report) -> Vec<String> {
    let mut arguments = vec!["--send".to_owned()];
    let targets = report.workloads.values().flat_map(|workload| &workload.addresses);
    arguments.extend(targets.map(ToString::to_string));
    arguments.push("--in".to_owned());
    // Workloads of the node that comes and goes are only sent to.
    let senders = report.workloads.values().filter(|workload| workload.node != chaos::LEAVER);
    arguments.extend(senders.map(|workload| workload.namespace.clone()));
    arguments.extend(report.nodes.values().map(|node| node.namespace.clone()));
    arguments
}

/// What stands before `--in`, and after it.
fn parted<T: std::str::FromStr>(arguments: &[String]) -> anyhow::Result<(Vec<T>, &[String])>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let at = arguments.iter().position(|word| word == "--in").context("--in is missing")?;
    let values = arguments[..at].iter().map(|text| text.parse().map_err(anyhow::Error::from));
    Ok((values.collect::<anyhow::Result<_>>()?, &arguments[at + 1..]))
}

fn watch(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let (fabric, namespaces) = parted::<IpNet>(arguments)?;
    let watched = watcher::watch(namespaces, &fabric)?;
    let mut out = std::io::stdout().lock();
    for example in &watched.examples {
        writeln!(out, "in clear on {example}")?;
    }
    writeln!(out, "links watched: {}", watched.links)?;
    writeln!(out, "frames: {}", watched.frames)?;
    writeln!(out, "sealed: {}", watched.sealed)?;
    writeln!(out, "clear: {}", watched.clear)?;
    writeln!(out, "missed: {}", watched.missed)?;
    writeln!(out, "attacks: {}", watched.attacks)?;
    Ok(ExitCode::SUCCESS)
}

fn send(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let (targets, namespaces) = parted::<IpAddr>(arguments)?;
    let sent = sender::send(namespaces, &targets)?;
    writeln!(std::io::stdout(), "{sent}")?;
    Ok(ExitCode::SUCCESS)
}

fn remove_tunnel(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let path = arguments.first().context("--remove-tunnel needs a namespace")?;
    let namespace = NamespaceHandle::open(Path::new(path))?;
    namespace.run(|| -> anyhow::Result<()> {
        let mut netlink = NetlinkSocket::open(Protocol::Route)?;
        Ok(route::delete_link(&mut netlink, TUNNEL)?)
    })??;
    Ok(ExitCode::SUCCESS)
}
