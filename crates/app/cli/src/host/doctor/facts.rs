//! What the doctor has seen of a host, as plain data.

use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// Everything that is judged. What could not be seen is `None`, or in `unseen`.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) is_root: bool,
    /// The arguments of this command that others need too.
    pub(super) host_arguments: String,
    /// Whether this host is a machine of a lab, which starts again what ends there.
    pub(super) is_in_lab: bool,
    /// Whether nothing of the fabric runs here since it was stopped, or the host restarted.
    pub(super) is_stopped: bool,
    pub(super) facilities: Vec<Facility>,
    pub(super) folders: Vec<Folder>,
    pub(super) daemons: Vec<Daemon>,
    /// Whether the supervisor that has started them runs still; `None` if it cannot be seen, or something else
    /// starts them.
    pub(super) is_supervised: Option<bool>,
    /// Workloads of this node that it runs, or waits for; `None` if no agent could be asked.
    pub(super) workloads: Option<Vec<Workload>>,
    pub(super) ports: Vec<Port>,
    pub(super) clock: Clock,
    pub(super) members: Vec<Member>,
    /// How the agent's link to control is doing, in words.
    pub(super) link: Option<String>,
    /// Of this program, of control.
    pub(super) versions: Option<(String, String)>,
    pub(super) peers: Vec<Peer>,
    pub(super) names: Vec<NameAnswer>,
    /// What the kernel holds otherwise than planned; `None` if no agent could be asked.
    pub(super) differences: Option<Vec<String>>,
    /// Prefixes of the fabric.
    pub(super) prefixes: Vec<IpNet>,
    pub(super) foreign_routes: Vec<ForeignRoute>,
    /// `None` if the kernel does not show them to us.
    pub(super) chains: Option<Vec<ForeignChain>>,
    /// Links by which networks leave the fabric through this host's own stack.
    pub(super) uplinks: Vec<Uplink>,
    pub(super) blocked: Vec<Blocked>,
    pub(super) ways: Vec<Way>,
    /// Largest inner packet.
    pub(super) tunnel_mtu_bytes: u32,
    /// `net/…` of the host's own stack.
    pub(super) sysctls: BTreeMap<String, String>,
    /// What the agent says is wrong.
    pub(super) agent_error: Option<String>,
    /// How often something was mended that others had changed.
    pub(super) mended: u64,
}

impl Facts {
    /// What has something run again that does not: the solution, and its command.
    pub(super) fn starting(&self) -> (&'static str, String) {
        if self.is_in_lab {
            let solution = "the lab starts it again; if it stays, the lab's status says why";
            return (solution, "netloom lab status".to_owned());
        }
        let command = format!("netloom start{}", self.host_arguments);
        ("start what this host has of the fabric", command)
    }
}

/// A facility of the kernel, as tried.
#[derive(Clone, Debug)]
pub(super) struct Facility {
    pub(super) name: String,
    /// Whether a node cannot do without.
    pub(super) is_needed: bool,
    /// Why it is not there.
    pub(super) missing: Option<String>,
    /// What gets it, or shows whether the kernel was built with it.
    pub(super) command: &'static str,
}

/// A folder of the fabric's.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    pub(super) path: String,
    /// Its permissions; `None` if it cannot be seen.
    pub(super) mode: Option<u32>,
    /// Bytes that may still be written.
    pub(super) free_bytes: Option<u64>,
}

/// A daemon that takes calls and says nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    /// Its process, if that is found.
    pub(super) process: Option<u32>,
}

/// A daemon that should run here.
#[derive(Clone, Debug)]
pub(super) struct Daemon {
    pub(super) name: &'static str,
    /// Whether it takes calls; `None` if that cannot be seen.
    pub(super) runs: Option<bool>,
    /// Whether it takes calls and says nothing.
    pub(super) silence: Option<Silence>,
    pub(super) log: String,
    /// The newest line of its log.
    pub(super) last_line: String,
}

/// A workload of this node.
#[derive(Clone, Debug)]
pub(super) struct Workload {
    pub(super) name: String,
    /// `running`, `restarting`, `attached`, `absent`.
    pub(super) state: String,
    /// What happened last.
    pub(super) detail: String,
    /// How many starts in a row came to nothing.
    pub(super) in_vain: u64,
    /// What brings it here, if it is absent.
    pub(super) command: String,
    pub(super) log: String,
    /// The newest line of its log.
    pub(super) last_line: String,
}

/// A port that this host's part of the fabric needs.
#[derive(Clone, Debug)]
pub(super) struct Port {
    pub(super) what: &'static str,
    pub(super) protocol: &'static str,
    pub(super) number: u16,
    pub(super) holder: Holder,
}

/// Who holds a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// Nobody.
    Nobody,
    /// The daemon that is to.
    Ours,
    /// Somebody else.
    Other {
        /// Process id and name, where they can be seen.
        process: Option<(u32, String)>,
    },
}

/// What is known of time, each in milliseconds since 1970.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    /// This host's.
    pub(super) now_ms: u64,
    /// When control signed what the node holds: the clock cannot be before.
    pub(super) signed_ms: Option<u64>,
    /// How far it was ahead of control's when control last greeted the node; less than nothing where it was behind.
    pub(super) ahead_ms: Option<i64>,
    /// From when until when the node's certificate is valid.
    pub(super) certificate_ms: Option<(u64, u64)>,
}

/// A member of control, tried.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) endpoint: String,
    pub(super) reached: Reached,
}

/// How far one came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// Control has proved that it is control.
    Secure,
    /// It answers, and not as control should.
    Open(String),
    /// It does not answer.
    Shut(String),
}

/// A peer of a network.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) network: String,
    pub(super) name: String,
    pub(super) endpoint: Option<SocketAddr>,
    pub(super) has_session: bool,
    pub(super) keepalive: bool,
    /// Seconds since the last handshake.
    pub(super) handshake_age_s: Option<u64>,
}

/// What a network's resolver said.
#[derive(Clone, Debug)]
pub(super) struct NameAnswer {
    pub(super) network: String,
    pub(super) server: IpAddr,
    pub(super) name: String,
    /// Why there is no answer, or not the planned one.
    pub(super) wrong: Option<String>,
}

/// A route of somebody else's on the host's own stack.
#[derive(Clone, Debug)]
pub(super) struct ForeignRoute {
    pub(super) destination: IpNet,
    pub(super) link: String,
}

/// A base chain of somebody else's that drops what it does not allow.
#[derive(Clone, Debug)]
pub(super) struct ForeignChain {
    pub(super) family: String,
    pub(super) table: String,
    pub(super) chain: String,
    /// `input` or `forward`.
    pub(super) hook: String,
}

/// A link by which a network leaves the fabric through the host's own stack.
#[derive(Clone, Debug)]
pub(super) struct Uplink {
    pub(super) network: String,
    pub(super) link: String,
    /// Whether IPv6 passes too.
    pub(super) has_ipv6: bool,
}

/// A chain of somebody else's that drops what a gateway of this node forwards.
#[derive(Clone, Debug)]
pub(super) struct Blocked {
    pub(super) family: String,
    pub(super) table: String,
    pub(super) chain: String,
    /// Whether the table has the chain that Docker keeps for others' rules.
    pub(super) has_docker_user: bool,
    pub(super) network: String,
    pub(super) link: String,
    /// Not if a rule may allow it that is not understood here.
    pub(super) is_certain: bool,
}

/// The way to a peer's endpoint.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) peer: String,
    pub(super) endpoint: SocketAddr,
    /// The link and its largest packet; `None` if there is no way.
    pub(super) link: Option<(String, u32)>,
}
