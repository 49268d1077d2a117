//! Looks at the host: nothing is changed, and nothing takes long.

use super::facts::{
    Clock, Daemon, Facility, Facts, Folder, Holder, Member, Port, Reached, Silence, Workload,
};
use super::sockets::Sockets;
use super::{gather_network, sockets};
use crate::host::place::Place;
use crate::host::{down, membership, status, supervise, up, wait_for};
use netloom_agent::protocol::{Answer, Request, Status, WorkloadStatus};
use netloom_agent::reach::{Reach, Tried, try_control};
use netloom_sys::facility::{self, Facility as Kind, Finding as Found};
use netloom_sys::{disk, process, unix_socket};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::timeout;

/// Characters that a log's line may have in a finding.
const LAST_LINE_MAX: usize = 300;
/// How long control may take to answer.
const CONTROL_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of a log's end is read: of a workload it may be as long as it likes.
const LOG_END_BYTES: u64 = 16 << 10;

/// Everything that can be seen of a fabric on this host.
pub(super) fn gather(place: &Place, arguments: String, is_in_lab: bool) -> Facts {
    let sockets = Sockets::read();
    let is_stopped = membership::is_stopped(place);
    let mut facts = Facts {
        is_root: process::effective_user() == 0,
        host_arguments: arguments,
        is_in_lab,
        facilities: facilities(),
        is_stopped,
        folders: folders(place, is_stopped),
        clock: Clock { now_ms: now_ms(), ..Clock::default() },
        ..Facts::default()
    };
    daemons(place, &mut facts);
    control(place, &sockets, &mut facts);
    agent(place, &mut facts);
    gather_network::gather(place, &mut facts);
    facts
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn facilities() -> Vec<Facility> {
    let one = |probe: facility::Probe| {
        let missing = match probe.finding {
            Found::Present => None,
            Found::Absent { reason } => Some(reason),
            Found::Untried { needs } => Some(format!("it needs {needs}")),
        };
        // The others serve labs, captures and older kernels.
        let is_needed = matches!(
            probe.facility,
            Kind::NetworkNamespaces | Kind::Veth | Kind::NfTables | Kind::Conntrack
        );
        let command = command(probe.facility);
        Facility { name: probe.facility.to_string(), is_needed, missing, command }
    };
    facility::probe().into_iter().map(one).collect()
}

/// What gets a facility, or shows whether the kernel was built with it.
fn command(facility: Kind) -> &'static str {
    match facility {
        Kind::UserNamespaces => "sysctl -w user.max_user_namespaces=10000",
        Kind::NetworkNamespaces => "grep CONFIG_NET_NS= /boot/config-$(uname -r)",
        Kind::Veth => "modprobe veth",
        Kind::Tun | Kind::TunStandIn => "modprobe tun",
        Kind::NfTables | Kind::TableOwnership => "modprobe nf_tables",
        Kind::Conntrack => "modprobe nf_conntrack_netlink",
        Kind::Echo => "sysctl -w net.ipv4.ping_group_range='0 2147483647'",
        Kind::PacketSockets => "modprobe af_packet",
    }
}

/// What is within these is closed by them.
fn folders(place: &Place, is_stopped: bool) -> Vec<Folder> {
    let one = |path: &PathBuf| Folder {
        path: path.display().to_string(),
        mode: std::fs::metadata(path).ok().map(|found| found.permissions().mode() & 0o777),
        free_bytes: disk::free_bytes(path).ok(),
    };
    // What is there only while it runs is not missed.
    let run = Some(place.run()).filter(|_| !is_stopped);
    [Some(place.state()), run].iter().flatten().map(one).collect()
}

fn daemons(place: &Place, facts: &mut Facts) {
    let is_in_lab = facts.is_in_lab;
    let answers = |path: &Path| match unix_socket::connect(path) {
        Ok(_) => Some(true),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => None,
        Err(_) => Some(false),
    };
    let mut add = |name, of: &str, socket: &Path| {
        let log = match is_in_lab {
            true => place.state_root.with_file_name(format!("{of}.log")),
            false => place.log(of),
        };
        let (runs, last_line) = (answers(socket), last_line(&log));
        let log = log.display().to_string();
        facts.daemons.push(Daemon { name, runs, silence: None, log, last_line });
    };
    if place.control().exists() {
        add("control", "control", &place.control_socket());
    }
    if place.node().exists() {
        add("agent", "node", &place.node().join("agent.sock"));
    }
    // Where it is not named, it was never started: systemd or a lab starts the daemons themselves.
    let is_named = place.supervisor_id().exists();
    let is_running = || supervise::running(place).is_some();
    // What a lab has is over with the lab.
    facts.is_supervised = if facts.is_in_lab { Some(true) } else { is_named.then(is_running) };
}

/// The newest line of a log that says something.
fn last_line(log: &Path) -> String {
    let mut bytes = Vec::new();
    if let Ok(mut file) = std::fs::File::open(log) {
        let length = file.metadata().map_or(0, |found| found.len());
        let _ = file.seek(SeekFrom::Start(length.saturating_sub(LOG_END_BYTES)));
        // What cannot be read says nothing.
        let _ = file.take(LOG_END_BYTES).read_to_end(&mut bytes);
    }
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    // It does nothing to the terminal.
    line.replace(char::is_control, " ").chars().take(LAST_LINE_MAX).collect()
}

