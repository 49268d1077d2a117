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

/// A lab, the samples that run in it, and what is to be seen of what they have declared.
struct Lab {
    /// In the order in which one may need what another makes, and what each says when it has worked. Those of one lab
    /// have prefixes of their own.
    samples: &'static [(&'static str, &'static str)],
    /// What the nodes must run, and in which network.
    workloads: &'static [(&'static str, &'static str)],
    /// What a file adds that refers to what the samples have declared, and its promises.
    more: &'static str,
    /// Calls: from, to, port, and what becomes of them.
    calls: &'static [(&'static str, &'static str, u16, &'static str)],
    /// Calls of which packets and `explain` say the same, and what `explain` must name as the obstacle.
    denied_by: &'static [(&'static str, &'static str, &'static str, &'static str)],
    /// Calls by name, in a network and over a peering.
    names: &'static [(&'static str, &'static str)],
}

const NOTHING: Lab =
    Lab { samples: &[], workloads: &[], more: "", calls: &[], denied_by: &[], names: &[] };

const LABS: [Lab; 4] = [
    Lab {
        samples: &[("bolt-wireguard", "peer peer1 10.0.0.2 by alpha")],
        ..NOTHING
    },
    Lab {
        samples: &[("gquic-wireguard", "container container-abc123 10.244.1.100")],
        ..NOTHING
    },
    Lab {
        samples: &[("clusterdb-network-setup", "route table private-routes of app-subnet")],
        more: "
security_groups: { out: { egress: [{ to: all }] } }
workloads:
  job: { node: alpha, subnet: app-subnet, security_groups: [out], attach: { serve: { tcp: 9 } } }
tests:
  - { from: job, to: internet, port: 443/tcp, expect: allow }
",
        // By the route to nat-1, the only way out that there is.
        calls: &[("job", INTERNET, 443, REACHED)],
        ..NOTHING
    },
    Lab {
        samples: &[
            ("clusterdb-virtual-networks", "subnet app-subnet-1 10.0.1.0/24 in app-network"),
            ("clusterdb-network-security", "subnet app-subnet-2 with app-acl in app-network"),
            ("blackroad-peering", "peering us-west-vpc-eu-west-vpc is active"),
            ("clusterdb-workloads", "workload old"),
        ],
        workloads: &[
            ("web", "app-network"),
            ("lb", "app-network"),
            ("app", "app-network"),
            ("us", "us-west-vpc"),
            ("eu", "eu-west-vpc"),
            ("old", "legacy-vpc"),
        ],
        more: "
workloads:
  job: { node: alpha, subnet: app-subnet-1, security_groups: [internal-lb-sg], attach: { serve: { tcp: 9 } } }
tests:
  - { from: job, to: web, port: 80/tcp, expect: allow }
  - { from: job, to: lb, port: 443/tcp, expect: deny }
  - { from: job, to: app, port: 80/tcp, expect: deny }
  - { from: us, to: eu, port: 443/tcp, expect: allow }
  - { from: eu, to: old, port: 443/tcp, expect: deny }
",
        calls: &[
            ("lb", "web", 80, ANSWERED),
            ("lb", "web", 443, NOT_ANSWERED),
            ("web", "lb", 443, NOT_ANSWERED),
            ("us", "eu", 443, ANSWERED),
            ("eu", "us", 443, ANSWERED),
            ("eu", "old", 443, NOT_ANSWERED),
            // The groups allow both; app-acl lets one through.
            ("web", "app", 8080, ANSWERED),
            ("lb", "app", 80, NOT_ANSWERED),
            // The blackhole is more specific than the route to nat-1, and a node has no part in it.
            ("alpha", INTERNET, 443, REACHED),
            ("web", INTERNET, 443, NOT_ANSWERED),
        ],
        denied_by: &[
            ("lb", "app", "80/tcp", "app-acl"),
            ("web", INTERNET, "443/tcp", "private-routes"),
        ],
        names: &[("lb", "web:80"), ("us", "eu.eu-west-vpc.internal:443")],
    },
];

/// The host that stands for the internet in labs. It answers, and serves nothing.
const INTERNET: &str = "203.0.113.1";

const ANSWERED: &str = "answered";
/// Nobody listens, but a packet has passed both ways.
const REACHED: &str = "refused by the host";
const NOT_ANSWERED: &str = "not answered";
/// What `connect` says of a host that has nothing on the port.
const REFUSED: &str = "refused: the host was reached";

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
    for lab in &LABS {
        let up = quiet(&user, &["lab", "up", "clusterdb.yaml"])?;
        for (sample, said) in lab.samples {
            let worked = tried(&user, &programs.join(sample), &scratch.0, said)?;
            report.require_yes(format!("{sample} has worked"), worked);
        }
        in_force(&user, lab, &file, &mut report)?;
        let down = quiet(&user, &["lab", "down"])?;
        labs += usize::from(up.status.success() && down.status.success());
    }
    report.require("labs up and down", labs, labs == LABS.len(), LABS.len().to_string());
    Ok(report)
}

/// What the lab says that it runs, and what packets say of it.
fn in_force(user: &User, lab: &Lab, file: &str, report: &mut Report) -> anyhow::Result<()> {
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
