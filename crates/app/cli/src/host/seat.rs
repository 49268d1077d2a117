//! Where control listens on this host, and where others reach it.

use super::daemons::Settings;
use super::needed::Needed;
use netloom_sys::netlink::{NetlinkSocket, Protocol};
use netloom_sys::route::dump_addresses;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// Where control listens.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Seat {
    /// Where nodes connect to control.
    #[arg(long, default_value = "[::]:7766", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Where other nodes reach control, if not at this host's address: HOST:PORT.
    #[arg(long = "endpoint", value_name = "HOST:PORT", value_parser = endpoint)]
    endpoints: Vec<String>,
    /// Where the dashboard answers, on this host only.
    #[arg(long, default_value = "127.0.0.1:7767", value_name = "ADDRESS:PORT", value_parser = loopback)]
    dashboard: SocketAddr,
    /// Another name under which browsers call the dashboard, as behind a proxy: HOST:PORT.
    #[arg(long = "dashboard-host", value_name = "HOST:PORT")]
    dashboard_hosts: Vec<String>,
}

impl Seat {
    /// The same, as control reads it.
    pub(super) fn settings(&self, node: &str) -> Settings {
        Settings {
            listen: self.listen,
            dashboard: Some(self.dashboard),
            dashboard_hosts: self.dashboard_hosts.clone(),
            endpoints: self.reached_at(),
            member: node.to_owned(),
        }
    }

    /// Where control and dashboard listen.
    pub(super) fn needed(&self) -> [Needed; 2] {
        Needed::by_control(self.listen, self.dashboard)
    }

    /// What tokens name: as given, else this host's address on the way out.
    fn reached_at(&self) -> Vec<String> {
        if !self.endpoints.is_empty() {
            return self.endpoints.clone();
        }
        let address =
            if self.listen.ip().is_unspecified() { own_address() } else { self.listen.ip() };
        vec![SocketAddr::new(address, self.listen.port()).to_string()]
    }
}

/// Where nodes are told to connect to.
fn endpoint(text: &str) -> Result<String, String> {
    if netloom_pki::token::is_endpoint(text) {
        return Ok(text.to_owned());
    }
    Err("nodes connect to HOST:PORT, such as control.example.org:7766 or [2001:db8::1]:7766"
        .to_owned())
}

/// An address of this host's own: what is said there is not encrypted.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| format!("`{text}` is no address such as 127.0.0.1:7767"))?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err("the dashboard speaks HTTP without encryption, so it answers on this host only; from \
         another one: ssh -L 7767:127.0.0.1:7767 HOST"
        .to_owned())
}

/// The address that packets to other hosts leave from; nothing is sent to find it.
fn own_address() -> IpAddr {
    let ask = |local: &str, towards: &str| {
        let socket = UdpSocket::bind(local).ok()?;
        socket.connect(towards).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    // Addresses for documentation (RFC 5737, RFC 3849): what matters is the default route.
    ask("0.0.0.0:0", "192.0.2.1:9")
        .or_else(|| ask("[::]:0", "[2001:db8::1]:9"))
        .or_else(first_address)
        .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// The first address of any link but the loopback, on a host without a default route.
fn first_address() -> Option<IpAddr> {
    let mut socket = NetlinkSocket::open(Protocol::Route).ok()?;
    let found = dump_addresses(&mut socket).ok()?;
    let addresses = found.into_iter().filter(|found| !found.is_ours());
    addresses.map(|found| found.address.addr()).find(|address| match address {
        IpAddr::V4(address) => !address.is_loopback() && !address.is_link_local(),
        IpAddr::V6(address) => !address.is_loopback() && !address.is_unicast_link_local(),
    })
}
