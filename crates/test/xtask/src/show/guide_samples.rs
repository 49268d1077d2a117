//! The show `guide-samples`: the guides' samples as programs in a lab, whose node runs what they declare.

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
    about: "the guides' samples run as programs against a lab's control, and its node runs what they declare",
    run,
};

/// Brings labs up with next to nothing in their file, runs the samples on the node, and looks
/// whether the node runs what they made.
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

/// What the samples have declared at the end, and the node must run in its networks.
const WORKLOADS: [(&str, &str); 5] = [
    ("web", "app-network"),
    ("lb", "app-network"),
    ("us", "us-west-vpc"),
    ("eu", "eu-west-vpc"),
    ("old", "legacy-vpc"),
];

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
        }
        let down = quiet(&user, &["lab", "down"])?;
        labs += usize::from(up.status.success() && down.status.success());
    }
    report.require("labs up and down", labs, labs == LABS.len(), LABS.len().to_string());
    Ok(report)
}

/// What the node says that it runs: each workload in a namespace of its network, in force in the kernel.
fn in_force(user: &User, report: &mut Report) -> anyhow::Result<()> {
    let netloom = user.binary.to_string_lossy().into_owned();
    let status = quiet(user, &["lab", "exec", "alpha", "--", &netloom, "status"])?;
    let text = String::from_utf8_lossy(&status.stdout).into_owned();
    output::print(&text);
    for (workload, network) in WORKLOADS {
        let is_it = |line: &&str| {
            let mut words = line.split_whitespace();
            words.next() == Some(workload) && line.contains(network)
        };
        let line = text.lines().find(is_it).unwrap_or_default();
        let runs = line.contains(" running ");
        let found = if runs { "running" } else { "not running" };
        report.require(format!("{workload} in {network}"), found, runs, "running");
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
