//! A lab's control: the executable on one of the machines, and what is asked of it by commands.

use crate::LabError;
use crate::asker::Asker;
use crate::daemon::{Daemon, DaemonSpec};
use crate::machine::Machine;
use crate::protocol::Sources;
use crate::seat::Seat;
use netloom_base::Time;
use netloom_sys::clock::monotonic_now;
use netloom_sys::namespace::{NamespaceHandle, SpawnOptions, spawn_in};
use netloom_sys::unix_socket;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// How long control may take to answer.
const READY_TIMEOUT: Duration = Duration::from_secs(20);
/// Wait between two looks.
const LOOK: Duration = Duration::from_millis(3);
/// How long nodes may take to put a change in force, in seconds.
const APPLY_WAIT_S: &str = "30";
/// How long the dashboard's address is told before a new one is made; its token is valid for a day.
const ADDRESS_TIME: Duration = Duration::from_secs(12 * 3600);

/// Control of a lab.
#[derive(Debug)]
pub(crate) struct Control {
    executable: PathBuf,
    pub(crate) seat: Seat,
    machine: Machine,
    daemon: Daemon,
    has_dashboard: bool,
    address: Option<(String, Time)>,
}

/// What an apply has done.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// Operations by node.
    pub(crate) operations: BTreeMap<String, Vec<String>>,
    /// Flows that open or close, in words.
    pub(crate) flows: Vec<String>,
}

/// How the fabric is, as control sees it.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// The revision in force.
    pub(crate) revision: u64,
    /// The fabric's id.
    pub(crate) fabric_id: u128,
    /// Addresses of workloads.
    pub(crate) addresses: BTreeMap<String, Vec<IpAddr>>,
    /// Nodes that do not hold what they shall hold yet.
    pub(crate) behind: Vec<String>,
    /// What nodes cannot put in force.
    pub(crate) refused: Vec<String>,
}

impl Control {
    /// Starts control of a new fabric, and waits until it answers.
    pub(crate) fn start(
        executable: &Path,
        (seat, machine): (Seat, Machine),
        (fabric, namespace): (&str, NamespaceHandle),
        dashboard: Option<Arc<OwnedFd>>,
        asker: Asker<'_>,
    ) -> Result<Self, LabError> {
        machine.make()?;
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut arguments = words(&["control", "--begin", &seat.machine, "--fabric", fabric]);
        arguments.extend(words(&["--state", &machine.state_root().to_string_lossy()]));
        arguments.extend(words(&["--run", &machine.run_root().to_string_lossy()]));
        arguments.extend(words(&["--listen", &format!("0.0.0.0:{}", seat.endpoint.port())]));
        arguments.extend(words(&["--endpoint", &seat.endpoint.to_string()]));
        if dashboard.is_some() {
            arguments.push("--dashboard-stdin".to_owned());
        }
        let has_dashboard = dashboard.is_some();
        let log = machine.log("control");
        let spec = DaemonSpec { namespace, arguments, input: dashboard, log };
        let daemon = Daemon::start(executable, spec)?;
        let executable = executable.to_owned();
        let mut control = Self { executable, seat, machine, daemon, has_dashboard, address: None };
        control.wait(asker)?;
        Ok(control)
    }

    /// Whether control answers now.
    pub(crate) fn is_there(&self) -> bool {
        unix_socket::connect(&self.machine.control_socket()).is_ok()
    }

    /// Waits until control answers.
    fn wait(&mut self, asker: Asker<'_>) -> Result<(), LabError> {
        let deadline = monotonic_now() + READY_TIMEOUT;
        let mut ended = None;
        while !self.is_there() {
            if let Some(how) = self.daemon.has_ended() {
                ended = Some(how);
                self.daemon.tend();
            }
            if monotonic_now() > deadline {
                let why = ended.unwrap_or_else(|| "it does not answer".to_owned());
                return Err(LabError::Control { why, log: self.daemon.last_words() });
            }
            asker.pause(LOOK)?;
        }
        Ok(())
    }

