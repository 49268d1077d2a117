//! The show `members`: control of three members over etcd of three, each lost and back.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use crate::packages;
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "members",
    about: "control on three hosts over a real etcd: members killed and cut off, changes go on",
    run,
};

/// Makes three hosts in network namespaces, as root, each with a member of control and one of etcd.
/// In turn each host loses both for good, then its link; meanwhile the others take changes, and nodes
/// go on with another member.
#[derive(Debug, clap::Parser)]
struct Options {
    /// How often a member is lost: first by killing, from the fourth on by cutting its host off.
    #[arg(long, default_value_t = 9)]
    losses: u64,
    /// Do not install what is missing.
    #[arg(long)]
    no_install: bool,
}

const NODES: [&str; 3] = ["alpha", "beta", "gamma"];

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    packages::provide(!options.no_install);
    packages::require("etcd")?;
    let programs = build_release(&["netloom-hosts", "netloom-cli"])?;
    let mut command = Command::new(programs.join("netloom-hosts"));
    command.arg("--netloom").arg(programs.join("netloom")).arg("members");
    command.args(["--losses", &options.losses.to_string()]);
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    let mut steps: Vec<String> = [
        "a store in a file has one member",
        "three members over etcd",
        "only nodes with the role become members",
        "every member takes changes and sees all nodes",
        "a member that leaves is forgotten",
    ]
    .map(str::to_owned)
    .to_vec();
    for (what, from) in [("control and etcd killed", 0), ("host cut off", NODES.len() as u64)] {
        let names = NODES.iter().zip(from..).filter(|(_, loss)| *loss < options.losses);
        steps.extend(names.map(|(name, _)| format!("{name} with {what}, and back")));
    }
    for step in steps {
        report.require(&step, figures.text(&step), figures.text(&step) == "yes", "yes");
    }
    for name in ["applies", "slowest apply without a member ms", "slowest return of a member ms"] {
        report.figure(name, figures.text(name));
    }
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code", code, figures.succeeded, "success");
    Ok(report)
}
