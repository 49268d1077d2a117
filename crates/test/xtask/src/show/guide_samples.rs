//! The show `guide-samples`: the guides' samples as programs in a lab, whose nodes run what they declare, and
//! packets between it.

mod labs;
mod peers;

use super::imports::{holding, quiet};
use super::user::User;
use super::{Report, Show, words};
use crate::cargo::{build_release, root};
use crate::clone::Scratch;
use crate::output;
use anyhow::Context as _;
use clap::Parser as _;
use labs::{ANSWERED, LABS, Lab, NOT_ANSWERED, REACHED};
use peers::Program;
use serde_json::Value;
use std::path::Path;

pub(crate) const SHOW: Show = Show {
    name: "guide-samples",
    about: "the guides' samples run as programs against a lab's control; packets between what they declare",
    run,
};

/// Brings labs up with next to nothing in their file, runs the samples on the node, looks whether the nodes
/// run what they made, and sends packets that their groups and networks allow and deny.
#[derive(Debug, clap::Parser)]
struct Options {}

/// What `connect` says of a host that has nothing on the port.
const REFUSED: &str = "refused: the host was reached";

fn run(options: &[String]) -> anyhow::Result<Report> {
    let Options {} = Options::parse_from(words(SHOW.name, options));
    let programs = build_release(&["netloom-cli", "netloom-guides", "netloom-wireguard-interop"])?;
    let scratch = Scratch::new(None)?;
    let guides = root()?.join("examples/guides");
    let user = User::new(&scratch.0, &programs.join("netloom"), &guides.join("clusterdb.yaml"))?;
    let peer = Program::new(&programs, &scratch.0)?;
    let file = std::fs::read_to_string(guides.join("clusterdb.yaml"))?;
    std::fs::write(user.home.join("clusterdb.yaml"), &file)?;
    let mut report = Report::default();
    let mut labs = 0;
    for lab in &LABS {
        let up = quiet(&user, &["lab", "up", "clusterdb.yaml"])?;
        let keys = (0..lab.peers.len()).map(|number| peer.public_key(number));
        let keys = keys.collect::<anyhow::Result<Vec<String>>>()?;
        for (sample, said) in lab.samples {
            let worked = tried(&user, &programs.join(sample), &scratch.0, (said, &keys))?;
            report.require_yes(format!("{sample} has worked"), worked);
        }
        in_force(&user, lab, (&file, &peer), &mut report)?;
        let down = quiet(&user, &["lab", "down"])?;
        labs += usize::from(up.status.success() && down.status.success());
    }
    report.require("labs up and down", labs, labs == LABS.len(), LABS.len().to_string());
    Ok(report)
}

/// What the lab says that it runs, and what packets say of it.
fn in_force(
    user: &User,
    lab: &Lab,
    (file, program): (&str, &Program),
    report: &mut Report,
) -> anyhow::Result<()> {
    if !lab.more.is_empty() {
        referred_to(user, file, lab.more, report)?;
    }
    let shown = quiet(user, &["lab", "status"])?;
    output::print(&String::from_utf8_lossy(&shown.stdout));
    let status = quiet(user, &["lab", "status", "--json"])?;
    let status: Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
    for (workload, network) in lab.workloads {
        let found = &status["workloads"][workload];
        let runs = found["state"] == "running" && found["network"] == *network;
        let words = if runs { "running" } else { "not running" };
        report.require(format!("{workload} in {network}"), words, runs, "running");
    }
    let mut running = Vec::new();
    for (number, (address, echo, _)) in lab.peers.iter().enumerate() {
        let peer = program.start(user, number, (address, echo))?;
        report.require_yes(format!("peer {address} has a session"), peer.has_session);
        running.push(peer);
    }
    calls(user, lab, &status, report)?;
    for (peer, (address, echo, answered)) in running.into_iter().zip(lab.peers) {
        let seen = peer.seen()?;
        output::print(&format!("peer {address}\n{seen}"));
        let (found, wanted) = (seen.contains(&format!("{echo} answered")), *answered);
        let word = |answered| if answered { ANSWERED } else { NOT_ANSWERED };
        let what = format!("peer {address} sends an echo request to {echo}");
        report.require(what, word(found), found == wanted, word(wanted));
    }
    Ok(())
}

