//! What is said over the agent's socket: one line of JSON for a request, one for its answer.

mod translation;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
pub use translation::{SOURCE_PORTS_MAX, TranslationStatus};

/// Name of the socket, in the node's state folder.
pub const SOCKET: &str = "agent.sock";

/// A request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// How the node is doing.
    Status,
    /// What only the agent knows, for somebody who looks for what is wrong. Nothing is changed.
    Examine,
}

/// An answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// To [`Request::Examine`].
    Examined(Box<Examined>),
    /// The request failed; nothing or only the beginning of it took effect.
    Error(String),
}

/// How a node is doing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    /// The node.
    pub node: String,
    /// The fabric.
    #[serde(default)]
    pub fabric: String,
    /// The commit of control's store that it holds; 0 before the first.
    #[serde(default)]
    pub commit: u64,
    /// Its address in the fabric.
    pub address: Option<IpAddr>,
    /// Networks by name.
    pub networks: BTreeMap<String, NetworkStatus>,
    /// What the tunnels of all networks have carried.
    #[serde(default)]
    pub tunnels: TunnelTotals,
    /// Workloads by name.
    pub workloads: BTreeMap<String, WorkloadStatus>,
    /// How the link to control is doing, for a node that has joined.
    #[serde(default)]
    pub control: Option<String>,
    /// What others changed, and what was done about it.
    #[serde(default)]
    pub drift: DriftStatus,
    /// Where packets leave the fabric here: how full the tables of connections are in which their sources are translated,
    /// by network; that of the node's own stack is `(host)`.
    #[serde(default)]
    pub translation: BTreeMap<String, TranslationStatus>,
    /// The last error, if what is in force is not what was asked for.
    pub error: Option<String>,
}

/// What only the agent knows, for somebody who looks for what is wrong.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Examined {
    /// What the kernel holds otherwise than planned, in words.
    pub differences: Vec<String>,
    /// Prefixes of the fabric.
    pub prefixes: Vec<String>,
    /// When control signed what the node holds, in milliseconds since 1970.
    pub signed_ms: Option<u64>,
    /// How far this host's clock was ahead of control's when control last greeted the node, in milliseconds; less
    /// than nothing where it was behind.
    #[serde(default)]
    pub clock_ahead_ms: Option<i64>,
    /// Largest inner packet.
    pub tunnel_mtu_bytes: u32,
    /// Resolvers by network.
    pub resolvers: BTreeMap<String, Examination>,
    /// Links by which networks leave the fabric through the host's own stack, by network.
    #[serde(default)]
    pub uplinks: BTreeMap<String, Uplink>,
}

/// A link by which a network leaves the fabric.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uplink {
    /// Its name on the host's own stack.
    pub link: String,
    /// Whether IPv6 passes too.
    pub has_ipv6: bool,
}

/// What to ask a network's resolvers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Examination {
    /// Path of the network's namespace.
    pub namespace: String,
    /// Where they listen.
    pub servers: Vec<IpAddr>,
    /// A workload's and a node's name, and what they must say.
    pub names: BTreeMap<String, Vec<IpAddr>>,
}

/// What others changed of what the node holds, and what was done about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftStatus {
    /// How often something was found that was not as planned.
    pub count: u64,
    /// How often namespaces were looked for.
    pub looks: u64,
    /// How often plan and kernel were compared.
    pub checks: u64,
    /// In how many namespaces the kernel tells of changes.
    pub watched: usize,
    /// The last events, the oldest first.
    pub events: Vec<DriftEvent>,
}

/// Something that was not as planned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftEvent {
    /// When it was mended, in milliseconds since 1970.
    pub time_ms: u64,
    /// What was found.
    pub found: Vec<String>,
    /// Who did it, as far as the kernel says.
    pub by: Vec<DriftAuthor>,
    /// What was done.
    pub done: Vec<String>,
    /// Why it could not be mended, if it could not.
    pub error: Option<String>,
    /// How often the same was found, where it could not be mended.
    pub times: u64,
}

/// A process that changed what the node holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftAuthor {
    /// Its process id.
    pub pid: u32,
    /// Its name, if it was still there to be asked.
    pub name: Option<String>,
}

