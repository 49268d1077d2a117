//! What this host offers, each facility tried for real, with cause and remedy where it is missing.

use crate::icmp::EchoSocket;
use crate::namespace::{self, UserNamespaceRefusal};
use crate::netlink::{NetlinkError, NetlinkSocket, Protocol};
use crate::tunnel::{TunnelDevice, TunnelKind, TunnelPreference};
use crate::{conntrack, nft, packet, route, system};
use netloom_state::nft::Change;
use std::fmt;
use std::io;

/// What Netloom may need of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Facility {
    /// User namespaces: the lab without root.
    UserNamespaces,
    /// Network namespaces made by the caller itself.
    NetworkNamespaces,
    /// veth pairs.
    Veth,
    /// `/dev/net/tun`.
    Tun,
    /// The stand-in for TUN.
    TunStandIn,
    /// nf_tables.
    NfTables,
    /// Tables that only their owner changes, and that outlive it.
    TableOwnership,
    /// Connection tracking over netlink.
    Conntrack,
    /// Echo requests.
    Echo,
    /// Captures.
    PacketSockets,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It works.
    Present,
    /// It does not.
    Absent {
        /// Why, and what to do about it.
        reason: String,
    },
    /// It could not be tried, for lack of another facility.
    Untried {
        /// Which.
        needs: Facility,
    },
}

/// One facility, as the caller has it and as a sandbox has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Which.
    pub facility: Facility,
    /// Whether it was tried inside a new user namespace, as the rootless lab uses it.
    pub sandboxed: bool,
    /// What was found.
    pub finding: Finding,
}

/// Tries every facility as the caller has it. Nothing is left behind: all of it happens in
/// network namespaces of its own.
pub fn probe() -> Vec<Probe> {
    let found = |facility, finding| Probe { facility, sandboxed: false, finding };
    let mut probes = vec![found(Facility::UserNamespaces, probe_user_namespaces())];
    probes.extend(probe_inside(false));
    probes
}

/// Tries what a process that is root in its own user namespace needs. To be called in a sandbox,
/// as [`crate::namespace::spawn_sandbox`] makes it.
pub fn probe_sandboxed() -> Vec<Probe> {
    probe_inside(true)
}

fn probe_inside(sandboxed: bool) -> Vec<Probe> {
    let found = |facility, finding| Probe { facility, sandboxed, finding };
    let namespace = match namespace::anonymous() {
        Ok(namespace) => namespace,
        Err(error) => {
            let reason = error.to_string();
            let mut probes = vec![found(Facility::NetworkNamespaces, Finding::Absent { reason })];
            let needs = Facility::NetworkNamespaces;
            let untried = IN_NAMESPACE.iter();
            probes.extend(untried.map(|one| found(*one, Finding::Untried { needs })));
            return probes;
        }
    };
    let mut probes = vec![found(Facility::NetworkNamespaces, Finding::Present)];
    for facility in IN_NAMESPACE {
        let finding = match facility {
            Facility::Tun => probe_tunnel(&namespace, TunnelKind::Tun),
            Facility::TunStandIn => probe_tunnel(&namespace, TunnelKind::StandIn),
            other => match namespace.run(|| probe_here(other)) {
                Ok(finding) => finding,
                Err(error) => Finding::Absent { reason: error.to_string() },
            },
        };
        probes.push(found(facility, finding));
    }
    probes
}

/// What is tried inside a network namespace.
const IN_NAMESPACE: [Facility; 8] = [
    Facility::Veth,
    Facility::Tun,
    Facility::TunStandIn,
    Facility::NfTables,
    Facility::TableOwnership,
    Facility::Conntrack,
    Facility::Echo,
    Facility::PacketSockets,
];

