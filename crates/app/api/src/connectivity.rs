//! Who reaches whom: the matrix that policy gives, and real packets compared with it.

use serde::{Deserialize, Serialize};

/// `POST /v1/connectivity`: sends real packets from a workload or a node, and compares.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestConnectivity {
    /// Who sends: a workload or a node.
    pub from: String,
    /// Who is called: a workload, a node, or an address.
    pub to: String,
    /// What is tried: `5432/tcp`, `53/udp`, `icmp`, or a name of the service port table; an echo request and
    /// what the other end is known to serve if none are given.
    #[serde(default)]
    pub flows: Vec<String>,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Connectivity {
    /// The node that has sent.
    pub node: String,
    /// As asked.
    pub from: String,
    /// As asked.
    pub to: String,
    /// Each flow, once for each family that both ends have.
    pub flows: Vec<FlowTried>,
}

/// What came of one flow.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FlowTried {
    /// `5432/tcp`, `53/udp` or `icmp`.
    pub flow: String,
    /// Address that it comes from.
    pub source: String,
    /// Address that it goes to.
    pub destination: String,
    /// Whether `netloom explain` says that it passes.
    pub allowed: bool,
    /// The step that stops it, if one does, with the line of the file.
    pub obstacle: Option<String>,
    /// What the packets saw: `answered`; `refused` by the host that was reached; `silent`; `stopped` by somebody on
    /// the way; `untried` where they could not be sent.
    pub seen: String,
    /// The same in words.
    pub detail: String,
    /// Whether both say the same; nothing where that cannot be told, as of datagrams that nobody answers.
    pub agrees: Option<bool>,
}

/// `GET /v1/matrix`: who reaches whom in the whole fabric, as policy and ways have it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Matrix {
    /// The revision that it is of.
    pub revision: u64,
    /// Ends that are treated alike: workloads, nodes, prefixes behind nodes, the internet.
    pub classes: Vec<MatrixClass>,
    /// What passes between two of them; nothing is said of a class that has one member and itself, nor of two outside.
    pub cells: Vec<MatrixCell>,
    /// Classes of nodes and of prefixes behind nodes that are left out, because there are too many.
    pub left_out: usize,
}

/// Ends that are treated alike.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MatrixClass {
    /// What they are: `workloads`, `nodes`, `behind a node` or `internet`.
    pub kind: String,
    /// Their names, or prefixes.
    pub members: Vec<String>,
    /// The network of workloads.
    pub network: Option<String>,
    /// The subnet of workloads.
    pub subnet: Option<String>,
    /// Their groups.
    pub security_groups: Vec<String>,
}

/// What passes from members of one class to those of another.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MatrixCell {
    /// Place of the senders' class among the classes, from 0.
    pub from: usize,
    /// Place of the receivers' class.
    pub to: usize,
    /// What passes over IPv4, in words; none if the two have no such addresses.
    pub ipv4: Option<Vec<String>>,
    /// What passes over IPv6.
    pub ipv6: Option<Vec<String>>,
    /// Why nothing does, if no policy but the way is the reason.
    pub obstacle: Option<String>,
}