impl DriftStatus {
    /// Leaves only the newest events.
    pub fn shorten(&mut self, events_max: usize) {
        let older = self.events.len().saturating_sub(events_max);
        self.events.drain(..older);
    }
}

impl fmt::Display for DriftAuthor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} (process {})", self.pid),
            None => write!(f, "process {}", self.pid),
        }
    }
}

/// How a network is doing on a node.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NetworkStatus {
    /// Path of its namespace.
    pub namespace: String,
    /// `tun`, or `stand-in` where TUN cannot be had.
    pub tunnel: String,
    /// Peers by node.
    pub peers: BTreeMap<String, PeerStatus>,
    /// Stock peers that the node has, by the name of their workload.
    #[serde(default)]
    pub stock_peers: BTreeMap<String, PeerStatus>,
    /// Packets dropped by policy, by reason.
    pub denied: BTreeMap<String, u64>,
}

/// How a peer is doing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Where it was last heard from, or is to be called.
    pub endpoint: Option<SocketAddr>,
    /// Whether packets can be sent at once.
    pub has_session: bool,
    /// Whether this node keeps the session open by itself.
    pub keepalive: bool,
    /// Handshakes completed.
    pub handshakes: u64,
    /// Seconds since the last one.
    #[serde(default)]
    pub handshake_age_s: Option<u64>,
    /// Bytes received, inner.
    pub rx_bytes: u64,
    /// Bytes sent, inner.
    pub tx_bytes: u64,
    /// What its session is sealed with.
    #[serde(default)]
    pub cipher: Option<String>,
    /// Why that is chosen.
    #[serde(default)]
    pub cipher_reason: String,
    /// The largest inner packet that the path takes, once probes have shown it.
    #[serde(default)]
    pub path_mtu_bytes: Option<u64>,
    /// The smoothed round trip of probes.
    #[serde(default)]
    pub round_trip_us: Option<u64>,
    /// How datagrams are given to the kernel: `pieces`, `equal pieces` where shorter ends do not arrive, `apart`
    /// where pieces do not arrive whole.
    #[serde(default)]
    pub segmentation: Option<String>,
    /// How often pieces to the peer were found not to arrive whole.
    #[serde(default)]
    pub segmentation_faults: u64,
    /// Whether its session has a preshared key of ML-KEM-768.
    #[serde(default)]
    pub has_post_quantum_key: bool,
    /// How many such keys were agreed upon.
    #[serde(default)]
    pub key_exchanges: u64,
    /// Its key in base64, for a stock peer; none as long as it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// Addresses and prefixes of a stock peer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
}

/// What the tunnels of a node have carried since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelTotals {
    /// Packets from networks that were sealed.
    pub sealed_packets: u64,
    /// Packets for networks that came out of tunnels.
    pub opened_packets: u64,
    /// Packets dropped by the engine and its driver, by reason.
    pub drops: BTreeMap<String, u64>,
    /// How many packets were carried at once, by way: `from_devices`, `to_devices`, `from_port`, `to_port`.
    pub batches: BTreeMap<String, Batches>,
    /// What the kernel does for batches: `send` at the port, `NETWORK tcp` and `NETWORK udp` at devices.
    pub offloads: BTreeMap<String, bool>,
}

/// How large batches of packets were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batches {
    /// How many had 1 packet, 2 and 3, 4 to 7, and so on; the last number counts all larger ones.
    pub counts: Vec<u64>,
    /// How many packets all of them had.
    pub packets: u64,
}

/// How a workload is doing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct WorkloadStatus {
    /// Path of its namespace; none for what is on the node's own stack.
    pub namespace: Option<String>,
    /// File that it sees as `/etc/resolv.conf`.
    pub resolv_conf: String,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
    /// `running`, `restarting`, `attached`, `absent`, or what a stock peer is doing.
    pub state: String,
    /// What happened last, where something did.
    pub detail: Option<String>,
    /// Process ids of what runs for it.
    pub processes: Vec<u32>,
    /// How often it was started again.
    pub restarts: u64,
    /// How many starts in a row came to nothing: it ended soon, or could not be started.
    #[serde(default)]
    pub in_vain: u64,
    /// The command that brings it here, or shows why it cannot be, for what is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}
