//! The nodes' agents: each is the `netloom` executable, run in its node's namespace.

use crate::LabError;
use netloom_base::Time;
use netloom_sys::clock::monotonic_now;
use netloom_sys::namespace::{NamespaceHandle, SpawnOptions, spawn_in};
use netloom_sys::unix_socket;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long an agent may take to come up, or to apply a change.
const AGENT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long nodes behind translators may take to call the others.
const SESSIONS_TIMEOUT: Duration = Duration::from_secs(15);
/// Wait between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// Wait before an agent that ended is started again.
const RESTART_DELAY: Duration = Duration::from_millis(500);

/// What a node's agent is to be.
#[derive(Debug)]
pub(crate) struct NodeSpec {
    /// The node's own namespace.
    pub(crate) namespace: NamespaceHandle,
    /// Files of the fabric.
    pub(crate) fabric: Vec<String>,
}

/// The agents that run.
#[derive(Debug)]
pub(crate) struct Agents {
    executable: PathBuf,
    run: PathBuf,
    running: BTreeMap<String, Agent>,
}

#[derive(Debug)]
struct Agent {
    spec: NodeSpec,
    child: Option<Child>,
    ended: Option<Time>,
}

impl Agents {
    pub(crate) fn new(executable: &Path, run: &Path) -> Self {
        Self { executable: executable.to_owned(), run: run.to_owned(), running: BTreeMap::new() }
    }

    fn folder(&self, node: &str) -> PathBuf {
        self.run.join("nodes").join(node)
    }

    /// Where a node's keys and socket are.
    pub(crate) fn state_folder(&self, node: &str) -> PathBuf {
        self.folder(node).join("state")
    }

    pub(crate) fn socket(&self, node: &str) -> PathBuf {
        self.state_folder(node).join("agent.sock")
    }

    /// Makes the agents of `specs` run: stops others, starts new ones, tells the rest to apply.
    /// Gives the operations of each.
    pub(crate) fn set(
        &mut self,
        specs: BTreeMap<String, NodeSpec>,
    ) -> Result<BTreeMap<String, Vec<String>>, LabError> {
        let gone: Vec<String> =
            self.running.keys().filter(|name| !specs.contains_key(*name)).cloned().collect();
        for name in gone {
            if let Some(mut agent) = self.running.remove(&name) {
                agent.stop();
            }
        }
        let mut reload = Vec::new();
        for (name, spec) in specs {
            match self.running.get_mut(&name) {
                Some(agent) => {
                    agent.spec = spec;
                    reload.push(name);
                }
                None => {
                    let child = Some(self.spawn(&name, &spec)?);
                    self.running.insert(name, Agent { spec, child, ended: None });
                }
            }
        }
        let names: Vec<String> = self.running.keys().cloned().collect();
        names.iter().try_for_each(|name| self.wait_for(name))?;
        let mut operations = BTreeMap::new();
        for name in reload {
            let answer = self.ask(&name, "\"reload\"")?;
            let done = &answer["applied"]["operations"];
            let list: Vec<String> = serde_json::from_value(done.clone()).unwrap_or_default();
            operations.insert(name, list);
        }
        Ok(operations)
    }

