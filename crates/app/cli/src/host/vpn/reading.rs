//! A file of wg-quick, read for a network and the node that takes the interface's place.

use crate::host::place::Host;
use crate::output;
use anyhow::{Context as _, ensure};
use netloom_agent::joined::JoinedFacts;
use netloom_model::decode::is_label;
use netloom_model::words::counted;
use netloom_wg_quick::{FILE_BYTES_MAX, File, Finding, Import, Imported, Key, Severity, parse};
use netloom_wireguard::PrivateKey;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// How a file is read.
#[derive(Debug, clap::Args)]
pub(super) struct Reading {
    #[command(flatten)]
    pub(super) host: Host,
    /// The network's name; that of the interface if none is given.
    #[arg(long, value_parser = name)]
    network: Option<String>,
    /// The node that takes the interface's place; this host's node if none is given.
    #[arg(long, value_parser = name)]
    node: Option<String>,
    /// Folder on that node for files with keys; /etc/netloom/NETWORK if none is given. They are written
    /// where this host is the node, or the folder is named.
    #[arg(long, value_name = "FOLDER")]
    key_folder: Option<PathBuf>,
}

/// A file that was read.
pub(super) struct Read {
    pub(super) imported: Imported,
    pub(super) network: String,
    pub(super) node: String,
    /// Whether its keys are kept on this host.
    pub(super) keeps_keys: bool,
}

/// Reads and imports a file; what is to be known of it is shown, and errors end it.
pub(super) fn read(reading: &Reading, path: &Path) -> anyhow::Result<Read> {
    let text = text_of(path, FILE_BYTES_MAX)?;
    let interface = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let interface = interface.unwrap_or_else(|| "wg0".to_owned());
    let network = match &reading.network {
        Some(network) => network.clone(),
        None => label(&interface),
    };
    ensure!(
        is_label(&network),
        "the name of {} gives no name for a network; name one with --network",
        path.display()
    );
    let own = own_facts(&reading.host);
    let (node, own) = match &reading.node {
        Some(node) => (node.clone(), own.ok().filter(|own| own.node == *node)),
        None => own.map(|own| (own.node.clone(), Some(own)))?,
    };
    let default_folder = || PathBuf::from("/etc/netloom").join(&network);
    let folder = reading.key_folder.clone().unwrap_or_else(default_folder);
    let folder = std::path::absolute(&folder)?.to_string_lossy().into_owned();
    let (file, mut findings) = parse(&text);
    findings.extend(own_key(&file));
    let import =
        Import { interface: &interface, network: &network, node: &node, key_folder: &folder };
    let broken = findings.iter().any(|found| found.severity == Severity::Error);
    let mut imported = Imported::default();
    if !broken {
        imported = import.run(&file);
        findings.append(&mut imported.findings);
        findings.extend(port_of_peers(own.as_ref(), &node, &file));
    }
    show(path, &mut findings);
    let errors = findings.iter().filter(|found| found.severity == Severity::Error).count();
    ensure!(
        errors == 0,
        "{} cannot be imported: {}; nothing was written",
        path.display(),
        counted(errors, "error")
    );
    let keeps_keys = own.is_some() || reading.key_folder.is_some();
    Ok(Read { imported, network, node, keeps_keys })
}

/// A text file, of which no more is read than may be in it: a device has no end.
pub(super) fn text_of(path: &Path, bytes_max: usize) -> anyhow::Result<String> {
    let cannot = || format!("cannot read {}", path.display());
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).with_context(cannot)?;
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes).with_context(cannot)?;
    ensure!(
        bytes.len() <= bytes_max,
        "{} is larger than {bytes_max} bytes; is it the right file?",
        path.display()
    );
    String::from_utf8(bytes)
        .map_err(|_| anyhow::anyhow!("{} is not UTF-8 text; is it the right file?", path.display()))
}

fn show(path: &Path, findings: &mut [Finding]) {
    findings.sort_by_key(|found| (found.severity, found.line));
    for found in findings {
        output::error(&format!("{}: {found}\n", path.display()));
    }
}

