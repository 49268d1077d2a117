//! Who holds a port: the tables of `/proc/net`, and the descriptors of processes.

use crate::host::down::is_daemon as is_daemon_line;
use crate::host::place::Place;
use std::collections::BTreeMap;

/// The state of a TCP socket that listens, in `/proc/net/tcp`.
const LISTENS: &str = "0A";

/// Sockets of this namespace that are bound: by protocol and port, their inodes.
#[derive(Debug, Default)]
pub(in crate::host) struct Sockets {
    bound: BTreeMap<(&'static str, u16), u64>,
    owners: BTreeMap<u64, u32>,
}

/// Who holds a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::host) enum Held {
    /// Nobody.
    Nobody,
    /// A process, and its name.
    By(u32, String),
    /// A process that cannot be seen.
    Unseen,
}

impl Sockets {
    /// Reads what there is now.
    pub(in crate::host) fn read() -> Self {
        let mut sockets = Self::default();
        for (protocol, file) in [("tcp", "tcp"), ("tcp", "tcp6"), ("udp", "udp"), ("udp", "udp6")] {
            let text = std::fs::read_to_string(format!("/proc/net/{file}")).unwrap_or_default();
            sockets.bound.extend(bound(protocol, &text));
        }
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            // Descriptors of others' processes cannot be read, and that is told as unseen.
            let files = std::fs::read_dir(entry.path().join("fd")).into_iter().flatten().flatten();
            for file in files {
                let target = std::fs::read_link(file.path()).unwrap_or_default();
                if let Some(inode) = inode(&target.to_string_lossy()) {
                    sockets.owners.insert(inode, pid);
                }
            }
        }
        sockets
    }

    /// Who holds a port.
    pub(in crate::host) fn holder(&self, protocol: &'static str, port: u16) -> Held {
        let Some(inode) = self.bound.get(&(protocol, port)) else { return Held::Nobody };
        match self.owners.get(inode) {
            Some(pid) => {
                let name = netloom_sys::process::name_of(*pid);
                Held::By(*pid, name.unwrap_or_else(|| "a process that has ended".to_owned()))
            }
            None => Held::Unseen,
        }
    }
}

/// Whether a process is a daemon of this fabric.
pub(in crate::host) fn is_daemon(pid: u32, place: &Place) -> bool {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    is_daemon_line(&line, place)
}

/// Bound sockets of a table: ports and inodes.
fn bound(protocol: &'static str, table: &str) -> Vec<((&'static str, u16), u64)> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (words.get(1)?, words.get(3)?, words.get(9)?);
        if protocol == "tcp" && *state != LISTENS {
            return None;
        }
        let port = u16::from_str_radix(local.rsplit(':').next()?, 16).ok()?;
        Some(((protocol, port), inode.parse().ok()?))
    };
    table.lines().skip(1).filter_map(line).collect()
}

/// The inode of a descriptor that is a socket: `socket:[N]`.
fn inode(target: &str) -> Option<u64> {
    target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1
   1: 0100007F:1F91 0100007F:0016 01 00000000:00000000 00:00000000 00000000     0        0 4712 1
   2: broken
";

    #[test]
    fn only_sockets_that_listen_hold_a_port() {
        assert_eq!(bound("tcp", TABLE), [(("tcp", 8080), 4711)]);
        assert_eq!(bound("udp", TABLE).len(), 2);
        assert_eq!(inode("socket:[4711]"), Some(4711));
        assert_eq!(inode("/dev/null"), None);
    }

    #[test]
    fn a_port_of_this_process_is_its_own() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let sockets = Sockets::read();
        assert!(
            matches!(sockets.holder("tcp", port), Held::By(pid, _) if pid == std::process::id())
        );
        assert_eq!(sockets.holder("tcp", 0), Held::Nobody);
    }
}
