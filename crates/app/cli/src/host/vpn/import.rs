//! `netloom vpn import` and `netloom vpn setup wireguard`.

use crate::host::changes::{code_of, finish};
use crate::host::place::Host;
use crate::host::{author, wait_for};
use crate::output;
use anyhow::{Context as _, bail, ensure};
use netloom::api::{Applied, DeclareAll};
use netloom_agent::joined::JoinedFacts;
use netloom_model::tree::{self, Tree, Value};
use netloom_model::words::counted;
use netloom_pki::write_secret_file;
use netloom_wg_quick::{File, Finding, Import, Imported, KeyFile, Severity, parse};
use serde_json::Map;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Longest wait for the nodes, in milliseconds.
const WAIT_MS: u64 = 30_000;

/// How a file is read.
#[derive(Debug, clap::Args)]
pub(crate) struct Reading {
    #[command(flatten)]
    host: Host,
    /// The network's name; that of the interface if none is given.
    #[arg(long)]
    network: Option<String>,
    /// The node that takes the interface's place; this host's node if none is given.
    #[arg(long)]
    node: Option<String>,
    /// Folder on that node for files with keys; /etc/netloom/NETWORK if none is given.
    #[arg(long, value_name = "FOLDER")]
    key_folder: Option<PathBuf>,
}

/// Reads a wg-quick file and prints it as a network: prefixes, policy, the host, and every peer. Keys
/// that are secret go into files that only root reads. Commands of the file are never run: those of
/// firewalls become security groups, all others are named and left out.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportFile {
    #[command(flatten)]
    reading: Reading,
    /// The file.
    file: PathBuf,
    /// Write the network to a new file instead of printing it.
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
}