/// What becomes of the lab's calls.
fn calls(user: &User, lab: &Lab, status: &Value, report: &mut Report) -> anyhow::Result<()> {
    for (from, to, port, wanted) in lab.calls {
        let address = status["workloads"][to]["addresses"][0].as_str().unwrap_or(to);
        let seen = call(user, from, &format!("{address}:{port}"))?;
        report.require(format!("{from} calls {to}:{port}"), seen, seen == *wanted, *wanted);
    }
    for (from, to, flow, by) in lab.denied_by {
        let obstacle = obstacle(user, from, to, flow)?;
        let named = obstacle.contains(by);
        report.require(format!("{from} to {to} {flow} is denied by"), obstacle, named, *by);
    }
    for (from, to) in lab.names {
        let seen = call(user, from, to)?;
        let what = format!("{from} calls {to} by name");
        report.require(what, seen, seen == ANSWERED, ANSWERED);
    }
    Ok(())
}

/// What `explain` names as the obstacle of a flow, where real packets agree; else what was found.
fn obstacle(user: &User, from: &str, to: &str, flow: &str) -> anyhow::Result<String> {
    let netloom = user.binary.to_string_lossy().into_owned();
    let test = ["network", "test-connectivity", from, to, flow, "--json"];
    let words = [&["lab", "exec", "alpha", "--", &netloom][..], &test].concat();
    let output = user.run(&words)?;
    let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let flow = &found["flows"][0];
    Ok(match (flow["agrees"].as_bool(), flow["obstacle"].as_str()) {
        (Some(true), Some(obstacle)) => obstacle.to_owned(),
        (Some(true), None) => "nothing".to_owned(),
        _ => "packets and explain do not agree".to_owned(),
    })
}

/// What becomes of a call from a workload.
fn call(user: &User, from: &str, to: &str) -> anyhow::Result<&'static str> {
    let netloom = user.binary.to_string_lossy().into_owned();
    let words = ["lab", "exec", from, "--", &netloom, "connect", to, "--timeout", "2s"];
    let output = user.run(&words)?;
    // Where nobody listens a packet has passed all the same.
    let has_passed = String::from_utf8_lossy(&output.stdout).contains(REFUSED);
    Ok(match (output.status.success(), has_passed) {
        (true, _) => ANSWERED,
        (false, true) => REACHED,
        (false, false) => NOT_ANSWERED,
    })
}

/// A file that refers to what the samples have declared: applied, and its promises kept by packets.
fn referred_to(user: &User, file: &str, more: &str, report: &mut Report) -> anyhow::Result<()> {
    std::fs::write(user.home.join("clusterdb.yaml"), format!("{file}{more}"))?;
    let applied = user.run(&["lab", "apply", "clusterdb.yaml"])?;
    report.require_yes("a file that refers to them is applied", applied.status.success());
    if !more.contains("tests:") {
        return Ok(std::fs::write(user.home.join("clusterdb.yaml"), file)?);
    }
    let (some, all) = holding(&applied).unwrap_or_default();
    let wanted = more.matches("expect:").count();
    let good = some == all && all == wanted;
    report.require(
        "its tests hold",
        format!("{some} of {all}"),
        good,
        format!("{wanted} of {wanted}"),
    );
    std::fs::write(user.home.join("clusterdb.yaml"), file)?;
    Ok(())
}

/// Runs a sample on the lab's first node, where control is; whether it says what it should.
fn tried(
    user: &User,
    program: &Path,
    folder: &Path,
    (said, peers): (&str, &[String]),
) -> anyhow::Result<bool> {
    let name = program.file_name().unwrap_or_default();
    let own = folder.join(name);
    std::fs::copy(program, &own).with_context(|| format!("cannot copy {}", program.display()))?;
    let keys = user.home.join("keys").to_string_lossy().into_owned();
    let own = own.to_string_lossy().into_owned();
    let mut words = vec!["lab", "exec", "alpha", "--", &own, "clusterdb", &keys];
    words.extend(peers.iter().map(String::as_str));
    let ran = quiet(user, &words)?;
    let text = String::from_utf8_lossy(&ran.stdout);
    output::print(&format!("{}\n{text}\n", name.to_string_lossy()));
    Ok(ran.status.success() && text.contains(said))
}
