//! The agent's loop: requests over its socket, signals, children that end, restarts that are due.

use crate::agent::Agent;
use crate::protocol::{Answer, Request, SOCKET};
use anyhow::Context as _;
use netloom_sys::clock::monotonic_now;
use netloom_sys::poll::{Interest, PollSet};
use netloom_sys::signal::{Signal, SignalFd};
use netloom_sys::unix_socket;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A client that is slower than this is hung up on.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest request.
const REQUEST_BYTES_MAX: u64 = 64 << 10;

/// Where requests and signals arrive.
pub(crate) struct Desk {
    path: PathBuf,
    listener: Option<UnixListener>,
    signals: SignalFd,
}

impl Desk {
    /// Takes the signals; must come before any thread is started.
    pub(crate) fn open(state: &Path) -> anyhow::Result<Self> {
        let signals = [Signal::Interrupt, Signal::Terminate, Signal::Hangup, Signal::Child];
        let signals = SignalFd::new(&signals).context("cannot take signals")?;
        let path = state.join(SOCKET);
        if unix_socket::connect(&path).is_ok() {
            anyhow::bail!(
                "an agent answers at {} already; stop it first, or give this one another --state",
                path.display()
            );
        }
        Ok(Self { path, listener: None, signals })
    }

    /// Answers from now on: whoever can connect finds a node that is ready.
    pub(crate) fn ready(&mut self) -> anyhow::Result<()> {
        // A socket left over from a killed agent refuses connections, and is in the way.
        let _ = std::fs::remove_file(&self.path);
        let listener = unix_socket::bind(&self.path).with_context(|| {
            format!(
                "cannot answer at {}: its folder must exist; choose another --state",
                self.path.display()
            )
        })?;
        self.listener = Some(listener);
        Ok(())
    }

    pub(crate) fn serve(&mut self, agent: &mut Agent) -> anyhow::Result<()> {
        let listener = self
            .listener
            .take()
            .with_context(|| format!("cannot answer at {}", self.path.display()))?;
        let result = self.serve_on(&listener, agent);
        agent.workloads.stop_all();
        let _ = std::fs::remove_file(&self.path);
        result
    }

    fn serve_on(&self, listener: &UnixListener, agent: &mut Agent) -> anyhow::Result<()> {
        loop {
            let due = agent.tend();
            let timeout = Some(due - monotonic_now() + Duration::from_millis(1));
            let mut set = PollSet::new();
            let socket = set.add(listener.as_fd(), Interest::Read);
            let signal = set.add(self.signals.as_fd(), Interest::Read);
            let link = set.add(agent.follower.descriptor(), Interest::Read);
            // What it says is read when the agent is tended.
            set.add(agent.drift.news().as_fd(), Interest::Read);
            set.wait(timeout).context("cannot wait for requests")?;
            let (has_news, is_asked) = (set.is_ready(link), set.is_ready(socket));
            if set.is_ready(signal) {
                while let Some(signal) = self.signals.read().context("cannot read signals")? {
                    match signal {
                        Signal::Interrupt | Signal::Terminate => return Ok(()),
                        // The error, if any, is told by status.
                        Signal::Hangup => drop(agent.apply()),
                        Signal::Child => {}
                    }
                }
            }
            if has_news {
                agent.follow();
            }
            if is_asked && let Ok((stream, _)) = listener.accept() {
                // A client that has gone away is its own business.
                let _ = answer(agent, &stream);
            }
        }
    }
}

fn answer(agent: &mut Agent, stream: &UnixStream) -> anyhow::Result<()> {
    stream.set_read_timeout(Some(CLIENT_TIMEOUT))?;
    stream.set_write_timeout(Some(CLIENT_TIMEOUT))?;
    let mut line = String::new();
    BufReader::new(stream).take(REQUEST_BYTES_MAX).read_line(&mut line)?;
    let answer = match serde_json::from_str::<Request>(&line) {
        Ok(Request::Status) => match agent.status() {
            Ok(status) => Answer::Status(Box::new(status)),
            Err(error) => Answer::Error(format!("{error:#}")),
        },
        Ok(Request::Examine) => match agent.examine() {
            Ok(examined) => Answer::Examined(Box::new(examined)),
            Err(error) => Answer::Error(format!("{error:#}")),
        },
        Err(error) => Answer::Error(format!("this is not a request: {error}")),
    };
    let mut text = serde_json::to_string(&answer)?;
    text.push('\n');
    let mut stream = stream;
    Ok(stream.write_all(text.as_bytes())?)
}