    fn spawn(&self, node: &str, spec: &NodeSpec) -> Result<Child, LabError> {
        let folder = self.folder(node);
        let log = std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::File::create(folder.join("log")))
            .map_err(|source| LabError::io("make an agent's log", source))?;
        let mut command = Command::new(&self.executable);
        command.arg("node");
        for file in &spec.fabric {
            command.arg("--fabric").arg(file);
        }
        command.args(["--name", node, "--stand-ins", "--state"]).arg(self.state_folder(node));
        command.arg("--run").arg(&folder).stdin(Stdio::null());
        let copy = log.try_clone().map_err(|source| LabError::io("make an agent's log", source))?;
        command.stdout(copy).stderr(log);
        let options = SpawnOptions { resolv_conf: None, die_with_parent: true };
        Ok(spawn_in(&spec.namespace, command, &options)?)
    }

    /// Waits until a node's agent answers.
    fn wait_for(&mut self, node: &str) -> Result<(), LabError> {
        let deadline = monotonic_now() + AGENT_TIMEOUT;
        loop {
            if unix_socket::connect(&self.socket(node)).is_ok() {
                return Ok(());
            }
            let ended = self.running.get_mut(node).and_then(Agent::has_ended);
            let late = monotonic_now() > deadline;
            if ended.is_some() || late {
                let why = ended.unwrap_or_else(|| "it does not answer".to_owned());
                let log = self.last_words(node);
                return Err(LabError::Agent { node: node.to_owned(), why, log });
            }
            std::thread::sleep(LOOK);
        }
    }

    fn last_words(&self, node: &str) -> String {
        let text = std::fs::read_to_string(self.folder(node).join("log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Asks a node's agent; the answer's error is an error.
    fn ask(&self, node: &str, request: &str) -> Result<Value, LabError> {
        let failed = |why: String| LabError::Agent {
            node: node.to_owned(),
            why,
            log: self.last_words(node),
        };
        let answer = exchange(&self.socket(node), request).map_err(|e| failed(e.to_string()))?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => Err(failed(error.to_owned())),
            None => Ok(answer),
        }
    }

    /// The status of every agent that answers.
    pub(crate) fn statuses(&self) -> BTreeMap<String, Value> {
        let names = self.running.keys();
        let answers = names.filter_map(|name| {
            let mut answer = self.ask(name, "\"status\"").ok()?;
            Some((name.clone(), answer["status"].take()))
        });
        answers.collect()
    }

    /// Waits until every session that a node keeps open by itself is up.
    pub(crate) fn wait_for_sessions(&self) -> Result<(), LabError> {
        let deadline = monotonic_now() + SESSIONS_TIMEOUT;
        loop {
            let missing = self.missing_sessions();
            if missing.is_empty() {
                return Ok(());
            }
            if monotonic_now() > deadline {
                return Err(LabError::Sessions(missing.join(", ")));
            }
            std::thread::sleep(LOOK);
        }
    }

    fn missing_sessions(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for (node, status) in self.statuses() {
            for (network, state) in status["networks"].as_object().into_iter().flatten() {
                for (peer, state) in state["peers"].as_object().into_iter().flatten() {
                    if state["keepalive"] == true && state["has_session"] != true {
                        missing.push(format!("{node} to {peer} in {network}"));
                    }
                }
            }
        }
        missing
    }

    /// Starts agents again that have ended.
    pub(crate) fn tend(&mut self) {
        let now = monotonic_now();
        let mut due = Vec::new();
        for (name, agent) in &mut self.running {
            if agent.has_ended().is_some() {
                let ended = *agent.ended.get_or_insert(now);
                if now - ended >= RESTART_DELAY {
                    due.push(name.clone());
                }
            }
        }
        for name in due {
            let Some(mut agent) = self.running.remove(&name) else { continue };
            // A failure is tried again after the same wait.
            agent.child = self.spawn(&name, &agent.spec).ok();
            agent.ended = None;
            self.running.insert(name, agent);
        }
    }

    /// Whether a node's agent runs.
    pub(crate) fn is_running(&self, node: &str) -> bool {
        self.running.get(node).is_some_and(|agent| agent.child.is_some())
    }

    pub(crate) fn stop_all(&mut self) {
        self.running.values_mut().for_each(Agent::stop);
        self.running.clear();
    }
}

impl Agent {
    /// How the process ended, if it has.
    fn has_ended(&mut self) -> Option<String> {
        match &mut self.child {
            None => Some("it could not be started".to_owned()),
            Some(child) => match child.try_wait() {
                Ok(Some(status)) => Some(format!("it ended: {status}")),
                Ok(None) | Err(_) => None,
            },
        }
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn exchange(socket: &Path, request: &str) -> std::io::Result<Value> {
    let mut stream = unix_socket::connect(socket)?;
    stream.set_read_timeout(Some(AGENT_TIMEOUT))?;
    stream.write_all(format!("{request}\n").as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    serde_json::from_str(&line).map_err(std::io::Error::from)
}
