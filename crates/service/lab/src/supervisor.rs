//! The process in whose namespaces a lab lives: process 1, so that all of the lab ends with it.

use crate::agents::Agents;
use crate::asker::{Asker, send};
use crate::control::Control;
use crate::emulator::Emulator;
use crate::machine::Machine;
use crate::protocol::{Event, Report, Request, Sources};
use crate::trial::Prober;
use crate::underlay::{self, EmulatedLink, Underlay};
use crate::{LabError, report};
use netloom_model::Fabric;
use netloom_model::lease::Leases;
use netloom_plan::input::{Directory, NodeEntry, PlanInput};
use netloom_plan::membership::Memberships;
use netloom_state::{HostState, Namespace, diff};
use netloom_sys::Executor;
use netloom_sys::poll::{Interest, PollSet};
use netloom_sys::signal::{Signal, SignalFd};
use netloom_sys::unix_socket;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Longest request: the texts of a fabric.
const REQUEST_BYTES_MAX: u64 = 64 << 20;
/// How often control and agents are looked after.
const TICK: Duration = Duration::from_millis(500);
/// The socket's name in the lab's folder.
pub const SOCKET: &str = "lab.sock";
/// The name under which the ground's links are marked; no fabric can have it.
const GROUND: &str = "lab:ground";
/// Where the lab's own file system is mounted, in the lab's folder.
pub const RUN: &str = "run";

/// How a lab is started.
#[derive(Debug)]
pub struct Options {
    /// The lab's folder.
    pub folder: PathBuf,
    /// The `netloom` executable.
    pub executable: PathBuf,
    /// Where browsers find the dashboard: a TCP socket that listens, made in the namespace of
    /// whoever brings the lab up.
    pub dashboard: Option<OwnedFd>,
}

/// Runs a lab until it is told to end.
///
/// # Errors
/// The socket cannot be made, or the first `up` failed.
pub fn run(options: Options) -> Result<(), LabError> {
    let signals = SignalFd::new(&[Signal::Interrupt, Signal::Terminate, Signal::Hangup])
        .map_err(|source| LabError::io("take signals", source))?;
    let listener = unix_socket::bind(&options.folder.join(SOCKET))
        .map_err(|source| LabError::io("make the lab's socket", source))?;
    let mut lab = Lab::new(options)?;
    loop {
        let mut set = PollSet::new();
        let socket = set.add(listener.as_fd(), Interest::Read);
        let signal = set.add(signals.as_fd(), Interest::Read);
        set.wait(Some(TICK)).map_err(|source| LabError::io("wait for requests", source))?;
        if set.is_ready(signal) {
            return Ok(());
        }
        lab.tend();
        if set.is_ready(socket)
            && let Ok((stream, _)) = listener.accept()
            && lab.answer(&stream) == After::End
        {
            return Ok(());
        }
    }
}

/// What happens after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    GoOn,
    End,
}

/// A lab.
pub(crate) struct Lab {
    pub(crate) run: PathBuf,
    pub(crate) executable: PathBuf,
    pub(crate) dashboard: Option<Arc<OwnedFd>>,
    pub(crate) executor: Executor,
    pub(crate) emulator: Emulator,
    /// What the emulator carries.
    pub(crate) emulated: Vec<EmulatedLink>,
    pub(crate) control: Option<Control>,
    pub(crate) agents: Agents,
    prober: Prober,
    pub(crate) state: Option<State>,
}

/// What is up.
pub(crate) struct State {
    pub(crate) revision: u64,
    pub(crate) sources: Sources,
    pub(crate) fabric: Fabric,
    pub(crate) fabric_id: u128,
    pub(crate) leases: Leases,
    pub(crate) underlay: Underlay,
}

impl Lab {
    fn new(options: Options) -> Result<Self, LabError> {
        let Options { folder, executable, dashboard } = options;
        let run = folder.join(RUN);
        let ground = run.join("ground");
        Ok(Self {
            executor: Executor::new(GROUND, &ground)?,
            emulator: Emulator::start().map_err(|e| LabError::io("start the emulator", e))?,
            emulated: Vec::new(),
            control: None,
            agents: Agents::new(&executable),
            prober: Prober {
                executable: executable.clone(),
                internet: ground.join("netns").join("internet"),
            },
            state: None,
            dashboard: dashboard.map(Arc::new),
            executable,
            run,
        })
    }

    /// Starts again what has ended.
    fn tend(&mut self) {
        if let Some(control) = &mut self.control {
            control.tend();
        }
        self.agents.tend();
    }

