//! Sockets that wait to be called, as `/proc` shows them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A socket that waits: TCP's that listen, and UDP's that are bound and connected to nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// Whether it is UDP's; else it is TCP's.
    pub is_udp: bool,
    /// Where it is bound; unspecified for everywhere.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// Its inode, by which processes that hold it are found.
    pub inode: u64,
}

/// TCP's state of listening, and UDP's of being connected to nobody.
const LISTENS: &str = "0A";
const UNCONNECTED: &str = "07";

/// The sockets of the calling thread's network namespace.
pub fn read() -> io::Result<Vec<Listener>> {
    let mut found = Vec::new();
    for (file, is_udp) in [("tcp", false), ("tcp6", false), ("udp", true), ("udp6", true)] {
        // `/proc/net` is the process's, which may be in another namespace than the thread.
        match std::fs::read_to_string(format!("/proc/thread-self/net/{file}")) {
            Ok(text) => found.extend(parse(&text, is_udp)),
            // Without IPv6 there are no tables of it.
            Err(error) if error.kind() == io::ErrorKind::NotFound && file.ends_with('6') => {}
            Err(error) => return Err(error),
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The lines of a table that are understood and wait.
fn parse(table: &str, is_udp: bool) -> Vec<Listener> {
    let waits = if is_udp { UNCONNECTED } else { LISTENS };
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (words.get(1)?, words.get(3)?, words.get(9)?);
        let (address, port) = local.rsplit_once(':')?;
        let (address, port) = (address_of(address)?, u16::from_str_radix(port, 16).ok()?);
        let inode = inode.parse().ok()?;
        (*state == waits && port != 0).then_some(Listener { is_udp, address, port, inode })
    };
    table.lines().skip(1).filter_map(line).collect()
}

/// Words of 32 bits in the byte order of the processor, each as a hexadecimal number.
fn address_of(text: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(text.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(8 * index)?);
            }
            Some(IpAddr::from(Ipv6Addr::from(bytes)).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1
   1: 0100007F:1F91 0100007F:0016 01 00000000:00000000 00:00000000 00000000     0        0 4712 1
   2: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4713 1
   3: broken
   4: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4714 1
";

    #[test]
    #[cfg(target_endian = "little")]
    fn only_what_waits_is_found() {
        let shown = |is_udp| -> Vec<String> {
            parse(TABLE, is_udp).iter().map(|one| format!("{} {}", one.address, one.port)).collect()
        };
        assert_eq!(shown(false), ["127.0.0.1 8080", "::1 80"]);
        assert_eq!(shown(true), ["0.0.0.0 53"]);
    }

    #[test]
    fn what_this_process_listens_on_is_found() {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = std::net::UdpSocket::bind("[::1]:0");
        let found = read().unwrap();
        let has = |is_udp: bool, at: std::net::SocketAddr| {
            let same = |one: &&Listener| {
                (one.is_udp, one.address, one.port) == (is_udp, at.ip(), at.port())
            };
            found.iter().any(|one| same(&one))
        };
        assert!(has(false, tcp.local_addr().unwrap()));
        // There are machines without IPv6.
        assert!(udp.is_ok_and(|udp| has(true, udp.local_addr().unwrap())) || !has_ipv6());
    }

    fn has_ipv6() -> bool {
        std::net::UdpSocket::bind("[::1]:0").is_ok()
    }

    proptest! {
        #[test]
        fn any_table_is_read_or_passed_over(text in "([0-9A-F:é \n]{0,40}\n){0,8}", is_udp: bool) {
            let _ = parse(&text, is_udp);
        }
    }
}
