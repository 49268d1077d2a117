//! `netloom supervise`: keeps control and the node's agent of one fabric running.

use super::place::{Host, Place};
use super::started::Started;
use crate::output;
use anyhow::{Context as _, bail};
use netloom_agent::joined::JOINED;
use netloom_sys::poll::{Interest, PollSet};
use netloom_sys::process::PidFd;
use netloom_sys::signal::{Signal, SignalFd};
use std::fs::OpenOptions;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Wait before the first restart; doubled with each further one.
const RESTART_MIN: Duration = Duration::from_millis(100);
/// Longest wait before a restart.
const RESTART_MAX: Duration = Duration::from_secs(5);
/// Who has run so long starts over with the shortest wait.
const STEADY: Duration = Duration::from_secs(20);
/// How long a daemon may take to end when asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// How often it is looked whether there is something new to run.
const LOOK: Duration = Duration::from_millis(500);
const SIGKILL: i32 = 9;

/// Keeps control and the agent of one fabric running, whatever ends them.
#[derive(Debug, clap::Args)]
pub(crate) struct Supervise {
    #[command(flatten)]
    pub(crate) host: Host,
}

/// One daemon: `control`, or `node`.
struct Daemon {
    name: &'static str,
    child: Option<Child>,
    started: Instant,
    due: Instant,
    delay: Duration,
}

