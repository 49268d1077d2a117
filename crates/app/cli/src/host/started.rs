//! Daemons that were started: waited for until they answer, or have said why they cannot.

use super::place::Place;
use anyhow::{anyhow, bail};
use netloom_agent::joined::JOINED;
use netloom_agent::protocol::SOCKET;
use netloom_sys::unix_socket;
use std::time::{Duration, Instant};

/// Longest wait for a daemon that says nothing.
const READY_TIMEOUT: Duration = Duration::from_secs(15);
/// An error that is not mended by then, by the supervisor's next try, is told.
const RETRY: Duration = Duration::from_secs(1);
/// Wait between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// A host's daemons from the moment on at which they were started.
pub(super) struct Started<'p> {
    place: &'p Place,
    /// Lengths of the logs then: what stands before is of earlier runs.
    control_log_bytes: usize,
    node_log_bytes: usize,
}

impl<'p> Started<'p> {
    pub(super) fn now(place: &'p Place) -> Self {
        let length = |of: &str| read_log(place, of).len();
        Self { place, control_log_bytes: length("control"), node_log_bytes: length("node") }
    }

    /// Waits for all that this host has.
    ///
    /// # Errors
    /// What does not run, and why.
    pub(super) fn wait_for_all(&self) -> anyhow::Result<()> {
        let control = netloom_control::store_place::exists(&self.place.control());
        let node = self.place.node().join(JOINED).exists();
        let control = if control { self.wait_for_control() } else { Ok(()) };
        let node = if node { self.wait_for_node() } else { Ok(()) };
        match (control, node) {
            (Err(control), Err(node)) => Err(anyhow!("{control:#}\n{node:#}")),
            (control, node) => control.and(node),
        }
    }

    /// Waits until control answers on this host.
    pub(super) fn wait_for_control(&self) -> anyhow::Result<()> {
        self.wait("control", self.control_log_bytes, || self.place.has_control())
    }

    /// Waits until the node's agent answers.
    pub(super) fn wait_for_node(&self) -> anyhow::Result<()> {
        let socket = self.place.node().join(SOCKET);
        self.wait("node", self.node_log_bytes, || unix_socket::connect(&socket).is_ok())
    }

    fn wait(
        &self,
        name: &str,
        before_bytes: usize,
        answers: impl Fn() -> bool,
    ) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut failed: Option<Instant> = None;
        while !answers() {
            let log = read_log(self.place, name);
            let fresh = log.get(before_bytes..).unwrap_or(&log);
            let error = fresh.lines().rev().find_map(|line| line.strip_prefix("error: "));
            if let Some(error) = error
                && failed.get_or_insert_with(Instant::now).elapsed() > RETRY
            {
                bail!("{} does not run: {error}; `netloom doctor` tells more", word(name));
            }
            if started.elapsed() > READY_TIMEOUT {
                let end: Vec<&str> = fresh.lines().rev().take(3).collect();
                let end = end.into_iter().rev().collect::<Vec<_>>().join("\n");
                bail!("{} does not answer; its log ends with:\n{end}", word(name));
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }
}

fn word(name: &str) -> &'static str {
    if name == "control" { "control" } else { "the node's agent" }
}

fn read_log(place: &Place, of: &str) -> String {
    std::fs::read(place.log(of))
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}