    /// Answers one request; tells whether the lab goes on.
    fn answer(&mut self, stream: &UnixStream) -> After {
        let mut line = String::new();
        let read = BufReader::new(stream).take(REQUEST_BYTES_MAX).read_line(&mut line);
        let request = match read.map(|_| serde_json::from_str::<Request>(&line)) {
            Ok(Ok(request)) => request,
            Ok(Err(error)) => {
                let _ = send(stream, &Event::Failed(format!("this is not a request: {error}")));
                return After::GoOn;
            }
            Err(_) => return After::GoOn,
        };
        let first = self.state.is_none();
        let asker = Asker::at(stream);
        let result = match &request {
            Request::Up(sources) => self.change(sources, "netloom lab up", asker),
            Request::Apply(sources) => {
                self.catch_up(asker).and_then(|()| self.change_or_go_back(sources, asker))
            }
            Request::Status => self.follow_or_tell(asker).and_then(|()| self.report(asker)),
            Request::Test => self.catch_up(asker).and_then(|()| self.tried(asker)),
            Request::Down => Ok(Report::default()),
        };
        let failed = result.is_err();
        let event = match result {
            Ok(report) => Event::Done(Box::new(report)),
            Err(error) => Event::Failed(error.to_string()),
        };
        let heard = send(stream, &event).is_ok();
        let was_up = matches!(request, Request::Up(_));
        // A lab that never came up, or whose asker went away meanwhile, leaves nothing behind.
        if matches!(request, Request::Down) || (was_up && first && (failed || !heard)) {
            return After::End;
        }
        After::GoOn
    }

    /// Follows control; where that fails it is told, so that one can still look, and mend it from inside.
    fn follow_or_tell(&mut self, asker: Asker<'_>) -> Result<(), LabError> {
        match self.catch_up(asker) {
            Err(error) if !matches!(error, LabError::Abandoned | LabError::NotUp) => {
                asker.tell(format!("the lab cannot follow what is declared: {error}"))
            }
            done => done,
        }
    }

    fn report(&mut self, asker: Asker<'_>) -> Result<Report, LabError> {
        let Some(state) = &self.state else { return Err(LabError::NotUp) };
        let netns = self.run.join("ground").join("netns");
        let path = |namespace: &Namespace| netns.join(namespace.to_string());
        let machine = |name: &str| Machine::new(&self.run, name, &state.fabric.name);
        let statuses = self.agents.statuses();
        let ground = (&state.fabric, &state.underlay);
        let report = report::report(ground, &statuses, &self.agents, path, machine);
        let control = self.control()?;
        let (control, dashboard) = (control.seat.machine.clone(), control.dashboard(asker)?);
        let api = self.state.as_ref().and_then(|state| state.sources.api.clone());
        Ok(Report { api, control, dashboard, ..report })
    }

    /// Tries the tests and names, and reports what is there after them: sessions begin with packets.
    pub(crate) fn tried(&mut self, asker: Asker<'_>) -> Result<Report, LabError> {
        let before = self.report(asker)?;
        let Some(state) = &self.state else { return Err(LabError::NotUp) };
        let directory = directory(&state.underlay);
        let input = PlanInput {
            fabric: &state.fabric,
            fabric_id: state.fabric_id,
            leases: &state.leases,
            directory: &directory,
            memberships: &Memberships::of(&state.fabric),
            attachments: &BTreeMap::new(),
        };
        // Both mostly wait.
        let (tests, (names, name_errors)) = std::thread::scope(|scope| {
            let names = scope.spawn(|| self.prober.look_up_all(&state.fabric, &before));
            let tests = self.prober.try_all(&state.fabric, &input, &before);
            let lost = || ((0, 0), vec!["the names could not be looked up".to_owned()]);
            (tests, names.join().unwrap_or_else(|_| lost()))
        });
        Ok(Report { tests, names, name_errors, ..self.report(asker)? })
    }
}

/// What the reachability engine needs to know of the nodes: where they can be called.
fn directory(underlay: &Underlay) -> Directory {
    let entry = |place: &underlay::NodePlace| NodeEntry {
        public_keys: BTreeMap::new(),
        endpoint: place.endpoint,
        local_endpoint: Some(place.local_endpoint),
        has_aes_gcm: false,
    };
    let nodes = underlay.nodes.iter().map(|(name, place)| (name.clone(), entry(place)));
    Directory { nodes: nodes.collect() }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.agents.stop_all();
        self.control = None;
        // The kernel ends the rest with this process's namespaces; what is visible is taken away
        // first, so that nothing is left where they outlive it.
        let nothing = HostState::default();
        if let Ok(observed) = self.executor.observe(&nothing) {
            let _ = self.executor.execute(&diff(&nothing, &observed));
        }
    }
}
