//! The nodes' agents: each is the `netloom` executable, run in its node's namespace.

use crate::LabError;
use crate::asker::Asker;
use crate::daemon::{Daemon, DaemonSpec};
use crate::machine::Machine;
use crate::underlay::NodePlace;
use netloom_base::Time;
use netloom_model::fabric::Name;
use netloom_plan::membership::Memberships;
use netloom_sys::clock::monotonic_now;
use netloom_sys::namespace::NamespaceHandle;
use netloom_sys::unix_socket;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an agent may take to answer.
const AGENT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long all agents together may take to say how they are.
const STATUS_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nodes behind translators may take to call the others.
const SESSIONS_TIMEOUT: Duration = Duration::from_secs(15);
/// Wait between two looks at whether an agent answers.
const LOOK: Duration = Duration::from_millis(5);
/// Wait between two questions how agents are doing, which cost them time that they need.
const ASK: Duration = Duration::from_millis(40);

/// The agents that run.
#[derive(Debug)]
pub(crate) struct Agents {
    executable: PathBuf,
    running: BTreeMap<String, Agent>,
}

#[derive(Debug)]
struct Agent {
    machine: Machine,
    /// Where the machine is.
    place: NodePlace,
    daemon: Daemon,
}

impl Agents {
    pub(crate) fn new(executable: &Path) -> Self {
        Self { executable: executable.to_owned(), running: BTreeMap::new() }
    }

    /// Nodes whose machines are not where they were.
    pub(crate) fn gone(&self, places: &BTreeMap<Name, NodePlace>) -> Vec<String> {
        let gone =
            self.running.iter().filter(|(name, agent)| places.get(*name) != Some(&agent.place));
        gone.map(|(name, _)| name.clone()).collect()
    }

    /// Nodes that have no agent yet.
    pub(crate) fn missing<'a>(
        &self,
        places: &'a BTreeMap<Name, NodePlace>,
    ) -> Vec<(&'a Name, &'a NodePlace)> {
        places.iter().filter(|(name, _)| !self.running.contains_key(*name)).collect()
    }

    /// Starts the agent of a node that has joined.
    pub(crate) fn start(
        &mut self,
        node: &str,
        machine: Machine,
        place: &NodePlace,
        namespace: NamespaceHandle,
    ) -> Result<(), LabError> {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let mut arguments = vec!["node".to_owned(), "--stand-ins".to_owned()];
        arguments.extend(["--state".to_owned(), path(&machine.node_state())]);
        arguments.extend(["--run".to_owned(), path(&machine.run_root())]);
        let spec = DaemonSpec { namespace, arguments, input: None, log: machine.log("node") };
        let daemon = Daemon::start(&self.executable, spec)?;
        let agent = Agent { machine, place: place.clone(), daemon };
        self.running.insert(node.to_owned(), agent);
        Ok(())
    }

    /// Ends the agent of a node, and throws away what its machine has kept.
    pub(crate) fn remove(&mut self, node: &str) {
        if let Some(agent) = self.running.remove(node) {
            let machine = agent.machine.clone();
            drop(agent);
            // What is left is found by a machine of the same name, which joins anew.
            let _ = std::fs::remove_dir_all(machine.node_state());
        }
    }

    /// Waits until every agent answers.
    pub(crate) fn wait_until_ready(&mut self, asker: Asker<'_>) -> Result<(), LabError> {
        let deadline = monotonic_now() + AGENT_TIMEOUT;
        for (node, agent) in &mut self.running {
            while unix_socket::connect(&agent.machine.agent_socket()).is_err() {
                let ended = agent.daemon.has_ended();
                if ended.is_some() || monotonic_now() > deadline {
                    let why = ended.unwrap_or_else(|| "it does not answer".to_owned());
                    let log = agent.daemon.last_words();
                    return Err(LabError::Agent { node: node.clone(), why, log });
                }
                asker.pause(LOOK)?;
            }
        }
        Ok(())
    }

    /// The status of every agent that answers. All are asked at once: one that hangs holds the others up once, not each by itself.
    pub(crate) fn statuses(&self) -> BTreeMap<String, Value> {
        let deadline = monotonic_now() + STATUS_TIMEOUT;
        let asked = self.running.iter().filter_map(|(name, agent)| {
            Some((name, ask(&agent.machine.agent_socket(), "\"status\"").ok()?))
        });
        let asked: Vec<_> = asked.collect();
        let answers = asked.into_iter().filter_map(|(name, stream)| {
            let mut answer = answer(stream, deadline).ok()?;
            Some((name.clone(), answer["status"].take()))
        });
        answers.collect()
    }

    /// Waits until every node hears from control and knows all nodes of its networks, as long as
    /// `is_hopeless` gives no reason to give up.
    pub(crate) fn wait_for_peers(
        &self,
        memberships: &Memberships,
        asker: Asker<'_>,
        mut is_hopeless: impl FnMut() -> Result<(), LabError>,
    ) -> Result<(), LabError> {
        let deadline = monotonic_now() + AGENT_TIMEOUT;
        loop {
            let statuses = self.statuses();
            let missing = missing_peers(memberships, self.running.keys(), &statuses);
            if missing.is_empty() {
                return Ok(());
            }
            if statuses.values().any(|status| status["error"].is_string()) {
                is_hopeless()?;
            }
            if monotonic_now() > deadline {
                return Err(LabError::Peers(missing.join("\n")));
            }
            asker.pause(ASK)?;
        }
    }

    /// Waits until every session that a node keeps open by itself is up.
    pub(crate) fn wait_for_sessions(&self, asker: Asker<'_>) -> Result<(), LabError> {
        let deadline = monotonic_now() + SESSIONS_TIMEOUT;
        loop {
            let missing = missing_sessions(&self.statuses());
            if missing.is_empty() {
                return Ok(());
            }
            if monotonic_now() > deadline {
                return Err(LabError::Sessions(missing.join(", ")));
            }
            asker.pause(ASK)?;
        }
    }

    /// Starts agents again that have ended.
    pub(crate) fn tend(&mut self) {
        self.running.values_mut().for_each(|agent| agent.daemon.tend());
    }

    /// Whether a node's agent runs.
    pub(crate) fn is_running(&self, node: &str) -> bool {
        self.running.get(node).is_some_and(|agent| agent.daemon.is_running())
    }

    pub(crate) fn stop_all(&mut self) {
        self.running.clear();
    }
}

