//! What is said over a lab's socket: one line of JSON for a request, then lines of progress, then the end.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Bring a fabric up. The lab ends if the asker goes away before the end.
    Up(Sources),
    /// Change to another state of the fabric.
    Apply(Sources),
    /// How everything is doing.
    Status,
    /// Run the fabric's tests on packets again.
    Test,
    /// End the lab.
    Down,
}

/// A fabric's files, as they were when the user gave them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sources {
    /// Absolute paths of the files that were named.
    pub files: Vec<String>,
    /// Texts by absolute path, of these and of what they include.
    pub texts: BTreeMap<String, String>,
    /// What is in force beside them that was declared over the API of the lab's control. Who asks for a
    /// change leaves it out: the lab knows.
    #[serde(default)]
    pub api: Option<String>,
}

/// A line of an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// What is being done.
    Progress(String),
    /// The end: what is there.
    Done(Box<Report>),
    /// The end: why it failed.
    Failed(String),
}

/// What a lab holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// The fabric's name.
    pub fabric: String,
    /// Nodes by name.
    pub nodes: BTreeMap<String, NodeReport>,
    /// Workloads by name.
    pub workloads: BTreeMap<String, WorkloadReport>,
    /// Results of the file's tests on real packets.
    pub tests: Vec<TestReport>,
    /// Names that were looked up and answered rightly, and all that should be.
    pub names: (usize, usize),
    /// What went wrong with names.
    pub name_errors: Vec<String>,
    /// After an apply: operations by node.
    pub operations: BTreeMap<String, Vec<String>>,
    /// After an apply: flows that open or close.
    #[serde(default)]
    pub flows: Vec<String>,
    /// What was declared over the API of the lab's control, if anything was.
    #[serde(default)]
    pub api: Option<String>,
    /// The machine on which control runs: a node, or `internet`.
    #[serde(default)]
    pub control: String,
    /// Address of the dashboard, as a browser on the host opens it; none where nothing could be
    /// listened on.
    #[serde(default)]
    pub dashboard: Option<String>,
}

/// A node.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NodeReport {
    /// Its region.
    pub region: String,
    /// Whether it is behind a translator.
    pub nat: bool,
    /// Its address in the fabric.
    pub address: Option<IpAddr>,
    /// Path of its namespace.
    pub namespace: String,
    /// Path of its agent's socket.
    pub socket: String,
    /// Folder of what it keeps over restarts: `--state` of commands there.
    #[serde(default)]
    pub state_folder: String,
    /// Folder of what exists while it runs: `--run` of commands there.
    #[serde(default)]
    pub run_folder: String,
    /// Sessions that are up, and peers, over all networks.
    pub sessions: (usize, usize),
    /// Kind of its tunnel devices.
    pub tunnel: String,
    /// `running`, or what is wrong.
    pub state: String,
}

/// A workload.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct WorkloadReport {
    /// Its node.
    pub node: String,
    /// Its network.
    pub network: String,
    /// Its whole name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// What it is, in words.
    pub attach: String,
    /// Path of its namespace (of a host's workload: the node's).
    pub namespace: String,
    /// File that it sees as `/etc/resolv.conf`.
    pub resolv_conf: Option<String>,
    /// How it is doing.
    pub state: String,
}

/// A test's result.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TestReport {
    /// What was tried, in words.
    pub what: String,
    /// Whether packets should arrive.
    pub expected: bool,
    /// What the engine says.
    pub engine: bool,
    /// Whether packets did arrive.
    pub arrived: bool,
    /// Whether every pair of addresses was tried, and did what the engine says of it.
    pub as_said: bool,
    /// What was seen.
    pub detail: String,
    /// Where the test stands.
    pub place: String,
}

impl TestReport {
    /// Whether promise, engine and packets agree.
    pub fn holds(&self) -> bool {
        self.expected == self.arrived && self.engine == self.arrived && self.as_said
    }
}