/// Reads a wg-quick file, declares its network and its peers, and waits for the nodes.
#[derive(Debug, clap::Args)]
pub(crate) struct SetupWireguard {
    #[command(flatten)]
    reading: Reading,
    /// The file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Replace what an earlier setup of this network has declared.
    #[arg(long)]
    replace: bool,
    /// Keep the revision even if nodes refuse it, instead of going back.
    #[arg(long)]
    keep_refused: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &ImportFile) -> anyhow::Result<ExitCode> {
    let imported = read(&arguments.reading, &arguments.file)?;
    if let Some(path) = &arguments.into {
        ensure!(
            !path.exists(),
            "{} is there already; name a new file, or remove that one",
            path.display()
        );
    }
    keep_keys(&imported.key_files)?;
    match &arguments.into {
        None => output::print(&imported.yaml),
        Some(path) => {
            let file = std::fs::File::options().write(true).create_new(true).open(path);
            let mut file = file.with_context(|| format!("cannot make {}", path.display()))?;
            file.write_all(imported.yaml.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
            output::error(&format!(
                "{} is written; apply it together with the fabric's other files: netloom apply FILE {}\n",
                path.display(),
                path.display()
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn setup(arguments: &SetupWireguard) -> anyhow::Result<ExitCode> {
    let place = arguments.reading.host.chosen()?;
    let imported = read(&arguments.reading, &arguments.config)?;
    let objects = objects(&imported.yaml)?;
    let made = keep_keys(&imported.key_files)?;
    let wanted = DeclareAll {
        objects,
        replace: arguments.replace,
        author: author(),
        wait_ms: WAIT_MS,
        keep_refused: arguments.keep_refused,
        ..DeclareAll::default()
    };
    let declared = wait_for(place.client().declare_all(&wanted));
    if declared.as_ref().map_or(true, |applied| applied.rolled_back_to.is_some()) {
        // What was refused has left nothing behind.
        made.iter().for_each(|path| drop(std::fs::remove_file(path)));
    }
    let applied = declared?;
    if arguments.json {
        output::json(&SetUp { applied: &applied, peers: &imported.peers })?;
        return Ok(code_of(&applied));
    }
    let code = finish(&applied, false)?;
    let peers = imported.peers.join(", ");
    output::print(&format!("peers: {peers}\ntry: netloom vpn list, netloom vpn test\n"));
    Ok(code)
}

/// What setting up has done.
#[derive(Debug, serde::Serialize)]
struct SetUp<'a> {
    #[serde(flatten)]
    applied: &'a Applied,
    /// The workloads that the peers of the file have become.
    peers: &'a [String],
}

/// Reads and imports a file; what is to be known of it is shown, and errors end it.
fn read(reading: &Reading, path: &Path) -> anyhow::Result<Imported> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = String::from_utf8(text).map_err(|_| {
        anyhow::anyhow!("{} is not UTF-8 text; is it the right file?", path.display())
    })?;
    let interface = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let interface = interface.unwrap_or_else(|| "wg0".to_owned());
    let network = match &reading.network {
        Some(network) => network.clone(),
        None => label(&interface),
    };
    let node = match &reading.node {
        Some(node) => node.clone(),
        None => own_node(&reading.host)?,
    };
    let default_folder = || PathBuf::from("/etc/netloom").join(&network);
    let folder = reading.key_folder.clone().unwrap_or_else(default_folder);
    let folder = std::path::absolute(&folder)?.to_string_lossy().into_owned();
    let (file, mut findings) = parse(&text);
    let import =
        Import { interface: &interface, network: &network, node: &node, key_folder: &folder };
    let broken = findings.iter().any(|found| found.severity == Severity::Error);
    let mut imported = Imported::default();
    if !broken {
        imported = import.run(&file);
        findings.append(&mut imported.findings);
        findings.extend(port_of_peers(reading, &node, &file));
    }
    show(path, &mut findings);
    let errors = findings.iter().filter(|found| found.severity == Severity::Error).count();
    ensure!(
        errors == 0,
        "{} cannot be imported: {}; nothing was written",
        path.display(),
        counted(errors, "error")
    );
    Ok(imported)
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
fn port_of_peers(reading: &Reading, node: &str, file: &File) -> Option<Finding> {
    let wanted = file.interface.listen_port?;
    let facts = own_facts(&reading.host).ok().filter(|facts| facts.node == node);
    let solution = format!(
        "where it differs, redirect one port to the other, change the peers' Endpoint, or begin the \
         node with --port {wanted}"
    );
    let (severity, message) = match facts {
        Some(facts) if facts.listen_port == wanted => return None,
        Some(JoinedFacts { listen_port: own, .. }) => (
            Severity::Warning,
            format!("the file's peers call UDP port {wanted}, and this node listens on {own}"),
        ),
        None => (Severity::Note, format!("the file's peers call UDP port {wanted} of `{node}`")),
    };
    Some(Finding { line: 0, severity, message, solution })
}

/// Puts keys into files of their own, and gives those that were not there. One that is there with
/// another key is left alone.
fn keep_keys(files: &[KeyFile]) -> anyhow::Result<Vec<&str>> {
    let mut missing = Vec::new();
    for file in files {
        match std::fs::read_to_string(&file.path) {
            Ok(known) if known.trim() == file.key => {}
            Ok(_) => bail!(
                "{} holds another key; remove it if it is not needed any more, or name another \
                 --key-folder",
                file.path
            ),
            Err(_) => missing.push(file),
        }
    }
    for KeyFile { path, key } in &missing {
        if let Some(folder) = Path::new(path).parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(
                || format!("cannot make {}; run as root, or name a --key-folder", folder.display()),
            )?;
        }
        write_secret_file(Path::new(path), format!("{key}\n").as_bytes())
            .with_context(|| format!("cannot write {path}"))?;
        output::error(&format!("{path} holds a key, for its owner alone\n"));
    }
    Ok(missing.iter().map(|file| file.path.as_str()).collect())
}

/// The objects of a fabric's file by section and name.
fn objects(yaml: &str) -> anyhow::Result<BTreeMap<String, BTreeMap<String, serde_json::Value>>> {
    let mut findings = Vec::new();
    let tree = tree::yaml::read("import", yaml, &mut findings);
    let tree = tree.filter(|_| findings.is_empty()).context("the import cannot be read back")?;
    let sections = entries(&tree).iter().map(|(key, section)| {
        let objects = entries(section).iter();
        (key.name.clone(), objects.map(|(key, object)| (key.name.clone(), json(object))).collect())
    });
    Ok(sections.collect())
}

fn entries(tree: &Tree) -> &[(tree::Key, Tree)] {
    match &tree.value {
        Value::Map(entries) => entries,
        Value::Null | Value::Scalar { .. } | Value::List(_) | Value::Broken => &[],
    }
}

/// A tree as JSON; what a scalar means is for its reader to say.
fn json(tree: &Tree) -> serde_json::Value {
    match &tree.value {
        Value::Null | Value::Broken => serde_json::Value::Null,
        Value::Scalar { text, .. } => text.clone().into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| (key.name.clone(), json(value)));
            serde_json::Value::Object(entries.collect::<Map<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_is_declared_object_by_object() {
        let found =
            objects("networks:\n  n: { cidr: [10.0.0.0/8] }\nworkloads:\n  a: { attach: host }\n");
        let found = found.unwrap();
        assert_eq!(found["networks"]["n"]["cidr"][0], "10.0.0.0/8");
        assert_eq!(found["workloads"]["a"]["attach"], "host");
        assert_eq!(label("wg0.lan"), "wg0-lan");
    }
}
