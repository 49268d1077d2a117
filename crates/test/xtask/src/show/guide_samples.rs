//! The show `guide-samples`: the guides' samples as programs in a lab, and packets that do what they declare.

use super::imports::quiet;
use super::user::User;
use super::{Report, Show, words};
use crate::cargo::{build_release, root};
use crate::clone::Scratch;
use crate::output;
use anyhow::Context as _;
use clap::Parser as _;
use std::path::Path;

pub(crate) const SHOW: Show = Show {
    name: "guide-samples",
    about: "the guides' samples run as programs against a lab's control, and packets do what they declare",
    run,
};

/// Brings labs up with next to nothing in their file, runs the samples on the node, and has what they
/// made call each other.
#[derive(Debug, clap::Parser)]
struct Options {}

/// The samples of a lab, in the order in which one may need what another makes, and what each says when
/// it has worked. Those of one lab have prefixes of their own.
const LABS: [&[(&str, &str)]; 3] = [
    &[("bolt-wireguard", "peer peer1 10.0.0.2 by alpha")],
    &[("gquic-wireguard", "container container-abc123 10.244.1.100")],
    &[
        ("clusterdb-virtual-networks", "subnet app-subnet-1 10.0.1.0/24 in app-network"),
        ("clusterdb-network-security", "network ACL app-acl"),
        ("clusterdb-network-setup", "subnet app-subnet in setup-network"),
        ("blackroad-peering", "peering us-west-vpc-eu-west-vpc is active"),
        ("clusterdb-workloads", "workload old"),
    ],
];

/// Who calls whom over TCP, and whether that passes: by the groups of the security sample, the route table
/// and the gateway of the network sample, and the peering.
const CALLS: [(&str, &str, u16, bool); 9] = [
    ("lb", "web", 80, true),
    ("lb", "web", 443, false),
    ("web", "lb", 443, false),
    ("web", "203.0.113.1", 443, true),
    ("web", "192.0.2.1", 443, false),
    ("us", "eu", 443, true),
    ("eu", "us", 443, true),
    ("eu", "old", 443, false),
    ("us", "203.0.113.1", 443, false),
];
/// What a call says that reached its host, which has no server on the port.
const REFUSED: &str = "the host was reached";

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
            packets(&user, &mut report)?;
        }
        let down = quiet(&user, &["lab", "down"])?;
        labs += usize::from(up.status.success() && down.status.success());
    }
    report.require("labs up and down", labs, labs == LABS.len(), LABS.len().to_string());
    Ok(report)
}

/// Calls between what the samples have made.
fn packets(user: &User, report: &mut Report) -> anyhow::Result<()> {
    let status = quiet(user, &["lab", "status", "--json"])?;
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
    let netloom = user.binary.to_string_lossy().into_owned();
    for (from, to, port, passes) in CALLS {
        let known = status["workloads"][to]["addresses"][0].as_str();
        let target = format!("{}:{port}", known.unwrap_or(to));
        let call = ["lab", "exec", from, "--", &netloom, "connect", &target, "--timeout", "1s"];
        let output = user.command(&call).output().context("cannot run netloom")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let reached = output.status.success() || text.contains(REFUSED);
        let word = |passes: bool| if passes { "reached" } else { "not reached" };
        let holds = reached == passes && (known.is_some() || to.starts_with(char::is_numeric));
        report.require(format!("{from} calls {to}:{port}"), word(reached), holds, word(passes));
    }
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
