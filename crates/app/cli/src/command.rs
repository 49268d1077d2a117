//! The commands and their arguments.

use crate::{check, explain};
use std::process::ExitCode;

/// Turns hosts, containers and edge boxes into one private, encrypted, policy-checked network.
#[derive(Debug, clap::Parser)]
#[command(name = "netloom", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Check a fabric's files: all errors at once, each with its cause and solution.
    Check(check::Check),
    /// Explain each step of a flow's way, and the line of the file that decides.
    Explain(explain::Explain),
}

pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check(arguments) => Ok(check::run(&arguments)),
        Command::Explain(arguments) => explain::run(&arguments),
    }
}
