//! The process in whose namespaces a lab lives: process 1, so that all of the lab ends with it.

use crate::agents::{Agents, NodeSpec};
use crate::emulator::Emulator;
use crate::identity::Identity;
use crate::protocol::{Event, Report, Request, Sources};
use crate::trial::Prober;
use crate::underlay::{self, Underlay};
use crate::{LabError, report};
use netloom_model::Fabric;
use netloom_model::lease::{self, Leases};
use netloom_plan::input::{Directory, NodeEntry, PlanInput};
use netloom_plan::membership::Memberships;
use netloom_state::{HostState, Namespace, diff};
use netloom_sys::Executor;
use netloom_sys::poll::{Interest, PollSet};
use netloom_sys::signal::{Signal, SignalFd};
use netloom_sys::unix_socket;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest request: the texts of a fabric.
const REQUEST_BYTES_MAX: u64 = 64 << 20;
/// How often agents are looked after.
const TICK: Duration = Duration::from_millis(500);
/// The socket's name in the lab's folder.
pub const SOCKET: &str = "lab.sock";
/// The name under which the ground's links are marked; no fabric can have it.
const GROUND: &str = "lab:ground";
/// Where the lab's own file system is mounted, in the lab's folder.
pub const RUN: &str = "run";

/// Runs a lab whose folder is `folder` until it is told to end.
///
/// # Errors
/// The socket cannot be made, or the first `up` failed.
pub fn run(folder: &Path, executable: &Path) -> Result<(), LabError> {
    let signals = SignalFd::new(&[Signal::Interrupt, Signal::Terminate, Signal::Hangup])
        .map_err(|source| LabError::io("take signals", source))?;
    let listener = unix_socket::bind(&folder.join(SOCKET))
        .map_err(|source| LabError::io("make the lab's socket", source))?;
    let mut lab = Lab::new(folder, executable)?;
    loop {
        let mut set = PollSet::new();
        let socket = set.add(listener.as_fd(), Interest::Read);
        let signal = set.add(signals.as_fd(), Interest::Read);
        set.wait(Some(TICK)).map_err(|source| LabError::io("wait for requests", source))?;
        if set.is_ready(signal) {
            return Ok(());
        }
        lab.agents.tend();
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

struct Lab {
    run: PathBuf,
    executor: Executor,
    emulator: Emulator,
    identity: Identity,
    agents: Agents,
    prober: Prober,
    state: Option<State>,
}

/// What is up.
struct State {
    sources: Sources,
    fabric: Fabric,
    leases: Leases,
    underlay: Underlay,
}

impl Lab {
    fn new(folder: &Path, executable: &Path) -> Result<Self, LabError> {
        let run = folder.join(RUN);
        let ground = run.join("ground");
        Ok(Self {
            executor: Executor::new(GROUND, &ground)?,
            emulator: Emulator::start().map_err(|e| LabError::io("start the emulator", e))?,
            identity: Identity::new().map_err(|e| LabError::io("get randomness", e))?,
            agents: Agents::new(executable, &run),
            prober: Prober {
                executable: executable.to_owned(),
                internet: ground.join("netns").join("internet"),
            },
            state: None,
            run,
        })
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
        let result = match &request {
            Request::Up(sources) => self.change(sources, &|text| tell(stream, text)),
            Request::Apply(sources) => self.change_or_go_back(sources, stream),
            Request::Status => self.report(),
            Request::Test => self.tried(BTreeMap::new()),
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

    /// Changes the lab; if that fails half-way, goes back to what it was.
    fn change_or_go_back(
        &mut self,
        sources: &Sources,
        stream: &UnixStream,
    ) -> Result<Report, LabError> {
        let before = self.state.as_ref().map(|state| state.sources.clone());
        let result = self.change(sources, &|text| tell(stream, text));
        let (Err(error), Some(before)) = (&result, before) else { return result };
        let back = self.change(&before, &|_| Ok(()));
        Err(match back {
            Ok(_) => LabError::TakenBack(error.to_string()),
            Err(second) => LabError::Mixed(error.to_string(), second.to_string()),
        })
    }

    fn change(
        &mut self,
        sources: &Sources,
        tell: &dyn Fn(String) -> Result<(), LabError>,
    ) -> Result<Report, LabError> {
        let fabric = self.read(sources)?;
        let before = self.state.as_ref().map(|state| state.leases.clone()).unwrap_or_default();
        let (leases, _) = lease::assign(&fabric, &before);
        let underlay = underlay::plan(&fabric)?;
        tell(format!(
            "ground: {} regions, {} nodes, {} emulated links",
            fabric.regions.len(),
            fabric.nodes.len(),
            underlay.links.len()
        ))?;
        self.lay_ground(&underlay)?;
        self.identity.make_keys(&fabric).map_err(|e| LabError::io("get randomness", e))?;
        let fabric_files = self.write_fabric(sources)?;
        let mut specs = BTreeMap::new();
        for (name, place) in &underlay.nodes {
            let namespace = self.executor.namespace(&place.namespace).map_err(LabError::cause)?;
            let namespace = namespace.try_clone().map_err(LabError::from)?;
            let folder = self.agents.state_folder(name);
            self.identity
                .write(&folder, name, &underlay, &leases)
                .map_err(|e| LabError::io("write a node's files", e))?;
            specs.insert(name.clone(), NodeSpec { namespace, fabric: fabric_files.clone() });
        }
        tell(format!("agents: {}", fabric.nodes.keys().cloned().collect::<Vec<_>>().join(", ")))?;
        let operations = self.agents.set(specs)?;
        self.state = Some(State { sources: sources.clone(), fabric, leases, underlay });
        tell("tunnels: waiting for nodes behind translators to call".to_owned())?;
        self.agents.wait_for_sessions()?;
        tell("tests: real packets".to_owned())?;
        self.tried(operations)
    }

    fn read(&self, sources: &Sources) -> Result<Fabric, LabError> {
        let loaded = netloom_model::load(&sources.files, |path| {
            let text = sources.texts.get(path);
            text.map(|text| text.clone().into_bytes()).ok_or_else(|| "it was not sent".to_owned())
        });
        loaded.fabric.ok_or_else(|| {
            LabError::Fabric(netloom_model::diagnostic::render(
                &loaded.diagnostics,
                &loaded.sources,
            ))
        })
    }

    /// Changes the ground; what stays is not touched.
    fn lay_ground(&mut self, underlay: &Underlay) -> Result<(), LabError> {
        let observed = self.executor.observe(&underlay.host)?;
        self.executor.execute(&diff(&underlay.host, &observed))?;
        let links = underlay.links.iter().map(|link| {
            let inner = self.executor.take_tunnel(&link.inner);
            let outer = self.executor.take_tunnel(&link.outer);
            (link.clone(), inner.zip(outer).map(|(inner, outer)| [inner, outer]))
        });
        self.emulator.set(links.collect());
        Ok(())
    }

    /// Keeps the texts as they were given: what the user edits later counts when it is applied.
    fn write_fabric(&self, sources: &Sources) -> Result<Vec<String>, LabError> {
        let place = |path: &str| self.run.join("fabric").join(path.trim_start_matches('/'));
        for (path, text) in &sources.texts {
            let file = place(path);
            let folder = file.parent().unwrap_or(&self.run);
            std::fs::create_dir_all(folder)
                .and_then(|()| std::fs::write(&file, text))
                .map_err(|source| LabError::io("keep the fabric's files", source))?;
        }
        // Agents are told one file for good; it includes those that are meant now.
        let entry = self.run.join("fabric.json");
        let files: Vec<_> = sources.files.iter().map(|path| place(path)).collect();
        std::fs::write(&entry, serde_json::json!({ "include": files }).to_string())
            .map_err(|source| LabError::io("keep the fabric's files", source))?;
        Ok(vec![entry.to_string_lossy().into_owned()])
    }

    fn report(&mut self) -> Result<Report, LabError> {
        let Some(state) = &self.state else { return Err(LabError::NotUp) };
        let netns = self.run.join("ground").join("netns");
        let path = |namespace: &Namespace| netns.join(namespace.to_string());
        let statuses = self.agents.statuses();
        Ok(report::report(&state.fabric, &state.underlay, &statuses, &self.agents, path))
    }

    /// Tries the tests and names, and reports what is there after them: sessions begin with packets.
    fn tried(&mut self, operations: BTreeMap<String, Vec<String>>) -> Result<Report, LabError> {
        let before = self.report()?;
        let Some(state) = &self.state else { return Err(LabError::NotUp) };
        let directory = directory(&state.underlay);
        let input = PlanInput {
            fabric: &state.fabric,
            fabric_id: self.identity.fabric_id,
            leases: &state.leases,
            directory: &directory,
            memberships: &Memberships::of(&state.fabric),
            attachments: &BTreeMap::new(),
        };
        let tests = self.prober.try_all(&state.fabric, &input, &before);
        let (names, name_errors) = self.prober.look_up_all(&before);
        Ok(Report { operations, tests, names, name_errors, ..self.report()? })
    }
}

/// What the reachability engine needs to know of the nodes: where they can be called.
fn directory(underlay: &Underlay) -> Directory {
    let entry = |place: &underlay::NodePlace| NodeEntry {
        public_keys: BTreeMap::new(),
        endpoint: place.endpoint,
        local_endpoint: Some(place.local_endpoint),
    };
    let nodes = underlay.nodes.iter().map(|(name, place)| (name.clone(), entry(place)));
    Directory { nodes: nodes.collect() }
}

/// Says what is being done; the work ends if nobody listens any more.
fn tell(stream: &UnixStream, text: String) -> Result<(), LabError> {
    send(stream, &Event::Progress(text)).map_err(|_| LabError::Abandoned)
}

fn send(stream: &UnixStream, event: &Event) -> std::io::Result<()> {
    let mut text = serde_json::to_string(event)?;
    text.push('\n');
    let mut stream = stream;
    stream.write_all(text.as_bytes())
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.agents.stop_all();
        // The kernel ends the rest with this process's namespaces; what is visible is taken away
        // first, so that nothing is left where they outlive it.
        let nothing = HostState::default();
        if let Ok(observed) = self.executor.observe(&nothing) {
            let _ = self.executor.execute(&diff(&nothing, &observed));
        }
    }
}
