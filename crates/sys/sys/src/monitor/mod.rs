//! Watches one namespace: which links, addresses, neighbours, routes, rules, tables changed, and who did it.
//!
//! ```text
//! RTNLGRP_*, NFNLGRP_NFTABLES ─► Monitor::read ─► Change { object, gone, port, author }
//! ```
//! The kernel says who by the requester's port, which usually is its process id, and with each
//! commit of nf_tables by process id and name. It does not say for IPv6 addresses, for links and
//! for sysctls.

mod change;
mod decode;

pub use change::{Author, Change, Object};

use crate::netlink::{NetlinkError, Protocol};
use crate::process;
use crate::system;
use decode::{TableNews, read_routing, read_table};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

/// `RTNLGRP_LINK`, `_NEIGH`, `_IPV4_IFADDR`, `_IPV4_ROUTE`, `_IPV4_RULE`, `_IPV6_IFADDR`,
/// `_IPV6_ROUTE`, `_IPV6_RULE`, `_IPV4_NETCONF`, `_IPV6_NETCONF`.
const ROUTING_GROUPS: [i32; 10] = [1, 3, 5, 7, 8, 9, 11, 19, 24, 25];
/// `RTNLGRP_LINK`.
const LINK_GROUPS: [i32; 1] = [1];
/// `NFNLGRP_NFTABLES`.
const TABLE_GROUPS: [i32; 1] = [7];
/// `NETLINK_ADD_MEMBERSHIP`.
const ADD_MEMBERSHIP: i32 = 1;
/// Larger than any notification.
const RECEIVE_BYTES: usize = 64 * 1024;
/// Datagrams that one call of [`Monitor::read`] takes at most.
const DATAGRAMS_MAX: usize = 1_024;
/// Tables of one transaction whose names are kept.
const TABLES_MAX: usize = 64;
/// Larger numbers are no process ids (`PID_MAX_LIMIT`), but ports of a process's further sockets.
const PROCESS_ID_MAX: u32 = 4 << 20;

/// Sockets that hear of every change in a namespace.
#[derive(Debug)]
pub struct Monitor {
    routing: OwnedFd,
    tables: Option<OwnedFd>,
    /// Tables of the transaction whose author has not come yet.
    pending: BTreeSet<(String, bool)>,
}

impl Monitor {
    /// Begins to watch the calling thread's namespace; nf_tables only if `tables`.
    pub fn open(tables: bool) -> Result<Self, NetlinkError> {
        let routing = subscribe(Protocol::Route, &ROUTING_GROUPS)?;
        let tables =
            if tables { Some(subscribe(Protocol::Netfilter, &TABLE_GROUPS)?) } else { None };
        Ok(Self { routing, tables, pending: BTreeSet::new() })
    }

    /// Begins to watch only the links of the calling thread's namespace.
    pub fn links() -> Result<Self, NetlinkError> {
        let routing = subscribe(Protocol::Route, &LINK_GROUPS)?;
        Ok(Self { routing, tables: None, pending: BTreeSet::new() })
    }

    /// Readable when something has changed.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        [Some(&self.routing), self.tables.as_ref()].into_iter().flatten().map(|fd| fd.as_fd())
    }

    /// What has changed since the last call, without waiting. More than the kernel could keep for
    /// us is [`Object::Unknown`].
    pub fn read(&mut self, buffer: &mut Buffer) -> Vec<Change> {
        let mut changes = Vec::new();
        for _ in 0..DATAGRAMS_MAX {
            match receive(&self.routing, buffer) {
                Ok(Some(datagram)) => changes.extend(read_routing(datagram)),
                Ok(None) => break,
                Err(_) => changes.push(Change::unknown()),
            }
        }
        for change in &mut changes {
            change.author = author_of(change.port);
        }
        for _ in 0..DATAGRAMS_MAX {
            let Some(tables) = &self.tables else { break };
            match receive(tables, buffer) {
                Ok(Some(datagram)) => {
                    for news in read_table(datagram) {
                        keep_table(&mut self.pending, news, &mut changes);
                    }
                }
                Ok(None) => break,
                Err(_) => changes.push(Change::unknown()),
            }
        }
        changes
    }
}

