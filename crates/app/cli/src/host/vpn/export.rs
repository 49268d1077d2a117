//! `netloom vpn export`: what a stock peer needs to connect.

use super::new_file::NewFile;
use super::reading::text_of;
use crate::host::changes::result;
use crate::host::place::{Host, Place};
use crate::host::{author, is_unanswered, wait_for};
use crate::output;
use anyhow::{Context as _, bail, ensure};
use netloom::api::{Peer, SetPeerKey};
use netloom_base::Seed;
use netloom_wg_quick::{Export, FILE_BYTES_MAX};
use netloom_wireguard::{PresharedKey, PrivateKey};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Longest wait for the nodes, in milliseconds.
const WAIT_MS: u64 = 30_000;
/// Longest wait for a node to tell its key in a network, and how often it is looked for.
const NODE_KEY_WAIT: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Keeps a translator's mapping alive, as most manuals of WireGuard advise.
const KEEPALIVE_S: u16 = 25;

/// How a configuration is shown.
#[derive(Debug, clap::Args)]
pub(crate) struct Shown {
    /// A QR code as well, for phones.
    #[arg(long)]
    pub(super) qr: bool,
    /// Where the peer calls the node, if not where others do: HOST:PORT.
    #[arg(long, value_name = "HOST:PORT", value_parser = endpoint)]
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
    /// File with the peer's private key, or its configuration with it, to be in the configuration.
    #[arg(long, value_name = "FILE")]
    private_key_file: Option<PathBuf>,
    /// Keep a new key's revision even if nodes refuse it, instead of going back.
    #[arg(long)]
    keep_refused: bool,
}

pub(crate) fn run(arguments: &ExportPeer) -> anyhow::Result<ExitCode> {
    let place = arguments.host.chosen()?;
    let mut peer = peer_of(&place, &arguments.peer)?;
    let given = arguments.private_key_file.as_deref().map(read_private_key).transpose()?;
    let known = peer.public_key.clone();
    let is_new = known.is_none();
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
        (None, given) => Some(given.map_or_else(make_key, Ok)?),
    };
    // Before a key is declared: there must be a place for the private one.
    let told = Told::of(&peer, private_key.as_ref(), &arguments.shown)?;
    let mut file = arguments.shown.file()?;
    if let Some(key) = private_key.filter(|_| is_new) {
        if let Some(file) = &mut file {
            file.write(&told.text)?;
        }
        let declared = declare_key(&place, &mut peer, &key, arguments.keep_refused);
        if declared.as_ref().is_err_and(is_unanswered) {
            told.hand_out(file.as_mut())?;
            return declared.map(|()| ExitCode::FAILURE).with_context(|| {
                format!(
                    "it is not known whether `{0}` was given its key, and the configuration is handed out even so; if \
                     `netloom vpn list` says that it has no key, name that file with --private-key-file",
                    peer.name
                )
            });
        }
        declared?;
    }
    let handed_out = told.hand_out(file.as_mut());
    handed_out.with_context(|| match is_new && arguments.private_key_file.is_none() {
        true => format!(
            "the new private key of `{0}` is lost; take the peer out (`netloom network disconnect {1} {0}`, or its \
             `public_key` in the file), and begin anew",
            peer.name, peer.network
        ),
        false => format!("`{}` was not exported", peer.name),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// A peer as control knows it. A node that has just taken a network tells its key there a moment later.
pub(super) fn peer_of(place: &Place, name: &str) -> anyhow::Result<Peer> {
    let start = Instant::now();
    loop {
        let peer = wait_for(place.client().peer(name))?;
        if peer.node_key.is_some() || start.elapsed() >= NODE_KEY_WAIT {
            return Ok(peer);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
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

pub(super) fn make_key() -> anyhow::Result<PrivateKey> {
    let mut seed = [0; 32];
    netloom_sys::process::random(&mut seed).context("the kernel gives no randomness")?;
    Ok(PrivateKey::from_seed(Seed(seed)))
}

fn read_private_key(path: &Path) -> anyhow::Result<PrivateKey> {
    let text = text_of(path, FILE_BYTES_MAX)?;
    // The key alone, or a configuration with it.
    let mut lines = text.lines();
    let key =
        lines.find_map(|line| line.strip_prefix("PrivateKey")?.trim_start().strip_prefix('='));
    let key = key.unwrap_or(&text);
    key.trim().parse().with_context(|| {
        format!("{} holds no private key; write one line as `wg genkey` prints it", path.display())
    })
}

impl Shown {
    /// The file that it goes to, empty yet and gone again unless it is kept; nothing if it is printed.
    pub(super) fn file(&self) -> anyhow::Result<Option<NewFile>> {
        self.output.as_deref().map(|path| NewFile::make(path, 0o600)).transpose()
    }
}

/// A configuration as it is handed out.
#[derive(Debug)]
pub(super) struct Told {
    text: String,
    qr_code: Option<String>,
}

impl Told {
    pub(super) fn of(peer: &Peer, key: Option<&PrivateKey>, shown: &Shown) -> anyhow::Result<Self> {
        ensure!(
            key.is_some() || !shown.qr,
            "a QR code without the private key configures no phone, and only `{}` has that key; name a file with \
             it (--private-key-file), or leave out --qr",
            peer.name
        );
        let text = export(peer, key, shown)?.text();
        let is_terminal = std::io::stdout().is_terminal();
        let qr_code = shown.qr.then(|| qr_code(&text, is_terminal)).transpose()?;
        Ok(Self { text, qr_code })
    }

    /// Writes it to its file, or prints it.
    pub(super) fn hand_out(&self, file: Option<&mut NewFile>) -> anyhow::Result<()> {
        match file {
            Some(file) => file.fill(&self.text)?,
            None => output::try_print(&self.text).context("cannot print the configuration")?,
        }
        // What is to be known is handed out already.
        self.qr_code.iter().for_each(|image| output::print(&format!("\n{image}\n")));
        Ok(())
    }
}

/// Where a peer is told to call.
fn endpoint(text: &str) -> Result<String, String> {
    if netloom_pki::token::is_endpoint(text) {
        return Ok(text.to_owned());
    }
    Err("a peer calls HOST:PORT, such as vpn.example.org:51820 or [2001:db8::1]:51820".to_owned())
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
    fn endpoints_are_hosts_with_ports() {
        for wrong in
            ["foo", "a b", "a b:1", "1.2.3.4", "1.2.3.4:99999", "1.2.3.4:0", "2001:db8::1:5"]
        {
            assert!(endpoint(wrong).is_err(), "{wrong}");
        }
        for right in ["vpn.example.org:51820", "1.2.3.4:5", "[2001:db8::1]:5"] {
            assert_eq!(endpoint(right).as_deref(), Ok(right));
        }
    }

    #[test]
    fn a_qr_code_needs_the_private_key() {
        let shown = Shown { qr: true, endpoint: None, output: None };
        let peer = Peer { name: "phone".to_owned(), ..Peer::default() };
        let error = Told::of(&peer, None, &shown).unwrap_err();
        assert!(error.to_string().contains("--private-key-file"), "{error}");
    }

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