    /// Starts it again, if it has ended.
    pub(crate) fn tend(&mut self) {
        self.daemon.tend();
    }

    /// Runs a command on control's machine that must succeed; gives what it printed.
    fn ask(&self, words: &[&str], asker: Asker<'_>) -> Result<String, LabError> {
        let output = self.run(words, asker)?;
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(LabError::Refused(words_of(&output)))
        }
    }

    fn run(&self, words: &[&str], asker: Asker<'_>) -> Result<Output, LabError> {
        let mut command = self.machine.command(&self.executable, words);
        let child = command.spawn();
        asker.wait_for(child.map_err(|source| LabError::io("run netloom", source))?)
    }

    /// Declares what is in a file of sources, and waits until the nodes that are connected hold it.
    /// Where one refuses it, control goes back by itself.
    pub(crate) fn apply(
        &mut self,
        (sources, message): (&Path, &str),
        asker: Asker<'_>,
    ) -> Result<Applied, LabError> {
        self.wait(asker)?;
        let file = sources.to_string_lossy();
        let words = ["apply", "--json", "--wait", APPLY_WAIT_S, "--message", message];
        let output = self.run(&[&words[..], &["--sources", &file]].concat(), asker)?;
        let Ok(answer) = serde_json::from_slice::<Value>(&output.stdout) else {
            return Err(LabError::NotAccepted(words_of(&output)));
        };
        let refused: Vec<String> = list(&answer["refused"]).map(refused_words).collect();
        if !refused.is_empty() {
            return Err(LabError::Refused(refused.join("\n")));
        }
        let behind = strings(&answer["behind"]);
        if !behind.is_empty() {
            return Err(LabError::Behind(behind.join(", ")));
        }
        let nodes = answer["proposed"]["nodes"].as_object().into_iter().flatten();
        let operations = |change: &Value| strings(&change["operations"]);
        Ok(Applied {
            operations: nodes.map(|(name, one)| (name.clone(), operations(one))).collect(),
            flows: list(&answer["proposed"]["flows"]).flat_map(flow_words).collect(),
        })
    }

    /// How the fabric is.
    pub(crate) fn standing(&mut self, asker: Asker<'_>) -> Result<Standing, LabError> {
        self.wait(asker)?;
        let status: Value = parsed(&self.ask(&["status", "--json"], asker)?)?;
        let id = status["fabric_id"].as_str().unwrap_or_default();
        let addresses = |workload: &Value| {
            list(&workload["addresses"]).filter_map(|text| text.as_str()?.parse().ok()).collect()
        };
        let workloads = status["workloads"].as_object().into_iter().flatten();
        let nodes = || status["nodes"].as_object().into_iter().flatten();
        let behind = nodes().filter(|(_, node)| node["current"] != true);
        Ok(Standing {
            revision: status["revision"].as_u64().unwrap_or_default(),
            fabric_id: u128::from_str_radix(id, 16).unwrap_or_default(),
            addresses: workloads.map(|(name, one)| (name.clone(), addresses(one))).collect(),
            behind: behind.map(|(name, _)| name.clone()).collect(),
            refused: nodes()
                .flat_map(|(_, node)| list(&node["refused"]))
                .map(refused_words)
                .collect(),
        })
    }

    /// The files of a revision, and what it has from the API.
    pub(crate) fn sources(&self, revision: u64, asker: Asker<'_>) -> Result<Sources, LabError> {
        let answer = self.ask(&["history", &revision.to_string(), "--json"], asker)?;
        let revision = parsed(&answer)?;
        let sources = &revision["sources"];
        let texts = sources["texts"].as_object().into_iter().flatten();
        let text = |text: &Value| text.as_str().unwrap_or_default().to_owned();
        Ok(Sources {
            files: strings(&sources["roots"]),
            texts: texts.map(|(name, one)| (name.clone(), text(one))).collect(),
            api: revision["api"].as_str().map(str::to_owned),
        })
    }

    /// A token with which any machine may join, for ten minutes.
    pub(crate) fn token(&self, asker: Asker<'_>) -> Result<String, LabError> {
        let words = ["token", "create", "--reusable", "--expires", "10m"];
        Ok(self.ask(&words, asker)?.trim().to_owned())
    }

    /// Forgets a node whose machine is gone.
    pub(crate) fn remove(&self, node: &str, asker: Asker<'_>) -> Result<(), LabError> {
        self.ask(&["remove", node], asker).map(drop)
    }

    /// Lets a machine join as its user would: in its namespace, with the token as input.
    pub(crate) fn join(
        &self,
        (node, machine): (&str, &Machine),
        namespace: &NamespaceHandle,
        (token, port): (&str, u16),
    ) -> Result<Child, LabError> {
        let port = port.to_string();
        let words = ["join", "-", "--no-start", "--name", node, "--port", &port];
        let mut command = machine.command(&self.executable, &words);
        command.stdin(Stdio::piped());
        let options = SpawnOptions { resolv_conf: None, die_with_parent: true };
        let mut child = spawn_in(namespace, command, &options)?;
        if let Some(mut input) = child.stdin.take() {
            // One that has ended already says why.
            let _ = input.write_all(token.as_bytes());
        }
        Ok(child)
    }

    /// The dashboard's address, if it has one.
    pub(crate) fn dashboard(&mut self, asker: Asker<'_>) -> Result<Option<String>, LabError> {
        if !self.has_dashboard {
            return Ok(None);
        }
        let now = monotonic_now();
        if let Some((address, made)) = &self.address
            && now - *made < ADDRESS_TIME
        {
            return Ok(Some(address.clone()));
        }
        self.wait(asker)?;
        let answer = parsed(&self.ask(&["dashboard", "--json"], asker)?)?;
        let address = answer["address"].as_str().unwrap_or_default().to_owned();
        self.address = Some((address.clone(), now));
        Ok(Some(address))
    }
}