pub(crate) fn supervise(arguments: &Supervise) -> anyhow::Result<ExitCode> {
    let place = arguments.host.named()?;
    place.make()?;
    let signals = SignalFd::new(&[Signal::Interrupt, Signal::Terminate, Signal::Child])
        .context("cannot take signals")?;
    if let Some(id) = running(&place) {
        bail!("process {id} supervises this fabric already; `netloom stop` ends it");
    }
    let own = std::process::id().to_string();
    std::fs::write(place.supervisor_id(), own).context("cannot keep the process id")?;
    let mut daemons = [Daemon::new("control"), Daemon::new("node")];
    loop {
        for daemon in &mut daemons {
            daemon.tend(&place)?;
        }
        let mut set = PollSet::new();
        let signal = set.add(signals.as_fd(), Interest::Read);
        set.wait(Some(LOOK)).context("cannot wait")?;
        if !set.is_ready(signal) {
            continue;
        }
        while let Some(signal) = signals.read().context("cannot read signals")? {
            if matches!(signal, Signal::Interrupt | Signal::Terminate) {
                // The agent first: its last words go to control.
                daemons.iter_mut().rev().for_each(Daemon::stop);
                let _ = std::fs::remove_file(place.supervisor_id());
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
}

/// The process that supervises a fabric here, if one does.
pub(super) fn running(place: &Place) -> Option<u32> {
    let id: u32 = std::fs::read_to_string(place.supervisor_id()).ok()?.trim().parse().ok()?;
    let command = std::fs::read(format!("/proc/{id}/cmdline")).ok()?;
    // Another program may have got the number since.
    command.split(|byte| *byte == 0).any(|word| word == b"supervise").then_some(id)
}

/// Ends the supervisor and with it what it runs.
pub(super) fn end(place: &Place) -> anyhow::Result<bool> {
    let Some(id) = running(place) else { return Ok(false) };
    let process = PidFd::open(id).context("cannot reach the supervisor")?;
    process.signal(Signal::Terminate.number()).context("cannot end the supervisor")?;
    let mut set = PollSet::new();
    set.add(process.as_fd(), Interest::Read);
    let ended = set.wait(Some(STOP_TIMEOUT * 2 + Duration::from_secs(1)))? > 0;
    if !ended {
        process.signal(SIGKILL).context("cannot end the supervisor")?;
    }
    let _ = std::fs::remove_file(place.supervisor_id());
    Ok(true)
}

/// Ends the node's agent where a supervisor runs, which starts it again: with what was written for it
/// meanwhile. Gives whether one does.
pub(super) fn restart_node(place: &Place) -> anyhow::Result<bool> {
    if running(place).is_none() {
        return Ok(false);
    }
    for id in super::down::processes(place, "node")? {
        // One that has ended since is what is wanted.
        if let Ok(process) = PidFd::open(id) {
            stop(&process);
        }
    }
    Ok(true)
}

/// Ends a process, which may take its time.
fn stop(process: &PidFd) {
    let _ = process.signal(Signal::Terminate.number());
    let mut set = PollSet::new();
    set.add(process.as_fd(), Interest::Read);
    if !set.wait(Some(STOP_TIMEOUT)).is_ok_and(|ready| ready > 0) {
        let _ = process.signal(SIGKILL);
    }
}

/// Starts a supervisor that outlives this command, unless there is one.
pub(super) fn start(place: &Place) -> anyhow::Result<Started<'_>> {
    let started = Started::now(place);
    if running(place).is_some() {
        return Ok(started);
    }
    let log = log(place, "supervisor")?;
    let executable = std::env::current_exe().context("cannot find the netloom executable")?;
    let mut command = Command::new(executable);
    command.arg("supervise").arg("--state").arg(&place.state_root);
    command.arg("--run").arg(&place.run_root).args(["--fabric", &place.fabric]);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    command.process_group(0).spawn().context("cannot start the supervisor")?;
    Ok(started)
}

fn log(place: &Place, of: &str) -> anyhow::Result<std::fs::File> {
    let path = place.log(of);
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// This executable, or what has taken its place since: an update replaces the file.
fn executable() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe().context("cannot find the netloom executable")?;
    let text = path.to_string_lossy();
    match text.strip_suffix(" (deleted)") {
        Some(replaced) if Path::new(replaced).exists() => Ok(replaced.into()),
        Some(_) => Ok("/proc/self/exe".into()),
        None => Ok(path),
    }
}

impl Daemon {
    fn new(name: &'static str) -> Self {
        let now = Instant::now();
        Self { name, child: None, started: now, due: now, delay: RESTART_MIN }
    }

    /// Whether this host has what the daemon serves.
    fn is_wanted(&self, place: &Place) -> bool {
        match self.name {
            "control" => {
                // The certificate of the authority comes last.
                netloom_control::store_place::exists(&place.control())
                    && place.control().join("ca.crt").exists()
            }
            _ => place.node().join(JOINED).exists(),
        }
    }

    /// Notices its end, and starts it when that is due.
    fn tend(&mut self, place: &Place) -> anyhow::Result<()> {
        if let Some(child) = &mut self.child
            && child.try_wait().context("cannot watch a daemon")?.is_some()
        {
            self.child = None;
            if self.started.elapsed() > STEADY {
                self.delay = RESTART_MIN;
            }
            self.due = Instant::now() + self.delay;
            self.delay = (self.delay * 2).min(RESTART_MAX);
        }
        if self.child.is_none() && Instant::now() >= self.due && self.is_wanted(place) {
            if !super::down::processes(place, self.name)?.is_empty() {
                // Its supervisor was killed: it is left alone until it ends.
                self.due = Instant::now() + LOOK;
                return Ok(());
            }
            self.started = Instant::now();
            match self.spawn(place) {
                Ok(child) => self.child = Some(child),
                Err(error) => {
                    // The executable may be about to be replaced: it is tried again.
                    output::error(&format!("{error:#}\n"));
                    self.due = Instant::now() + self.delay;
                    self.delay = (self.delay * 2).min(RESTART_MAX);
                }
            }
        }
        Ok(())
    }

    fn spawn(&self, place: &Place) -> anyhow::Result<Child> {
        let log = log(place, self.name)?;
        let mut command = Command::new(executable()?);
        match self.name {
            "control" => {
                command.arg("control").arg("--state").arg(&place.state_root);
                command.arg("--run").arg(&place.run_root).args(["--fabric", &place.fabric]);
            }
            _ => {
                command.arg("node").arg("--state").arg(place.node());
                command.arg("--run").arg(&place.run_root);
            }
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.spawn().with_context(|| format!("cannot start {}", self.name))
    }

    fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if let Ok(process) = PidFd::open(child.id()) {
            stop(&process);
        }
        let _ = child.wait();
    }
}
