//! `netloom vpn setup wireguard`: a file of wg-quick taken over at once.

use super::key_files::{KEYS_HELP, KeyFiles};
use super::reading::{Read, Reading, read};
use crate::host::changes::{code_of, finish};
use crate::host::place::Place;
use crate::host::{author, is_unanswered, wait_for};
use crate::output;
use anyhow::Context as _;
use netloom::api::{Applied, DeclareAll};
use netloom_model::tree::{self, Tree, Value};
use serde_json::Map;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

/// Longest wait for the nodes, in milliseconds.
const WAIT_MS: u64 = 30_000;

/// Reads a wg-quick file, declares its network and its peers, and waits for the nodes. Keys that are
/// secret go into files of the key folder, which only root reads; control never has them.
#[derive(Debug, clap::Args)]
#[command(after_help = KEYS_HELP)]
pub(crate) struct SetupWireguard {
    #[command(flatten)]
    reading: Reading,
    /// The file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Replace what an earlier setup of this network has declared; peers that the file has no more are
    /// withdrawn, those that were added otherwise stay.
    #[arg(long)]
    replace: bool,
    /// Keep the revision even if nodes refuse it, instead of going back.
    #[arg(long)]
    keep_refused: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn setup(arguments: &SetupWireguard) -> anyhow::Result<ExitCode> {
    let place = arguments.reading.host.chosen()?;
    let read = read(&arguments.reading, &arguments.config)?;
    let objects = objects(&read.imported.yaml)?;
    // Whoever cannot be asked needs no keys.
    wait_for(place.client().status())?;
    let keys = KeyFiles::write(&read)?;
    let wanted = DeclareAll {
        objects,
        replace: arguments.replace,
        network: Some(read.network.clone()),
        author: author(),
        wait_ms: WAIT_MS,
        keep_refused: arguments.keep_refused,
    };
    let declared = wait_for(place.client().declare_all(&wanted));
    if declared.as_ref().is_err_and(is_unanswered) {
        // Control may have declared what names them.
        keys.keep();
        return declared.map(|_| ExitCode::FAILURE).with_context(|| {
            format!(
                "it is not known whether `{0}` was set up: `netloom network inspect {0}` tells once control is up; \
                 if it is not there, do this again",
                read.network
            )
        });
    }
    // Only its own network it may replace; what is another one's stays in the way.
    let is_there = format!("a network `{}` already", read.network);
    let applied = declared.map_err(|error| match arguments.replace {
        false if error.to_string().contains(&is_there) => {
            anyhow::anyhow!("{error}, or replace what an earlier setup has declared with --replace")
        }
        _ => error,
    })?;
    // What was refused leaves nothing behind.
    if applied.rolled_back_to.is_none() {
        keys.keep();
    }
    if arguments.json {
        output::json(&SetUp { applied: &applied, peers: &read.imported.peers })?;
        return Ok(code_of(&applied));
    }
    let code = finish(&applied, false)?;
    if applied.rolled_back_to.is_some() {
        return Ok(code);
    }
    let peers = read.imported.peers.join(", ");
    output::print(&format!("peers: {peers}\n"));
    if arguments.replace {
        output::print(&staying(&place, &read));
    }
    output::print("try: netloom vpn list, netloom vpn test\n");
    Ok(code)
}

/// What is told of the network's peers that no setup has declared.
fn staying(place: &Place, read: &Read) -> String {
    let peers = wait_for(place.client().peers()).unwrap_or_default();
    let of_network = peers.into_iter().filter(|peer| peer.network == read.network);
    let others: Vec<String> = of_network
        .map(|peer| peer.name)
        .filter(|name| !read.imported.peers.contains(name))
        .collect();
    if others.is_empty() {
        return String::new();
    }
    format!(
        "peers that were added otherwise, and stay: {}; remove one: netloom network disconnect {} PEER\n",
        others.join(", "),
        read.network
    )
}

/// What setting up has done.
#[derive(Debug, serde::Serialize)]
struct SetUp<'a> {
    #[serde(flatten)]
    applied: &'a Applied,
    /// The workloads that the peers of the file have become.
    peers: &'a [String],
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
    }
}