fn probe_here(facility: Facility) -> Finding {
    match facility {
        Facility::Veth => finding(probe_veth()),
        Facility::NfTables => finding(probe_table().map(drop)),
        Facility::TableOwnership => match probe_table() {
            Ok(true) => Finding::Present,
            Ok(false) => Finding::Absent {
                reason: "this kernel (before 6.9) has no tables that outlive their owner; \
                         tables are plain there, so that a foreign flush removes them"
                    .to_owned(),
            },
            Err(_) => Finding::Untried { needs: Facility::NfTables },
        },
        Facility::Conntrack => finding(
            NetlinkSocket::open(Protocol::Netfilter)
                .and_then(|mut socket| conntrack::dump_flows(&mut socket)),
        ),
        Facility::Echo => finding(EchoSocket::open(false, 1)),
        Facility::PacketSockets => finding(packet::PacketSocket::open("lo")),
        Facility::UserNamespaces
        | Facility::NetworkNamespaces
        | Facility::Tun
        | Facility::TunStandIn => unreachable!("{facility} is not tried inside a namespace"),
    }
}

fn finding(result: Result<impl Sized, impl fmt::Display>) -> Finding {
    match result {
        Ok(_) => Finding::Present,
        Err(error) => Finding::Absent { reason: error.to_string() },
    }
}

fn probe_veth() -> Result<(), NetlinkError> {
    let mut socket = NetlinkSocket::open(Protocol::Route)?;
    let here = namespace::NamespaceHandle::current();
    let here = here.map_err(|error| NetlinkError::Transfer {
        doing: "namespace query",
        source: io::Error::other(error),
    })?;
    route::create_veth(&mut socket, "probe0", "probe1", std::os::fd::AsFd::as_fd(&here))?;
    route::delete_link(&mut socket, "probe0")
}

/// Makes and removes a table; gives whether it could be owned and persistent.
fn probe_table() -> Result<bool, nft::TransactionError> {
    const TABLE: &str = "netloom-probe";
    let mut socket = NetlinkSocket::open(Protocol::Netfilter)?;
    nft::commit(&mut socket, TABLE, "netloom:probe", &[Change::AddTable])?;
    let ownership = nft::find_table(&mut socket, TABLE)?;
    nft::commit(&mut socket, TABLE, "netloom:probe", &[Change::DeleteTable])?;
    Ok(ownership.is_some_and(|table| table.owner.is_some() && table.persist))
}

fn probe_tunnel(namespace: &namespace::NamespaceHandle, kind: TunnelKind) -> Finding {
    finding(TunnelDevice::create(namespace, "probe2", TunnelPreference::Only(kind)))
}

/// Tries in a child, since a process with several threads may not enter a user namespace.
fn probe_user_namespaces() -> Finding {
    match in_child(|| {
        // SAFETY: no pointers are passed.
        system::check(unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) }).map(drop)
    }) {
        Ok(()) => Finding::Present,
        Err(source) => {
            Finding::Absent { reason: UserNamespaceRefusal::explain(source).to_string() }
        }
    }
}

/// Runs system calls, and nothing else, in a forked child; gives their result.
fn in_child(work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    // SAFETY: the child makes system calls only and ends without running destructors.
    let child = system::check(unsafe { libc::fork() })?;
    if child == 0 {
        let errno = work().err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO));
        // SAFETY: ends the child; error numbers that occur here are below 256.
        unsafe { libc::_exit(errno) };
    }
    let mut status = 0;
    loop {
        // SAFETY: `status` lives through the call.
        match system::check(unsafe { libc::waitpid(child, &mut status, 0) }) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => {
                result?;
                break;
            }
        }
    }
    match libc::WEXITSTATUS(status) {
        _ if !libc::WIFEXITED(status) => Err(io::Error::from_raw_os_error(libc::EINTR)),
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

impl fmt::Display for Facility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UserNamespaces => "user namespaces",
            Self::NetworkNamespaces => "network namespaces",
            Self::Veth => "veth pairs",
            Self::Tun => "TUN (/dev/net/tun)",
            Self::TunStandIn => "stand-in for TUN",
            Self::NfTables => "nf_tables",
            Self::TableOwnership => "nf_tables owner and persist flags",
            Self::Conntrack => "connection tracking",
            Self::Echo => "echo sockets",
            Self::PacketSockets => "packet sockets",
        })
    }
}
