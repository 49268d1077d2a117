//! The commands and their arguments.

use crate::{check, explain, lab, node, probe};
use anyhow::Context as _;
use std::path::PathBuf;
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
    /// Run fabrics on this machine, in private namespaces, without root.
    #[command(subcommand)]
    Lab(lab::Lab),
    /// Run the agent of one node.
    Node(node::Node),
    /// Send ICMP echo requests.
    Ping(probe::Ping),
    /// Connect to a port and say what happened.
    Connect(probe::Connect),
    /// Look up a name.
    Lookup(probe::Lookup),
    /// Run the built-in servers of `attach: serve`.
    Serve(probe::Serve),
    /// Inside a lab: run a command in a namespace.
    #[command(hide = true)]
    LabEnter(lab::Enter),
    /// Inside a lab: its supervisor.
    #[command(hide = true)]
    LabSupervisor {
        /// The lab's folder.
        folder: PathBuf,
    },
}

pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check(arguments) => Ok(check::run(&arguments)),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Lab(command) => lab::run(command),
        Command::Node(arguments) => node::run(arguments),
        Command::Ping(arguments) => probe::ping(&arguments),
        Command::Connect(arguments) => probe::connect(&arguments),
        Command::Lookup(arguments) => probe::lookup(&arguments),
        Command::Serve(arguments) => probe::serve(&arguments),
        Command::LabEnter(arguments) => lab::enter(arguments),
        Command::LabSupervisor { folder } => {
            let executable = std::env::current_exe().context("cannot find the executable")?;
            netloom_lab::supervisor::run(&folder, &executable)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
