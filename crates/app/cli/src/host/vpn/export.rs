//! `netloom vpn export` and `netloom vpn add`: what a stock peer needs to connect.

use super::import::own_node;
use crate::host::changes::result;
use crate::host::place::{Host, Place};
use crate::host::{author, wait_for};
use crate::output;
use anyhow::{Context as _, bail, ensure};
use netloom::api::{Declare, Peer, SetPeerKey};
use netloom_base::Seed;
use netloom_wg_quick::Export;
use netloom_wireguard::{PresharedKey, PrivateKey};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::json;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Longest wait for the nodes, in milliseconds.
const WAIT_MS: u64 = 30_000;
/// Keeps a translator's mapping alive, as most manuals of WireGuard advise.
const KEEPALIVE_S: u16 = 25;

/// How a configuration is shown.
#[derive(Debug, clap::Args)]
pub(crate) struct Shown {
    /// A QR code as well, for phones.
    #[arg(long)]
    qr: bool,
    /// Where the peer calls the node, if not where others do: HOST:PORT.
    #[arg(long, value_name = "HOST:PORT")]
    endpoint: Option<String>,
    /// Write the configuration to a new file that only its owner reads, instead of printing it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Prints a peer's configuration. Its private key is nobody's but its own: where the peer has no key
/// yet, a pair is made, and the private key is shown this one time.
#[derive(Debug, clap::Args)]
pub(crate) struct ExportPeer {
    #[command(flatten)]
    host: Host,
    /// The peer.
    peer: String,
    #[command(flatten)]
    shown: Shown,
    /// File with the peer's private key, to be in the configuration.
    #[arg(long, value_name = "FILE")]
    private_key_file: Option<PathBuf>,
    /// Keep a new key's revision even if nodes refuse it, instead of going back.
    #[arg(long)]
    keep_refused: bool,
}

/// Declares a new peer with a key pair of its own, and prints its configuration with the private key,
/// which is kept nowhere.
#[derive(Debug, clap::Args)]
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

pub(crate) fn run(arguments: &ExportPeer) -> anyhow::Result<ExitCode> {
    let place = arguments.host.chosen()?;
    let mut peer = wait_for(place.client().peer(&arguments.peer))?;
    let given = arguments.private_key_file.as_deref().map(read_private_key).transpose()?;
    let known = peer.public_key.clone();
    let private_key = match (known, given) {
        (Some(known), Some(given)) => {
            ensure!(
                given.public().to_string() == known,
                "the key in {} is not that of `{}`, whose public key is {known}",
                arguments.private_key_file.as_deref().unwrap_or_else(|| Path::new("")).display(),
                peer.name
            );
            Some(given)
        }
        (Some(_), None) => None,
        (None, given) => {
            let key = given.map_or_else(make_key, Ok)?;
            declare_key(&place, &mut peer, &key, arguments.keep_refused)?;
            Some(key)
        }
    };
    show(&peer, private_key.as_ref(), &arguments.shown)?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn add(arguments: &Add) -> anyhow::Result<ExitCode> {
    let place = arguments.host.chosen()?;
    let client = place.client();
    let network = wait_for(client.network(&arguments.network))?;
    let subnet = arguments.subnet.clone().or_else(|| network.subnets.keys().next().cloned());
    let subnet = subnet.with_context(|| {
        format!("network `{}` has no subnet; declare one, or name one with --subnet", network.name)
    })?;
    let node = arguments.node.clone().map_or_else(|| own_node(&arguments.host), Ok)?;
    let key = make_key()?;
    let declaration = json!({
        "node": node,
        "subnet": subnet,
        "address": arguments.addresses,
        "advertise": arguments.advertise,
        "security_groups": arguments.security_groups,
        "attach": { "wireguard": { "public_key": key.public().to_string() } },
    });
    let wanted = Declare {
        declaration,
        author: author(),
        wait_ms: WAIT_MS,
        keep_refused: arguments.keep_refused,
        ..Declare::default()
    };
    let applied = wait_for(client.declare("workloads", &arguments.peer, &wanted))?;
    output::error(&result(&applied));
    ensure!(applied.rolled_back_to.is_none(), "`{}` was not added", arguments.peer);
    let peer = wait_for(client.peer(&arguments.peer))?;
    show(&peer, Some(&key), &arguments.shown)?;
    Ok(ExitCode::SUCCESS)
}

/// Declares the public key that was made for a peer, or says where to write it.
fn declare_key(
    place: &Place,
    peer: &mut Peer,
    key: &PrivateKey,
    keep_refused: bool,
) -> anyhow::Result<()> {
    let public_key = key.public().to_string();
    let client = place.client();
    let wanted = SetPeerKey {
        public_key: public_key.clone(),
        author: author(),
        wait_ms: WAIT_MS,
        keep_refused,
    };
    match wait_for(client.set_peer_key(&peer.name, &wanted)) {
        Ok(applied) => {
            output::error(&result(&applied));
            ensure!(applied.rolled_back_to.is_none(), "`{}` was given no key", peer.name);
        }
        Err(error) if error.to_string().contains("declared in a file") => {
            output::error(&format!(
                "`{}` has no key in its file: add this at `{}`, below `wireguard:`, and apply it:\n  \
                 public_key: \"{public_key}\"\n",
                peer.name, peer.name
            ));
        }
        Err(error) => return Err(error),
    }
    peer.public_key = Some(public_key);
    Ok(())
}

fn make_key() -> anyhow::Result<PrivateKey> {
    let mut seed = [0; 32];
    netloom_sys::process::random(&mut seed).context("the kernel gives no randomness")?;
    Ok(PrivateKey::from_seed(Seed(seed)))
}

fn read_private_key(path: &Path) -> anyhow::Result<PrivateKey> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.trim().parse().with_context(|| {
        format!("{} holds no private key; write one line as `wg genkey` prints it", path.display())
    })
}

fn show(peer: &Peer, key: Option<&PrivateKey>, shown: &Shown) -> anyhow::Result<()> {
    let text = export(peer, key, shown)?.text();
    match &shown.output {
        None => output::print(&text),
        Some(path) => {
            ensure!(!path.exists(), "{} is there already; name a new file", path.display());
            netloom_pki::write_secret_file(path, text.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    if shown.qr {
        output::print(&format!("\n{}\n", qr_code(&text, std::io::stdout().is_terminal())?));
    }
    Ok(())
}

/// A configuration as a QR code, without its comments. On a terminal it is black on white whatever the
/// colours are there, since not every phone reads one that is not.
fn qr_code(text: &str, is_terminal: bool) -> anyhow::Result<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let content: String = lines.flat_map(|line| [line, "\n"]).collect();
    // A file of usual size fits; one with very many prefixes may not.
    let code = QrCode::new(content.as_bytes())
        .context("the configuration is too long for a QR code; copy the file instead")?;
    let image = code.render::<Dense1x2>().quiet_zone(true).build();
    if !is_terminal {
        return Ok(image);
    }
    let line = |line: &str| format!("\x1b[38;5;16;48;5;231m{line}\x1b[0m");
    Ok(image.lines().map(line).collect::<Vec<_>>().join("\n"))
}

fn export(peer: &Peer, key: Option<&PrivateKey>, shown: &Shown) -> anyhow::Result<Export> {
    let parsed = |texts: &[String]| texts.iter().filter_map(|text| text.parse().ok()).collect();
    let node_key = peer.node_key.clone().with_context(|| {
        format!(
            "node `{}` has not said its key in `{}` yet; is it up? `netloom status` tells",
            peer.node, peer.network
        )
    })?;
    let endpoint = shown.endpoint.clone().or_else(|| peer.endpoint.clone());
    if endpoint.is_none() && peer.own_endpoint.is_none() {
        bail!(
            "neither `{}` nor its node `{}` can be called: give the node an `endpoint` in the fabric's \
             file, or name one with --endpoint",
            peer.name,
            peer.node
        );
    }
    let addresses = peer.addresses.iter().filter_map(|text| text.parse().ok()).collect();
    Ok(Export {
        peer: peer.name.clone(),
        network: peer.network.clone(),
        private_key: key.map(|key| key.to_base64().to_string()),
        addresses,
        resolvers: peer.resolvers.iter().filter_map(|text| text.parse().ok()).collect(),
        domain: peer.domain.clone(),
        mtu_bytes: peer.mtu_bytes,
        node: peer.node.clone(),
        node_key,
        preshared_key: preshared_key(peer)?,
        // Whoever is called where it waits needs nothing that keeps its way out open.
        keepalive_s: (endpoint.is_some() && peer.own_endpoint.is_none()).then_some(KEEPALIVE_S),
        endpoint,
        allowed: parsed(&peer.allowed),
    })
}

/// The preshared key, where the file with it is on this host.
fn preshared_key(peer: &Peer) -> anyhow::Result<Option<String>> {
    let Some(path) = &peer.preshared_key_file else { return Ok(None) };
    let text = std::fs::read_to_string(path).with_context(|| {
        format!("{path} holds the preshared key, on node `{}`: export the peer there", peer.node)
    })?;
    let key: PresharedKey =
        text.trim().parse().with_context(|| format!("{path} holds no preshared key"))?;
    Ok(Some(key.to_base64().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qr_codes_leave_out_comments_and_have_their_own_colours_on_terminals() {
        let plain = qr_code("[Interface]\nMTU = 1420\n", false).unwrap();
        let commented = qr_code("# phone\n[Interface]\nMTU = 1420\n", false).unwrap();
        assert_eq!(plain, commented);
        assert!(plain.contains('█') && !plain.contains('\x1b'), "{plain}");
        let coloured = qr_code("[Interface]\n", true).unwrap();
        assert!(coloured.lines().all(|line| line.ends_with("\x1b[0m")), "{coloured}");
        let error = qr_code(&"x".repeat(9000), false).unwrap_err();
        assert!(error.to_string().contains("copy the file"), "{error}");
    }
}
