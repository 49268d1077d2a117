//! The show `guide-samples`: the guides' samples as programs in a lab, and packets that do what they declare.

use super::imports::{holding, quiet};
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

/// Brings a lab up with next to nothing in its file, runs the samples on its first node, and applies a
/// file with workloads and tests in what the samples have made.
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
    ],
];

/// Workloads in what the samples have made, and what must be so then: groups by the security sample, the
/// way out by the route table and the gateway of the network sample, the way across by the peering.
const MORE: &str = "
workloads:
  web: { node: alpha, subnet: app-subnet-1, security_groups: [web-sg], attach: { serve: { tcp: [443, 80] } } }
  lb: { node: alpha, subnet: app-subnet-1, security_groups: [internal-lb-sg], attach: { serve: { tcp: 9 } } }
  us: { node: alpha, subnet: us-west-vpc-public, security_groups: [web-sg], attach: { serve: { tcp: 443 } } }
  eu: { node: alpha, subnet: eu-west-vpc-public, security_groups: [web-sg], attach: { serve: { tcp: 443 } } }
  old: { node: alpha, subnet: legacy-vpc-public, security_groups: [web-sg], attach: { serve: { tcp: 443 } } }
tests:
  - { from: lb, to: web, port: 80/tcp, expect: allow }
  - { from: lb, to: web, port: 443/tcp, expect: deny }
  - { from: web, to: lb, port: 9/tcp, expect: deny }
  - { from: web, to: internet, port: 443/tcp, expect: allow }
  - { from: web, to: 192.0.2.1, port: 443/tcp, expect: deny }
  - { from: us, to: eu, port: 443/tcp, expect: allow }
  - { from: eu, to: us, port: 443/tcp, expect: allow }
  - { from: eu, to: old, port: 443/tcp, expect: deny }
  - { from: us, to: internet, port: 443/tcp, expect: deny }
";

fn run(options: &[String]) -> anyhow::Result<Report> {
    let Options {} = Options::parse_from(words(SHOW.name, options));
    let programs = build_release(&["netloom-cli", "netloom-guides"])?;
    let scratch = Scratch::new(None)?;
    let guides = root()?.join("examples/guides");
    let user = User::new(&scratch.0, &programs.join("netloom"), &guides.join("clusterdb.yaml"))?;
    let file = std::fs::read_to_string(guides.join("clusterdb.yaml"))?;
    std::fs::write(user.home.join("clusterdb.yaml"), &file)?;
    std::fs::write(user.home.join("more.yaml"), format!("{file}{MORE}"))?;
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

/// Applies the workloads where the samples' networks are, by control as on a host, and tries the tests.
fn packets(user: &User, report: &mut Report) -> anyhow::Result<()> {
    let netloom = user.binary.to_string_lossy().into_owned();
    let file = user.home.join("more.yaml").to_string_lossy().into_owned();
    quiet(user, &["lab", "exec", "alpha", "--", &netloom, "apply", &file])?;
    let tested = quiet(user, &["lab", "test"])?;
    output::print(&String::from_utf8_lossy(&tested.stdout));
    let (holds, all) = holding(&tested).unwrap_or_default();
    let wanted = MORE.matches("expect:").count();
    report.require("tests on packets", all, all == wanted, wanted.to_string());
    report.require("that hold", holds, holds == wanted, wanted.to_string());
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
