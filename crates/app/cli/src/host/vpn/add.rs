//! `netloom vpn add`: a new peer, and what it needs to connect.

use super::advertised;
use super::export::{Shown, Told, make_key, peer_of};
use super::new_file::NewFile;
use super::reading::own_node;
use crate::host::changes::result;
use crate::host::place::{Host, Place};
use crate::host::{author, is_unanswered, wait_for};
use crate::output;
use anyhow::{Context as _, ensure};
use netloom::api::{Declare, Network, Withdraw};
use netloom_wireguard::PrivateKey;
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
    arguments.warn(&place, &network)?;
    // Before anything is declared: whatever happens then, somebody has the private key.
    let mut file = arguments.shown.file()?;
    if let Some(file) = &mut file {
        file.write(&arguments.draft(&key))?;
    }
    let wanted = Declare {
        declaration,
        pin_addresses: true,
        author: author(),
        wait_ms: WAIT_MS,
        keep_refused: arguments.keep_refused,
        ..Declare::default()
    };
    match wait_for(client.declare("workloads", &arguments.peer, &wanted)) {
        Ok(applied) => {
            output::error(&result(&applied));
            ensure!(applied.rolled_back_to.is_none(), "`{}` was not added", arguments.peer);
        }
        // It may be there even so, and be there for good: then its key must be somebody's.
        Err(error) if arguments.is_added(&place, &key) => {
            output::error(&format!("{error:#}; `{}` is added all the same\n", arguments.peer));
        }
        Err(error) if is_unanswered(&error) => {
            return Err(error.context(arguments.hand_out_draft(&key, file)?));
        }
        Err(error) => return Err(error),
    }
    let handed_out = peer_of(&place, &arguments.peer)
        .and_then(|peer| Told::of(&peer, Some(&key), &arguments.shown))
        .and_then(|told| told.hand_out(file.as_mut()));
    match handed_out {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error.context(take_back(&place, &arguments.peer, file))),
    }
}

impl Add {
    /// Says what is to be known of the prefixes behind it before they are declared.
    fn warn(&self, place: &Place, network: &Network) -> anyhow::Result<()> {
        if self.advertise.is_empty() {
            return Ok(());
        }
        let (status, peers) =
            (wait_for(place.client().status())?, wait_for(place.client().peers())?);
        let known = (&status, peers.as_slice());
        let told = advertised::warnings(network, known, &self.peer, &self.advertise);
        told.iter().for_each(|warning| output::error(warning));
        Ok(())
    }

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

    /// What is in the file until control has said the rest.
    fn draft(&self, key: &PrivateKey) -> String {
        format!(
            "# Not complete yet. Where `netloom vpn list` has `{0}`, make the rest with:\n\
             # netloom vpn export {0} --private-key-file THIS_FILE -o NEW_FILE\n\
             [Interface]\nPrivateKey = {1}\n",
            self.peer,
            *key.to_base64()
        )
    }

    /// Whether control has the peer, with this key.
    fn is_added(&self, place: &Place, key: &PrivateKey) -> bool {
        let known = wait_for(place.client().peer(&self.peer)).ok();
        known.and_then(|peer| peer.public_key) == Some(key.public().to_string())
    }

    /// Leaves the private key to the user, where nobody knows whether the peer was added; says what to do.
    fn hand_out_draft(&self, key: &PrivateKey, file: Option<NewFile>) -> anyhow::Result<String> {
        let Self { peer, network, .. } = self;
        let place = match file {
            Some(mut file) => {
                file.keep();
                file.path().display().to_string()
            }
            None => {
                output::try_print(&self.draft(key)).context("cannot print the private key")?;
                "what is printed above".to_owned()
            }
        };
        Ok(format!(
            "it is not known whether `{peer}` was added: once control is up, `netloom vpn list` tells. Its private key \
             is in {place}; if `{peer}` is there, `netloom vpn export {peer} --private-key-file FILE` makes its \
             configuration, and `netloom network disconnect {network} {peer}` removes it"
        ))
    }
}

/// Names as they are told, or that there are none.
fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Takes back a peer whose configuration nobody has. Where that fails, the file keeps its private key.
fn take_back(place: &Place, peer: &str, file: Option<NewFile>) -> String {
    let wanted = Withdraw { author: author(), wait_ms: WAIT_MS, keep_refused: false };
    let Err(error) = wait_for(place.client().withdraw("workloads", peer, &wanted)) else {
        return format!("`{peer}` was not added");
    };
    let key = file.map_or_else(
        || "its private key is lost".to_owned(),
        |mut file| {
            file.keep();
            format!("its private key is in {}", file.path().display())
        },
    );
    format!("`{peer}` was added, {key}, and it could not be taken back ({error:#})")
}
