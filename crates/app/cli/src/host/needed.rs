//! Ports that a host's part of a fabric needs: whether something else has one is found out before anything is begun.

use super::doctor::sockets::{Held, Sockets};
use anyhow::bail;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

/// How many ports after a taken one are tried, to propose another.
const PROPOSALS: u16 = 100;

/// A port that will be listened on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needed {
    /// Who is to listen.
    who: &'static str,
    /// `tcp` or `udp`.
    protocol: &'static str,
    at: SocketAddr,
    /// The option that says another one.
    option: &'static str,
}

impl Needed {
    /// Control, and where browsers and nodes call it.
    pub(super) fn by_control(listen: SocketAddr, dashboard: SocketAddr) -> [Self; 2] {
        [
            Self { who: "control", protocol: "tcp", at: listen, option: "--listen" },
            Self { who: "the dashboard", protocol: "tcp", at: dashboard, option: "--dashboard" },
        ]
    }

    /// The tunnels of a node, on all addresses.
    pub(super) fn by_tunnels(port: u16) -> Self {
        let at = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port);
        Self { who: "the tunnels", protocol: "udp", at, option: "--port" }
    }

    fn is_taken(self) -> bool {
        let bind = |at| match self.protocol {
            "tcp" => TcpListener::bind(at).map(drop),
            _ => UdpSocket::bind(at).map(drop),
        };
        let is_taken = |result: io::Result<()>| {
            result.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
        };
        // A host without IPv6 has the port on its IPv4 addresses.
        let v4 = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), self.at.port());
        is_taken(bind(self.at)) || self.at.ip() == Ipv6Addr::UNSPECIFIED && is_taken(bind(v4))
    }

    /// Who has it, and what can be done.
    fn refusal(self, sockets: &Sockets) -> String {
        let Self { who, protocol, at, option } = self;
        let port = at.port();
        let holder = match sockets.holder(protocol, port) {
            Held::By(pid, name) => format!("process {pid} ({name})"),
            Held::Nobody | Held::Unseen => "another process".to_owned(),
        };
        let after = (1..=PROPOSALS).filter_map(|more| port.checked_add(more));
        let mut others = after.map(|port| Self { at: SocketAddr::new(at.ip(), port), ..self });
        let other = others.find(|other| !other.is_taken()).map(|other| match option {
            "--port" => other.at.port().to_string(),
            _ => other.at.to_string(),
        });
        let other = other.map_or_else(String::new, |other| format!(", such as {option} {other}"));
        let protocol = protocol.to_uppercase();
        format!(
            "{holder} has {protocol} port {port}, on which {who} would listen; end it, or say another port{other}"
        )
    }
}

/// Refuses to begin where a port is taken.
///
/// # Errors
/// Each port that something has, who it is, and a port that is free.
pub(super) fn refuse_taken(needed: &[Needed]) -> anyhow::Result<()> {
    let taken: Vec<Needed> = needed.iter().copied().filter(|one| one.is_taken()).collect();
    if taken.is_empty() {
        return Ok(());
    }
    let sockets = Sockets::read();
    let refusals: Vec<String> = taken.into_iter().map(|one| one.refusal(&sockets)).collect();
    bail!("{}", refusals.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_taken_is_said_with_who_has_it_and_what_is_free() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tunnels = UdpSocket::bind("0.0.0.0:0").unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let [control, dashboard] = Needed::by_control(listener.local_addr().unwrap(), free);
        let port = Needed::by_tunnels(tunnels.local_addr().unwrap().port());
        let words = refuse_taken(&[control, dashboard, port]).unwrap_err().to_string();
        assert_eq!(words.lines().count(), 2, "{words}");
        assert!(words.contains(&format!("process {}", std::process::id())), "{words}");
        assert!(words.contains("such as --listen 127.0.0.1:"), "{words}");
        assert!(words.contains("such as --port "), "{words}");
        drop((listener, tunnels));
        assert!(refuse_taken(&[control, dashboard, port]).is_ok());
    }
}
