//! `netloom node`: the agent of one node, from files, without control.

use crate::output;
use anyhow::Context as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs the agent of one node.
#[derive(Debug, clap::Args)]
pub(crate) struct Node {
    /// Files of the fabric; without any, the node has joined a fabric and hears from control.
    #[arg(long, requires = "name")]
    fabric: Vec<String>,
    /// The node's name in the fabric; a node that has joined knows it.
    #[arg(long, default_value = "")]
    name: String,
    /// Folder of the node's state: node.json, directory.json and leases.json beside files, or what
    /// `netloom join` has made. The agent's socket is made there.
    #[arg(long)]
    state: PathBuf,
    /// Folder for what exists only while the node runs.
    #[arg(long, default_value = "/run/netloom")]
    run: PathBuf,
    /// Give containers and foreign namespaces an empty namespace instead, as the lab does.
    #[arg(long)]
    stand_ins: bool,
    /// Remove everything of the fabric from this host, and end.
    #[arg(long)]
    remove: bool,
}

pub(crate) fn run(arguments: Node) -> anyhow::Result<ExitCode> {
    let Node { fabric, name, state, run, stand_ins, remove } = arguments;
    let options = netloom_agent::Options { fabric, node: name, state, run, stand_ins };
    if remove {
        for operation in netloom_agent::remove(&options)? {
            output::print(&format!("{operation}\n"));
        }
        return Ok(ExitCode::SUCCESS);
    }
    std::fs::create_dir_all(&options.run)
        .with_context(|| format!("cannot make {}; choose another --run", options.run.display()))?;
    netloom_agent::run(options)?;
    Ok(ExitCode::SUCCESS)
}
