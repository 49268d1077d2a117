//! Where a machine of a lab keeps its files, and commands on it: as on a host of its own.
//!
//! ```text
//! RUN/nodes/NAME/state/FABRIC/{control,node,log}   what `/var/lib/netloom` is on a host
//! RUN/nodes/NAME/run/FABRIC/{control.sock,netns}   what `/run/netloom` is on a host
//! RUN/nodes/NAME/{control,node}.log                what the lab's daemons say
//! ```

use crate::LabError;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A machine.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    folder: PathBuf,
    fabric: String,
}

impl Machine {
    /// The machine `name` of the lab whose files are in `run`.
    pub(crate) fn new(run: &Path, name: &str, fabric: &str) -> Self {
        Self { folder: run.join("nodes").join(name), fabric: fabric.to_owned() }
    }

    /// Root of what is kept over restarts.
    pub(crate) fn state_root(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// Root of what exists while it runs.
    pub(crate) fn run_root(&self) -> PathBuf {
        self.folder.join("run")
    }

    /// The node's keys, and what control has sent it.
    pub(crate) fn node_state(&self) -> PathBuf {
        self.state_root().join(&self.fabric).join("node")
    }

    /// Where the node's agent answers.
    pub(crate) fn agent_socket(&self) -> PathBuf {
        self.node_state().join("agent.sock")
    }

    /// Where control answers, if it runs here.
    pub(crate) fn control_socket(&self) -> PathBuf {
        self.run_root().join(&self.fabric).join("control.sock")
    }

    /// The log of a daemon.
    pub(crate) fn log(&self, of: &str) -> PathBuf {
        self.folder.join(format!("{of}.log"))
    }

    /// Makes its folder.
    pub(crate) fn make(&self) -> Result<(), LabError> {
        let made = std::fs::create_dir_all(&self.folder);
        made.map_err(|source| LabError::io("make a machine's folder", source))
    }

    /// A command of `netloom` as somebody types it on this machine.
    pub(crate) fn command(&self, executable: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(executable);
        command.args(words).args(["--fabric", &self.fabric]);
        command.env("NETLOOM_STATE", self.state_root()).env("NETLOOM_RUN", self.run_root());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}
