//! A process of a lab that goes on: the `netloom` executable, started again when it ends.

use crate::LabError;
use netloom_base::Time;
use netloom_sys::clock::monotonic_now;
use netloom_sys::namespace::{NamespaceHandle, SpawnOptions, spawn_in};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Wait before a daemon that ended is started again.
const RESTART_DELAY: Duration = Duration::from_millis(500);
/// Lines of a log that are told.
const LINES_TOLD: usize = 20;

/// What a daemon is.
#[derive(Debug)]
pub(crate) struct DaemonSpec {
    /// The namespace in which it runs.
    pub(crate) namespace: NamespaceHandle,
    /// The command of `netloom`, and its arguments.
    pub(crate) arguments: Vec<String>,
    /// What it gets as standard input, each time that it is started.
    pub(crate) input: Option<Arc<OwnedFd>>,
    /// Where it writes.
    pub(crate) log: PathBuf,
}

/// A daemon.
#[derive(Debug)]
pub(crate) struct Daemon {
    executable: PathBuf,
    spec: DaemonSpec,
    child: Option<Child>,
    ended: Option<Time>,
}

impl Daemon {
    /// Starts it.
    pub(crate) fn start(executable: &Path, spec: DaemonSpec) -> Result<Self, LabError> {
        let mut daemon = Self { executable: executable.to_owned(), spec, child: None, ended: None };
        daemon.child = Some(daemon.spawn()?);
        Ok(daemon)
    }

    fn spawn(&self) -> Result<Child, LabError> {
        let no_log = |source| LabError::io("make a log", source);
        let log = std::fs::File::create(&self.spec.log).map_err(no_log)?;
        let mut command = Command::new(&self.executable);
        command.args(&self.spec.arguments);
        command.stdout(log.try_clone().map_err(no_log)?).stderr(log);
        command.stdin(match &self.spec.input {
            None => Stdio::null(),
            Some(input) => {
                let copy = input.try_clone();
                Stdio::from(copy.map_err(|source| LabError::io("pass a socket on", source))?)
            }
        });
        let options = SpawnOptions { resolv_conf: None, die_with_parent: true };
        Ok(spawn_in(&self.spec.namespace, command, &options)?)
    }

    /// How the process ended, if it has.
    pub(crate) fn has_ended(&mut self) -> Option<String> {
        match &mut self.child {
            None => Some("it could not be started".to_owned()),
            Some(child) => match child.try_wait() {
                Ok(Some(status)) => Some(format!("it ended: {status}")),
                Ok(None) | Err(_) => None,
            },
        }
    }

    /// Whether there is a process, as far as is known.
    pub(crate) fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Starts it again, if it has ended and the wait is over.
    pub(crate) fn tend(&mut self) {
        if self.has_ended().is_none() {
            return;
        }
        let now = monotonic_now();
        if now - *self.ended.get_or_insert(now) >= RESTART_DELAY {
            // A failure is tried again after the same wait.
            self.child = self.spawn().ok();
            self.ended = None;
        }
    }

    /// The end of what it has written.
    pub(crate) fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.spec.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES_TOLD)..].join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
