//! The show `stock-peers`: a host that knows WireGuard and nothing of Netloom, through all that users do.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use crate::packages;
use clap::Parser as _;
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "stock-peers",
    about: "wg-quick and wireguard-go with what was exported for them: let in, denied, rekeyed, taken over",
    run,
};

/// Makes three hosts in network namespaces, as root: two nodes, and one on which wg-quick brings up
/// wireguard-go with the file that `netloom vpn export` has printed, then with the file of a server
/// that `netloom vpn setup wireguard` has taken over.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Do not install what is missing.
    #[arg(long)]
    no_install: bool,
}

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    packages::provide(!options.no_install);
    for program in ["wg", "wireguard-go", "ip"] {
        packages::require(program)?;
    }
    let programs = build_release(&["netloom-hosts", "netloom-cli"])?;
    let mut command = Command::new(programs.join("netloom-hosts"));
    command.arg("--netloom").arg(programs.join("netloom")).arg("stock-peers");
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    for step in [
        "up and join",
        "export makes a key pair",
        "the peer connects and is let in",
        "policy denies it the rest",
        "names, list, test and stats",
        "an apply takes its way away",
        "a preshared key",
        "a wg-quick file is taken over",
    ] {
        report.require(step, figures.text(step), figures.text(step) == "yes", "yes");
    }
    let name = "bytes received of the peer";
    let some = figures.number(name).is_some_and(|number| number > 0);
    report.require(name, figures.text(name), some, "some");
    Ok(report)
}