/// What a command that failed says.
pub(crate) fn words_of(output: &Output) -> String {
    let said = text(&output.stderr);
    let said = said.trim();
    if said.is_empty() {
        output.status.to_string()
    } else {
        said.trim_start_matches("error: ").to_owned()
    }
}

fn parsed(text: &str) -> Result<Value, LabError> {
    serde_json::from_str(text).map_err(|error| LabError::io("read an answer", error.into()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn strings(value: &Value) -> Vec<String> {
    list(value).filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

fn refused_words(refused: &Value) -> String {
    let word = |key: &str| refused[key].as_str().unwrap_or_default();
    format!("{} refuses {}: {}", word("node"), word("what"), word("reason"))
}

/// `+ a, b -> c: tcp 80` for what opens, the same with `-` for what closes.
fn flow_words(flow: &Value) -> Vec<String> {
    let (from, to) = (strings(&flow["from"]).join(", "), flow["to"].as_str().unwrap_or_default());
    let line = |sign: &str, key: &str| {
        let what = strings(&flow[key]);
        (!what.is_empty()).then(|| format!("{sign} {from} -> {to}: {}", what.join(", ")))
    };
    [line("+", "opened"), line("-", "closed")].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn flows_and_refusals_are_told_in_a_line_each() {
        let flow = json!({ "from": ["a", "b"], "to": "c", "opened": ["tcp 80"], "closed": [] });
        assert_eq!(flow_words(&flow), ["+ a, b -> c: tcp 80"]);
        let flow = json!({ "from": ["a"], "to": "c", "opened": ["icmp"], "closed": ["tcp 80"] });
        assert_eq!(flow_words(&flow), ["+ a -> c: icmp", "- a -> c: tcp 80"]);
        let refused = json!({ "node": "one", "what": "the change", "reason": "too many" });
        assert_eq!(refused_words(&refused), "one refuses the change: too many");
    }
}
