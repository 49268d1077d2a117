//! A conversation with a lab's supervisor, which Ctrl-C may interrupt at any time.

use super::folder::Folder;
use anyhow::Context as _;
use netloom_lab::protocol::{Event, Report, Request};
use netloom_sys::namespace::{SandboxOptions, spawn_sandbox};
use netloom_sys::poll::{Interest, PollSet};
use netloom_sys::signal::{Signal, SignalFd};
use netloom_sys::unix_socket;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a supervisor may take to answer at all.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// The dashboard's port, where it is free.
const DASHBOARD_PORT: u16 = 7767;

/// Why there is no report.
pub(super) enum Ending {
    /// The lab says why.
    Failed(String),
    /// Ctrl-C.
    Interrupted,
}

/// Signals are taken from now on, so that an interruption is an event like any other.
pub(super) struct Session {
    signals: SignalFd,
}

/// Where the dashboard is to answer: made here, since a socket keeps the network namespace in which
/// it was made, so that a browser on this host reaches what runs in the lab's.
fn dashboard_socket() -> Option<TcpListener> {
    // The port that hosts have, else any: another lab, or a control of this host, may have it.
    [DASHBOARD_PORT, 0]
        .into_iter()
        .find_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok())
}

impl Session {
    /// A conversation with a lab that is up.
    pub(super) fn join() -> anyhow::Result<Self> {
        let signals = SignalFd::new(&[Signal::Interrupt, Signal::Terminate]);
        Ok(Self { signals: signals.context("cannot take signals")? })
    }

    /// Starts the supervisor of a new lab.
    pub(super) fn start(folder: &Folder) -> anyhow::Result<Self> {
        let session = Self::join()?;
        folder.make()?;
        let started = session.spawn(folder);
        if started.is_err() {
            folder.end();
        }
        started.map(|()| session)
    }

    fn spawn(&self, folder: &Folder) -> anyhow::Result<()> {
        let executable = std::env::current_exe().context("cannot find the netloom executable")?;
        let log = folder.make_log()?;
        let mut command = Command::new(executable);
        command.arg("lab-supervisor").arg(folder.path());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        if let Some(dashboard) = dashboard_socket() {
            command.arg("--dashboard-stdin").stdin(OwnedFd::from(dashboard));
        }
        // Ctrl-C in the terminal is for the command, which then ends the lab in order.
        command.process_group(0);
        let run = folder.path().join(netloom_lab::supervisor::RUN);
        let options = SandboxOptions { tmpfs: vec![run], ..SandboxOptions::default() };
        let mut sandbox = spawn_sandbox(command, &options).context(
            "the lab needs namespaces of its own; \
             where the kernel refuses them to users, `sudo netloom lab up` works",
        )?;
        folder.keep_process_id(sandbox.init)?;
        let deadline = Instant::now() + START_TIMEOUT;
        while !folder.is_alive() {
            if let Some(status) = sandbox.child.try_wait()? {
                anyhow::bail!("the lab's supervisor ended ({status}){}", folder.log());
            }
            anyhow::ensure!(Instant::now() < deadline, "the lab does not answer{}", folder.log());
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Asks, shows what is said meanwhile, and gives the report.
    pub(super) fn ask(
        &self,
        folder: &Folder,
        request: &Request,
        progress: &mut dyn FnMut(&Event),
    ) -> Result<Report, Ending> {
        let failed = |error: std::io::Error| Ending::Failed(format!("the lab is gone: {error}"));
        let mut stream = unix_socket::connect(&folder.socket()).map_err(failed)?;
        let text = serde_json::to_string(request).map_err(|e| failed(e.into()))?;
        stream.write_all(format!("{text}\n").as_bytes()).map_err(failed)?;
        let mut pending = Vec::new();
        loop {
            if self.wait(&stream).map_err(failed)? {
                return Err(Ending::Interrupted);
            }
            let mut buffer = [0; 64 << 10];
            let read = stream.read(&mut buffer).map_err(failed)?;
            if read == 0 {
                return Err(Ending::Failed("the lab ended".to_owned()));
            }
            pending.extend_from_slice(&buffer[..read]);
            while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = pending.drain(..=end).collect();
                match serde_json::from_slice(&line) {
                    Ok(Event::Done(report)) => return Ok(*report),
                    Ok(Event::Failed(why)) => return Err(Ending::Failed(why)),
                    Ok(event @ Event::Progress(_)) => progress(&event),
                    Err(error) => return Err(failed(error.into())),
                }
            }
        }
    }

    /// Waits until the lab says something; whether Ctrl-C came first.
    fn wait(&self, stream: &UnixStream) -> std::io::Result<bool> {
        loop {
            let mut set = PollSet::new();
            let answer = set.add(stream.as_fd(), Interest::Read);
            let signal = set.add(self.signals.as_fd(), Interest::Read);
            set.wait(None)?;
            if set.is_ready(signal) && self.signals.read()?.is_some() {
                return Ok(true);
            }
            if set.is_ready(answer) {
                return Ok(false);
            }
        }
    }
}