/// Room for what a monitor receives, shared by many.
#[derive(Debug)]
pub struct Buffer(Box<[u8]>);

impl Default for Buffer {
    fn default() -> Self {
        Self(vec![0; RECEIVE_BYTES].into_boxed_slice())
    }
}

/// Collects the tables of a transaction; its end says whose it is.
fn keep_table(pending: &mut BTreeSet<(String, bool)>, news: TableNews, changes: &mut Vec<Change>) {
    match news {
        TableNews::Touched { table, gone } if pending.len() < TABLES_MAX => {
            pending.insert((table, gone));
        }
        TableNews::Touched { .. } => changes.push(Change::unknown()),
        TableNews::Committed { port, pid, name } => {
            let pid = process_id(port).or(pid);
            let author = pid.map(|pid| Author { pid, name: name.clone() });
            for (table, gone) in std::mem::take(pending) {
                let object = Object::Table { name: table };
                changes.push(Change { object, gone, port, author: author.clone() });
            }
        }
    }
}

/// The process that a port usually belongs to.
fn process_id(port: u32) -> Option<u32> {
    (1..=PROCESS_ID_MAX).contains(&port).then_some(port)
}

fn author_of(port: u32) -> Option<Author> {
    process_id(port).map(|pid| Author { pid, name: process::name_of(pid) })
}

fn subscribe(protocol: Protocol, groups: &[i32]) -> Result<OwnedFd, NetlinkError> {
    let (number, name) = match protocol {
        Protocol::Route => (libc::NETLINK_ROUTE, "NETLINK_ROUTE"),
        Protocol::Netfilter => (libc::NETLINK_NETFILTER, "NETLINK_NETFILTER"),
    };
    let open = || -> io::Result<OwnedFd> {
        let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK;
        let fd = system::socket(libc::AF_NETLINK, kind, number)?;
        // A socket without a port of its own hears nothing.
        let mut address: libc::sockaddr_nl = system::zeroed();
        // Small, like every address family.
        address.nl_family = libc::AF_NETLINK as u16;
        system::bind(&fd, &address)?;
        for group in groups {
            system::set_option(&fd, libc::SOL_NETLINK, ADD_MEMBERSHIP, group)?;
        }
        Ok(fd)
    };
    open().map_err(|source| NetlinkError::Open { protocol: name, source })
}

/// One datagram of the kernel's; `None` if there is none.
fn receive<'a>(fd: &OwnedFd, buffer: &'a mut Buffer) -> io::Result<Option<&'a [u8]>> {
    loop {
        let mut sender: libc::sockaddr_nl = system::zeroed();
        let mut sender_bytes = system::length_of::<libc::sockaddr_nl>();
        // SAFETY: buffer and address live through the call, and their lengths are passed.
        let received = system::check_count(unsafe {
            libc::recvfrom(
                fd.as_raw_fd(),
                buffer.0.as_mut_ptr().cast(),
                buffer.0.len(),
                0,
                std::ptr::from_mut(&mut sender).cast(),
                &mut sender_bytes,
            )
        });
        match received {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
            // Another process may send to this socket; only the kernel has port 0.
            Ok(_) if sender.nl_pid != 0 => {}
            Ok(length) => return Ok(Some(&buffer.0[..length.min(buffer.0.len())])),
        }
    }
}

/// Every reader of notifications in turn, for the fuzz harness.
pub(crate) fn parse_anything(datagram: &[u8]) {
    for change in read_routing(datagram) {
        let _ = change.to_string();
    }
    let (mut pending, mut changes) = (BTreeSet::new(), Vec::new());
    for news in read_table(datagram) {
        keep_table(&mut pending, news, &mut changes);
    }
}

#[cfg(test)]
mod tests;