/// A name of an interface as a DNS label.
fn label(interface: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    interface.chars().map(plain).collect::<String>().trim_matches('-').to_owned()
}

/// The name of a network or a node.
fn name(text: &str) -> Result<String, String> {
    if is_label(text) {
        return Ok(text.to_owned());
    }
    Err("names are DNS labels: 1 to 63 of a-z, 0-9 and -, neither first nor last a -".to_owned())
}

/// Who this host's node is.
fn own_facts(host: &Host) -> anyhow::Result<JoinedFacts> {
    let why = "this host is no node of a fabric; say with --node which one is meant";
    let place = host.chosen().context(why)?;
    let path = place.node().join(netloom_agent::joined::JOINED);
    let text = std::fs::read(&path).context(why)?;
    serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display()))
}

/// The name of this host's node.
pub(super) fn own_node(host: &Host) -> anyhow::Result<String> {
    Ok(own_facts(host)?.node)
}

/// What is to be known of the port that the file's peers call: nothing where the node listens there.
fn port_of_peers(own: Option<&JoinedFacts>, node: &str, file: &File) -> Option<Finding> {
    let wanted = file.interface.listen_port?;
    let solution = format!(
        "where it differs, redirect one port to the other, change the peers' Endpoint, or begin the \
         node with --port {wanted}"
    );
    let (severity, message) = match own {
        Some(facts) if facts.listen_port == wanted => return None,
        Some(JoinedFacts { listen_port: own, .. }) => (
            Severity::Warning,
            format!("the file's peers call UDP port {wanted}, and this node listens on {own}"),
        ),
        None => (Severity::Note, format!("the file's peers call UDP port {wanted} of `{node}`")),
    };
    Some(Finding { line: 0, severity, message, solution })
}

/// What is wrong with peers that have the interface's own key, which WireGuard leaves out.
fn own_key(file: &File) -> Vec<Finding> {
    let private = file.interface.private_key.as_ref().and_then(Key::known);
    let Some(Ok(private)) = private.map(str::parse::<PrivateKey>) else { return Vec::new() };
    let own = private.public().to_string();
    let has_it = |key: &Option<Key>| key.as_ref().and_then(Key::known) == Some(own.as_str());
    let found = file.peers.iter().filter(|peer| has_it(&peer.public_key));
    found
        .map(|peer| Finding {
            line: peer.line,
            severity: Severity::Error,
            message: "the PublicKey of this peer is the interface's own".to_owned(),
            solution: "write the key that `wg pubkey` prints on the peer, or remove this section"
                .to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_labels_and_so_is_what_an_interface_gives() {
        assert_eq!(label("wg0.lan"), "wg0-lan");
        assert!(!is_label(&label("___")));
        assert!(name("").is_err() && name("Bad Name").is_err());
        assert_eq!(name("office").as_deref(), Ok("office"));
    }

    #[test]
    fn of_what_has_no_end_only_so_much_is_read() {
        let error = text_of(Path::new("/dev/zero"), 1000).unwrap_err().to_string();
        assert!(error.contains("larger than 1000 bytes; is it the right file?"), "{error}");
        assert_eq!(text_of(Path::new("/dev/null"), 0).unwrap(), "");
        assert!(text_of(Path::new("/"), 9).unwrap_err().to_string().contains("cannot read /"));
    }

    #[test]
    fn a_peer_with_the_interfaces_own_key_is_told_with_its_line() {
        let private = PrivateKey::from_seed(netloom_base::Seed([7; 32]));
        let (text, own) = (private.to_base64().to_string(), private.public());
        let (file, _) = parse(&format!(
            "[Interface]\nPrivateKey = {text}\nAddress = 10.0.0.1/24\n\n[Peer]\nPublicKey = {own}\n\
             AllowedIPs = 10.0.0.2/32\n"
        ));
        let lines: Vec<u32> = own_key(&file).iter().map(|found| found.line).collect();
        assert_eq!(lines, [5]);
    }
}