fn missing_peers<'a>(
    memberships: &Memberships,
    nodes: impl Iterator<Item = &'a String>,
    statuses: &BTreeMap<String, Value>,
) -> Vec<String> {
    let mut missing = Vec::new();
    for node in nodes {
        let Some(status) = statuses.get(node) else {
            missing.push(format!("{node}: its agent does not answer"));
            continue;
        };
        let control = status["control"].as_str().unwrap_or("nothing was said of control");
        if !control.starts_with("connected") {
            missing.push(format!("{node}: {control}"));
        }
        let networks = memberships.of_node(node).map(|membership| &membership.networks);
        for network in networks.into_iter().flatten() {
            let known = &status["networks"][network]["peers"];
            let members = memberships.of_network(network).into_iter().flatten();
            let unknown = members.filter(|peer| *peer != node && known[*peer].is_null());
            let error = status["error"].as_str().map(|why| format!(" ({why})")).unwrap_or_default();
            missing.extend(unknown.map(|peer| {
                format!("{node}: has not heard of {peer} in network {network}{error}")
            }));
        }
    }
    missing
}

fn missing_sessions(statuses: &BTreeMap<String, Value>) -> Vec<String> {
    let mut missing = Vec::new();
    for (node, status) in statuses {
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

/// Asks what listens at a socket.
fn ask(socket: &Path, request: &str) -> std::io::Result<UnixStream> {
    let mut stream = unix_socket::connect(socket)?;
    stream.write_all(format!("{request}\n").as_bytes())?;
    Ok(stream)
}

/// Waits for the answer; one that is there already is read even after the deadline.
fn answer(stream: UnixStream, deadline: Time) -> std::io::Result<Value> {
    let left = (deadline - monotonic_now()).max(Duration::from_millis(1));
    stream.set_read_timeout(Some(left))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    serde_json::from_str(&line).map_err(std::io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_model::Fabric;
    use netloom_plan::membership::Membership;
    use serde_json::json;

    #[test]
    fn who_says_nothing_holds_nobody_up() {
        let folder = std::env::temp_dir().join(format!("netloom-ask-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let [silent, quick] = ["silent", "quick"].map(|name| folder.join(name));
        let listeners = [&silent, &quick].map(|path| unix_socket::bind(path).unwrap());
        let asked = [&silent, &quick].map(|path| ask(path, "\"status\"").unwrap());
        let (mut stream, _) = listeners[1].accept().unwrap();
        stream.write_all(b"{\"status\":{\"node\":\"quick\"}}\n").unwrap();
        // No time is left when the second one is looked at.
        let [silent, quick] = asked.map(|stream| answer(stream, monotonic_now()));
        assert!(silent.is_err());
        assert_eq!(quick.unwrap()["status"]["node"], "quick");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn who_is_not_known_yet_is_named() {
        let networks: std::collections::BTreeSet<String> = ["app".to_owned()].into();
        let member = |name: &str| {
            let membership = Membership { networks: networks.clone(), ..Membership::default() };
            (name.to_owned(), membership)
        };
        let memberships = Memberships::of_part(&Fabric::default(), ["a", "b"].map(member));
        let nodes = ["a".to_owned(), "b".to_owned()];
        let status = |control: &str, peers: Value| json!({ "control": control, "networks": { "app": { "peers": peers } } });
        let mut statuses = BTreeMap::new();
        let told = missing_peers(&memberships, nodes.iter(), &statuses);
        assert_eq!(told, ["a: its agent does not answer", "b: its agent does not answer"]);
        statuses.insert("a".to_owned(), status("connected to x", json!({ "b": {} })));
        statuses.insert("b".to_owned(), status("no answer", json!({})));
        let told = missing_peers(&memberships, nodes.iter(), &statuses);
        assert_eq!(told, ["b: no answer", "b: has not heard of a in network app"]);
        statuses.insert("b".to_owned(), status("connected to x", json!({ "a": {} })));
        assert!(missing_peers(&memberships, nodes.iter(), &statuses).is_empty());
    }
}
