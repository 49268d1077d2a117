//! `cargo xtask show`: each show runs the real thing and reports figures and whether they suffice.

mod aws_semantics;
mod bad_files;
mod bench_reach;
mod bench_tunnel;
mod canary;
mod dashboard;
mod drift;
mod faults;
mod figures;
mod gateway_failover;
mod guide_samples;
mod imports;
mod installed;
mod kill_storm;
mod main_job;
mod members;
mod networks_vs_packets;
mod no_cleartext;
mod path_mtu;
mod policy_vs_packets;
mod real_hosts;
mod report;
mod scale_control;
mod stock_peers;
mod store_conformance;
mod ten_thousand;
mod tests_clean;
mod tunnel_fuzz;
mod tunnel_soak;
mod upgrade;
mod user;
mod wireguard_matrix;
mod zero_alloc;

use crate::output;
use anyhow::Context as _;
pub(crate) use report::Report;

/// One show.
#[derive(Debug)]
pub(crate) struct Show {
    /// As on the command line.
    pub(crate) name: &'static str,
    /// What it shows, in one line.
    pub(crate) about: &'static str,
    /// Runs it with its own options. An error means that it could not run.
    pub(crate) run: fn(&[String]) -> anyhow::Result<Report>,
}

/// All shows, in the order of the list.
const SHOWS: [Show; 30] = [
    main_job::SHOW,
    tests_clean::SHOW,
    policy_vs_packets::SHOW,
    networks_vs_packets::SHOW,
    gateway_failover::SHOW,
    imports::SHOW,
    aws_semantics::SHOW,
    guide_samples::SHOW,
    bench_reach::SHOW,
    no_cleartext::SHOW,
    drift::SHOW,
    wireguard_matrix::SHOW,
    stock_peers::SHOW,
    bad_files::SHOW,
    real_hosts::SHOW,
    kill_storm::SHOW,
    members::SHOW,
    installed::SHOW,
    faults::SHOW,
    store_conformance::SHOW,
    scale_control::SHOW,
    upgrade::SHOW,
    dashboard::SHOW,
    bench_tunnel::SHOW,
    ten_thousand::SHOW,
    zero_alloc::SHOW,
    tunnel_soak::SHOW,
    tunnel_fuzz::SHOW,
    path_mtu::SHOW,
    canary::SHOW,
];

/// Arguments of `show`.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// Which one, and its options, which `--help` after the name explains; without a name, all
    /// are listed.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "NAME [OPTIONS]")]
    words: Vec<String>,
}

/// Runs or lists. `Ok(false)` if the figures fall short.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let (name, options) = match arguments.words.split_first() {
        Some((name, options)) if !matches!(name.as_str(), "-h" | "--help") => (name, options),
        Some(_) | None => {
            output::print(&format!("cargo xtask show NAME [--help | OPTIONS]\n\n{}", list()));
            return Ok(true);
        }
    };
    let show = SHOWS
        .iter()
        .find(|show| show.name == *name)
        .with_context(|| format!("there is no show `{name}`; there are:\n{}", list()))?;
    let report = (show.run)(options).with_context(|| format!("`{name}` could not be shown"))?;
    output::print(&format!("\n{}\n{report}", show.name));
    Ok(report.suffices())
}

fn list() -> String {
    let width = SHOWS.iter().map(|show| show.name.len()).max().unwrap_or(0);
    SHOWS.iter().map(|show| format!("  {:<width$}  {}\n", show.name, show.about)).collect()
}

/// The words of a command line as a show's own parser expects them.
pub(crate) fn words<'a>(
    name: &'a str,
    options: &'a [String],
) -> impl Iterator<Item = String> + use<'a> {
    std::iter::once(format!("cargo xtask show {name}")).chain(options.iter().cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_listed() {
        let list = list();
        for show in &SHOWS {
            assert_eq!(SHOWS.iter().filter(|other| other.name == show.name).count(), 1);
            assert!(list.contains(show.name) && list.contains(show.about));
        }
    }

    #[test]
    fn an_unknown_name_is_an_error_that_lists_the_known_ones() {
        let arguments = Arguments { words: vec!["nothing".to_owned()] };
        let error = run(&arguments).unwrap_err().to_string();
        assert!(error.contains("tests-clean"), "{error}");
    }
}