/// What the agent says of the node, if it takes calls.
fn agent(place: &Place, facts: &mut Facts) {
    if !facts.daemons.iter().any(|one| one.name == "agent" && one.runs == Some(true)) {
        return;
    }
    match status::ask_agent(place, &Request::Status) {
        Ok(Answer::Status(own)) => {
            facts.workloads = Some(workloads(place, &own));
            facts.link = own.control;
            facts.agent_error = own.error;
            facts.mended = own.drift.count;
            facts.peers = gather_network::peers(&own.networks);
        }
        Ok(Answer::Error(why)) => facts.agent_error = Some(why),
        Ok(Answer::Examined(_)) => {}
        // One that hangs is still called, by the kernel's queue.
        Err(error) if has_said_nothing(&error) => is_silent(place, facts, "agent", "node"),
        Err(error) => facts.agent_error = Some(format!("{error:#}")),
    }
}

/// Whether an answer was waited for in vain. One that hangs up is ending, and may be started anew by now.
fn has_said_nothing(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    matches!(kind, Some(ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

/// Notes that a daemon, which is the process `kind`, says nothing.
fn is_silent(place: &Place, facts: &mut Facts, name: &str, kind: &str) {
    let process = down::processes(place, kind).unwrap_or_default().first().copied();
    for daemon in facts.daemons.iter_mut().filter(|one| one.name == name) {
        daemon.silence = Some(Silence { process });
    }
}

fn workloads(place: &Place, own: &Status) -> Vec<Workload> {
    // Nothing of a stock peer runs here: it is told with its network.
    let is_peer = |name| own.networks.values().any(|one| one.stock_peers.contains_key(name));
    let one = |(name, one): (&String, &WorkloadStatus)| {
        let log = place.run().join("logs").join(name);
        Workload {
            name: name.clone(),
            state: one.state.clone(),
            detail: one.detail.clone().unwrap_or_default(),
            in_vain: one.in_vain,
            command: one.command.clone().unwrap_or_default(),
            last_line: last_line(&log),
            log: log.display().to_string(),
        }
    };
    own.workloads.iter().filter(|(name, _)| !is_peer(*name)).map(one).collect()
}

/// Whether control has got the dashboard's socket from who has started it.
fn is_given_dashboard(place: &Place) -> bool {
    let is_given = |id: &u32| {
        let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == b"--dashboard-stdin")
    };
    down::processes(place, "control").unwrap_or_default().iter().any(is_given)
}

fn control(place: &Place, sockets: &Sockets, facts: &mut Facts) {
    let runs = |name: &str| {
        facts.daemons.iter().any(|daemon| daemon.name == name && daemon.runs == Some(true))
    };
    let (has_agent, has_control) = (runs("agent"), runs("control"));
    let port = |what, protocol, number, is_up, sockets: &Sockets| {
        let holder = match sockets.holder(protocol, number) {
            sockets::Held::Nobody => Holder::Nobody,
            sockets::Held::By(pid, _) if sockets::is_daemon(pid, place) => Holder::Ours,
            sockets::Held::By(pid, name) => Holder::Other { process: Some((pid, name)) },
            // Who may not look at it takes it for the one that answers.
            sockets::Held::Unseen if is_up => Holder::Ours,
            sockets::Held::Unseen => Holder::Other { process: None },
        };
        Port { what, protocol, number, holder }
    };
    if let Ok(settings) = up::read_settings(place) {
        facts.ports.push(port("control", "tcp", settings.listen.port(), has_control, sockets));
        if let Some(dashboard) = settings.dashboard {
            let mut found = port("dashboard", "tcp", dashboard.port(), has_control, sockets);
            if is_given_dashboard(place) {
                // It listens elsewhere: a socket keeps the namespace that it was made in.
                found.holder = Holder::Ours;
            }
            // A lab's is made with the lab, outside of it.
            facts.ports.extend(Some(found).filter(|_| has_control || !facts.is_in_lab));
        }
        let status = async { Ok(timeout(CONTROL_TIMEOUT, place.client().status()).await) };
        match wait_for(status) {
            Ok(Ok(Ok(status))) => {
                let own = format!("netloom {}", env!("CARGO_PKG_VERSION"));
                facts.versions = Some((own, status.software));
            }
            Ok(Err(_)) => is_silent(place, facts, "control", "control"),
            // That it does not answer is told already.
            Ok(Ok(Err(_))) | Err(_) => {}
        }
    }
    let Ok(Tried { facts: joined, certificate_ms, members }) = try_control(&place.node()) else {
        return;
    };
    facts.ports.push(port("tunnels", "udp", joined.listen_port, has_agent, sockets));
    facts.clock.certificate_ms = certificate_ms;
    // Control that is stopped with the node is told of already.
    if facts.is_stopped && place.control().exists() {
        return;
    }
    facts.members = members
        .into_iter()
        .map(|(endpoint, reach)| {
            let reached = match reach {
                Reach::Secure => Reached::Secure,
                Reach::Open(why) => Reached::Open(why),
                Reach::Shut(why) => Reached::Shut(why),
            };
            Member { endpoint, reached }
        })
        .collect();
}
