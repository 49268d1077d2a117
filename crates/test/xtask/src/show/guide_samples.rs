//! The show `guide-samples`: the guides' samples as programs in a lab, whose nodes run what they declare, and
//! packets between it.

use super::imports::{holding, quiet};
use super::user::User;
use super::{Report, Show, words};
use crate::cargo::{build_release, root};
use crate::clone::Scratch;
use crate::output;
use anyhow::Context as _;
use clap::Parser as _;
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

/// The samples of a lab, in the order in which one may need what another makes, and what each says when
/// it has worked. Those of one lab have prefixes of their own.
const LABS: [&[(&str, &str)]; 4] = [
    &[("bolt-wireguard", "peer peer1 10.0.0.2 by alpha")],
    &[("gquic-wireguard", "container container-abc123 10.244.1.100")],
    &[("clusterdb-network-setup", "route table private-routes of app-subnet")],
    &[
        ("clusterdb-virtual-networks", "subnet app-subnet-1 10.0.1.0/24 in app-network"),
        ("clusterdb-network-security", "network ACL app-acl"),
        ("blackroad-peering", "peering us-west-vpc-eu-west-vpc is active"),
        ("clusterdb-workloads", "workload old"),
    ],
];

/// What the samples have declared at the end, and the nodes must run in its networks.
const WORKLOADS: [(&str, &str); 5] = [
    ("web", "app-network"),
    ("lb", "app-network"),
    ("us", "us-west-vpc"),
    ("eu", "eu-west-vpc"),
    ("old", "legacy-vpc"),
];

/// Calls between them: from, to, port, and whether the groups, ACLs and peerings of the samples let them pass.
const CALLS: [(&str, &str, u16, bool); 6] = [
    ("lb", "web", 80, true),
    ("lb", "web", 443, false),
    ("web", "lb", 443, false),
    ("us", "eu", 443, true),
    ("eu", "us", 443, true),
    ("eu", "old", 443, false),
];

const ANSWERED: &str = "answered";
/// What `connect` says of a host that has nothing on the port.
const REFUSED: &str = "refused: the host was reached";

/// Calls by name, in the network and over the peering.
const NAMES: [(&str, &str); 2] = [("lb", "web:80"), ("us", "eu.eu-west-vpc.internal:443")];

/// What a file adds that refers to what the samples have declared: a client, and promises.
const MORE: &str = "
workloads:
  job: { node: alpha, subnet: app-subnet-1, security_groups: [internal-lb-sg], attach: { serve: { tcp: 9 } } }
tests:
  - { from: job, to: web, port: 80/tcp, expect: allow }
  - { from: job, to: lb, port: 443/tcp, expect: deny }
  - { from: us, to: eu, port: 443/tcp, expect: allow }
  - { from: eu, to: old, port: 443/tcp, expect: deny }
";

fn run(options: &[String]) -> anyhow::Result<Report> {
    let Options {} = Options::parse_from(words(SHOW.name, options));
    let programs = build_release(&["netloom-cli", "netloom-guides"])?;
    let scratch = Scratch::new(None)?;
    let guides = root()?.join("examples/guides");
    let user = User::new(&scratch.0, &programs.join("netloom"), &guides.join("clusterdb.yaml"))?;
    let file = std::fs::read_to_string(guides.join("clusterdb.yaml"))?;
    std::fs::write(user.home.join("clusterdb.yaml"), &file)?;
    let mut report = Report::default();
    let mut labs = 0;
    for (number, samples) in LABS.iter().enumerate() {
        let up = quiet(&user, &["lab", "up", "clusterdb.yaml"])?;
        for (sample, said) in *samples {
            let worked = tried(&user, &programs.join(sample), &scratch.0, said)?;
            let word = if worked { "yes" } else { "no" };
            report.require(format!("{sample} has worked"), word, worked, "yes");
        }
        if number + 1 == LABS.len() {
            in_force(&user, &mut report)?;
            referred_to(&user, &file, &mut report)?;
        }
        let down = quiet(&user, &["lab", "down"])?;
        labs += usize::from(up.status.success() && down.status.success());
    }
    report.require("labs up and down", labs, labs == LABS.len(), LABS.len().to_string());
    Ok(report)
}

/// What the lab says that it runs, and what packets say of it.
fn in_force(user: &User, report: &mut Report) -> anyhow::Result<()> {
    let shown = quiet(user, &["lab", "status"])?;
    output::print(&String::from_utf8_lossy(&shown.stdout));
    let status = quiet(user, &["lab", "status", "--json"])?;
    let lab: Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
    for (workload, network) in WORKLOADS {
        let found = &lab["workloads"][workload];
        let runs = found["state"] == "running" && found["network"] == network;
        let words = if runs { "running" } else { "not running" };
        report.require(format!("{workload} in {network}"), words, runs, "running");
    }
    for (from, to, port, passes) in CALLS {
        let address = lab["workloads"][to]["addresses"][0].as_str().unwrap_or("nowhere");
        let seen = call(user, from, &format!("{address}:{port}"))?;
        let wanted = if passes { ANSWERED } else { "not answered" };
        report.require(format!("{from} calls {to}:{port}"), seen, seen == wanted, wanted);
    }
    for (from, to) in NAMES {
        let seen = call(user, from, to)?;
        let what = format!("{from} calls {to} by name");
        report.require(what, seen, seen == ANSWERED, ANSWERED);
    }
    Ok(())
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
        (false, true) => "refused by the host",
        (false, false) => "not answered",
    })
}

/// A file that refers to what the samples have declared: applied, and its promises kept by packets.
fn referred_to(user: &User, file: &str, report: &mut Report) -> anyhow::Result<()> {
    std::fs::write(user.home.join("clusterdb.yaml"), format!("{file}{MORE}"))?;
    let applied = user.run(&["lab", "apply", "clusterdb.yaml"])?;
    let done = applied.status.success();
    let word = if done { "yes" } else { "no" };
    report.require("a file that refers to them is applied", word, done, "yes");
    let (some, all) = holding(&applied).unwrap_or_default();
    let wanted = MORE.matches("expect:").count();
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
fn tried(user: &User, program: &Path, folder: &Path, said: &str) -> anyhow::Result<bool> {
    let name = program.file_name().unwrap_or_default();
    let own = folder.join(name);
    std::fs::copy(program, &own).with_context(|| format!("cannot copy {}", program.display()))?;
    let keys = user.home.join("keys").to_string_lossy().into_owned();
    let own = own.to_string_lossy().into_owned();
    let ran = quiet(user, &["lab", "exec", "alpha", "--", &own, "clusterdb", &keys])?;
    let text = String::from_utf8_lossy(&ran.stdout);
    output::print(&format!("{}\n{text}\n", name.to_string_lossy()));
    Ok(ran.status.success() && text.contains(said))
}
