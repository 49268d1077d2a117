//! `netloom vpn add`: a new peer, and what it needs to connect.

use super::export::{Shown, Told, make_key};
use super::reading::own_node;
use crate::host::changes::result;
use crate::host::place::{Host, Place};
use crate::host::{author, wait_for};
use crate::output;
use anyhow::{Context as _, ensure};
use netloom::api::{Declare, Network, Withdraw};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Longest wait for the nodes, in milliseconds.
const WAIT_MS: u64 = 30_000;

/// Declares a new peer with a key pair of its own and the address that it gets, and prints its
/// configuration with the private key, which is kept nowhere. If that cannot be printed or written, the
/// peer is not added.
#[derive(Debug, clap::Args)]
#[command(after_help = "Remove it again: netloom network disconnect NETWORK PEER")]
pub(crate) struct Add {
    #[command(flatten)]
    host: Host,
    /// The peer's name.
    peer: String,
    /// The network.
    #[arg(long)]
    network: String,
    /// The subnet; the network's first one if none is given.
    #[arg(long)]
    subnet: Option<String>,
    /// The node that it connects to; this host's node if none is given.
    #[arg(long)]
    node: Option<String>,
    /// An address of its subnet; a free one if none is given.
    #[arg(long = "address", value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// A prefix behind it that the network shall reach.
    #[arg(long = "advertise", value_name = "PREFIX")]
    advertise: Vec<String>,
    /// Groups that govern its traffic; without any, nothing may pass.
    #[arg(long = "security-group", value_name = "NAME")]
    security_groups: Vec<String>,
    /// Keep the revision even if nodes refuse it, instead of going back.
    #[arg(long)]
    keep_refused: bool,
    #[command(flatten)]
    shown: Shown,
}

pub(crate) fn run(arguments: &Add) -> anyhow::Result<ExitCode> {
    let place = arguments.host.chosen()?;
    let client = place.client();
    let network = wait_for(client.network(&arguments.network))?;
    let key = make_key()?;
    let declaration = arguments.declaration(&network, &key.public().to_string())?;
    // Before anything is declared: the private key is in nobody's hands if there is no place for it.
    let file = arguments.shown.file()?;
    let wanted = Declare {
        declaration,
        pin_addresses: true,
        author: author(),
        wait_ms: WAIT_MS,
        keep_refused: arguments.keep_refused,
        ..Declare::default()
    };
    let applied = wait_for(client.declare("workloads", &arguments.peer, &wanted))?;
    output::error(&result(&applied));
    ensure!(applied.rolled_back_to.is_none(), "`{}` was not added", arguments.peer);
    let handed_out = wait_for(client.peer(&arguments.peer))
        .and_then(|peer| Told::of(&peer, Some(&key), &arguments.shown))
        .and_then(|told| told.hand_out(file));
    match handed_out {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error.context(take_back(&place, &arguments.peer))),
    }
}

impl Add {
    fn declaration(&self, network: &Network, public_key: &str) -> anyhow::Result<Value> {
        if let Some(subnet) = &self.subnet {
            ensure!(
                network.subnets.contains_key(subnet),
                "network `{}` has no subnet `{subnet}`; it has {}",
                network.name,
                listed(network.subnets.keys())
            );
        }
        let subnet = self.subnet.clone().or_else(|| network.subnets.keys().next().cloned());
        let subnet = subnet.with_context(|| {
            format!(
                "network `{}` has no subnet; declare one, or name one with --subnet",
                network.name
            )
        })?;
        let node = self.node.clone().map_or_else(|| own_node(&self.host), Ok)?;
        Ok(json!({
            "node": node,
            "subnet": subnet,
            "address": self.addresses,
            "advertise": self.advertise,
            "security_groups": self.security_groups,
            "attach": { "wireguard": { "public_key": public_key } },
        }))
    }
}

/// Names as they are told, or that there are none.
fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Takes back a peer whose private key nobody has.
fn take_back(place: &Place, peer: &str) -> String {
    let wanted = Withdraw { author: author(), wait_ms: WAIT_MS, keep_refused: false };
    match wait_for(place.client().withdraw("workloads", peer, &wanted)) {
        Ok(_) => format!("`{peer}` was not added"),
        Err(error) => format!(
            "`{peer}` was added, its private key is lost, and it could not be taken back ({error:#})"
        ),
    }
}
