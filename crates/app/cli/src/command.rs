//! The commands and their arguments.

use crate::{check, documents, explain, host, import, lab, node, probe, wireguard};
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
    /// Make a fabric's file of files of others, with an account of what became of each of their keys.
    Import(import::ImportFiles),
    /// Explain each step of a flow's way, and the line of the file that decides.
    Explain(explain::Explain),
    /// Run fabrics on this machine, in private namespaces, without root.
    #[command(subcommand)]
    Lab(lab::Lab),
    /// Begin a fabric with this host as its control and first node, or go on with it.
    Up(host::Up),
    /// Make this host a node of a fabric.
    Join(host::Join),
    /// Make, list and revoke join tokens.
    #[command(subcommand)]
    Token(host::TokenCommand),
    /// Make, list and revoke access tokens of people and programs.
    #[command(subcommand)]
    Access(host::AccessCommand),
    /// Print the dashboard's address.
    Dashboard(host::Dashboard),
    /// Show fabric, nodes, tunnels and workloads.
    Status(host::Status),
    /// Look for what is wrong on this host, and say what mends it.
    Doctor(host::Doctor),
    /// List the nodes that are declared or have joined.
    Nodes(host::Nodes),
    /// Let a node take part that waits for it.
    Approve(host::NodeName),
    /// Shut a node out, with the key that it has.
    Revoke(host::NodeName),
    /// Forget a node; it may join again.
    Remove(host::NodeName),
    /// List all that is declared, with who each object is.
    Objects(host::Objects),
    /// List, make, connect and disconnect networks while they run.
    #[command(subcommand)]
    Network(host::NetworkCommand),
    /// Stock WireGuard peers: import and export wg-quick files, list, test, count.
    #[command(
        subcommand,
        after_help = "A peer is removed as any workload is: netloom network disconnect NETWORK PEER"
    )]
    Vpn(host::VpnCommand),
    /// List the service port table, or compare it with rules and real listeners.
    Ports(host::Ports),
    /// Show what an apply would change, and which flows it would open or close.
    Plan(host::Plan),
    /// Make what the files declare the next revision.
    Apply(host::Apply),
    /// List the newest revisions.
    History(host::History),
    /// Show what the files of two revisions differ in.
    Diff(host::Diff),
    /// Go back to an earlier revision, as a new one.
    Rollback(host::Rollback),
    /// Start with this host, by systemd.
    Install(host::Install),
    /// Start again what was stopped, or what a reboot has ended.
    Start(host::Start),
    /// End control and node on this host; nothing is forgotten.
    Stop(host::Stop),
    /// Remove the fabric from this host.
    Down(host::Down),
    /// Run control in the foreground.
    Control(host::Control),
    /// Keep control and agent running.
    Supervise(host::Supervise),
    /// Run the agent of one node.
    Node(node::Node),
    /// Make a WireGuard interface that `wg` configures, as wireguard-go does.
    Wireguard(wireguard::Wireguard),
    /// Send ICMP echo requests.
    Ping(probe::Ping),
    /// Connect to a port and say what happened.
    Connect(probe::Connect),
    /// Look up a name.
    Lookup(probe::Lookup),
    /// Run the built-in servers of `attach: serve`.
    Serve(probe::Serve),
    /// Print completions of commands and options for a shell.
    Completions(documents::Completions),
    /// Print the manual, or write a page for each command to a folder.
    Man(documents::Man),
    /// Inside a lab: run a command in a namespace.
    #[command(hide = true)]
    LabEnter(lab::Enter),
    /// Inside a lab: its supervisor.
    #[command(hide = true)]
    LabSupervisor {
        /// The lab's folder.
        folder: PathBuf,
        /// Standard input is the socket of the dashboard.
        #[arg(long)]
        dashboard_stdin: bool,
    },
}

pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check(arguments) => Ok(check::run(&arguments)),
        Command::Import(arguments) => import::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Lab(command) => lab::run(command),
        Command::Up(arguments) => host::up(&arguments),
        Command::Join(arguments) => host::join(&arguments),
        Command::Token(command) => host::token(&command),
        Command::Access(command) => host::access(&command),
        Command::Dashboard(arguments) => host::dashboard(&arguments),
        Command::Status(arguments) => host::status(&arguments),
        Command::Doctor(arguments) => host::doctor(&arguments),
        Command::Nodes(arguments) => host::list(&arguments),
        Command::Approve(arguments) => host::approve(&arguments),
        Command::Revoke(arguments) => host::revoke(&arguments),
        Command::Remove(arguments) => host::remove(&arguments),
        Command::Objects(arguments) => host::objects(&arguments),
        Command::Network(command) => host::network(&command),
        Command::Vpn(command) => host::vpn(&command),
        Command::Ports(arguments) => host::ports(&arguments),
        Command::Plan(arguments) => host::plan(&arguments),
        Command::Apply(arguments) => host::apply(&arguments),
        Command::History(arguments) => host::history(&arguments),
        Command::Diff(arguments) => host::diff(&arguments),
        Command::Rollback(arguments) => host::rollback(&arguments),
        Command::Install(arguments) => host::install(&arguments),
        Command::Start(arguments) => host::start(&arguments),
        Command::Stop(arguments) => host::stop(&arguments),
        Command::Down(arguments) => host::down(&arguments),
        Command::Control(arguments) => host::control(&arguments),
        Command::Supervise(arguments) => host::supervise(&arguments),
        Command::Node(arguments) => node::run(arguments),
        Command::Wireguard(arguments) => wireguard::run(&arguments),
        Command::Ping(arguments) => probe::ping(&arguments),
        Command::Connect(arguments) => probe::connect(&arguments),
        Command::Lookup(arguments) => probe::lookup(&arguments),
        Command::Serve(arguments) => probe::serve(&arguments),
        Command::Completions(arguments) => Ok(documents::completions(&arguments)),
        Command::Man(arguments) => documents::man(&arguments),
        Command::LabEnter(arguments) => lab::enter(arguments),
        Command::LabSupervisor { folder, dashboard_stdin } => {
            lab::supervise(folder, dashboard_stdin)
        }
    }
}
