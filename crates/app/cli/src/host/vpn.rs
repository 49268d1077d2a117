//! `netloom vpn`: stock WireGuard peers, and files of wg-quick.

mod add;
mod advertised;
mod export;
mod import;
mod key_files;
mod list;
mod new_file;
mod reading;
mod setup;
mod stats;
mod test;

use std::process::ExitCode;

/// What is done with stock WireGuard peers.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum VpnCommand {
    /// Read a wg-quick file, and print it as a network of a fabric's file.
    Import(import::ImportFile),
    /// Read a VPN's configuration and take it over at once.
    #[command(subcommand)]
    Setup(Setup),
    /// Declare a new peer with a key pair of its own, and print its configuration.
    Add(add::Add),
    /// Print a peer's configuration, as a wg-quick file and as a QR code.
    Export(export::ExportPeer),
    /// List the peers, and how each is doing.
    List(list::List),
    /// Try peers: handshake, echo, names.
    Test(test::TestPeers),
    /// Show what the tunnels of this node carry, and what they drop.
    Stats(stats::Stats),
}

/// Whose configuration is taken over.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Setup {
    /// A wg-quick file: its peers connect to this node from now on as they did before.
    Wireguard(setup::SetupWireguard),
}

pub(crate) fn vpn(command: &VpnCommand) -> anyhow::Result<ExitCode> {
    match command {
        VpnCommand::Import(arguments) => import::run(arguments),
        VpnCommand::Setup(Setup::Wireguard(arguments)) => setup::setup(arguments),
        VpnCommand::Add(arguments) => add::run(arguments),
        VpnCommand::Export(arguments) => export::run(arguments),
        VpnCommand::List(arguments) => list::run(arguments),
        VpnCommand::Test(arguments) => test::run(arguments),
        VpnCommand::Stats(arguments) => stats::run(arguments),
    }
}
