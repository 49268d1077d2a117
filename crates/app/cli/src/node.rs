//! `netloom node`: the agent of a node that has joined, in the foreground.

use crate::output;
use anyhow::Context as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs the agent of a node that has joined.
#[derive(Debug, clap::Args)]
pub(crate) struct Node {
    /// Folder of the node's state, which `netloom join` has made. The agent's socket is made there.
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
    let Node { state, run, stand_ins, remove } = arguments;
    let options = netloom_agent::Options { state, run, stand_ins };
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
