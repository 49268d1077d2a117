//! What a test does inside of a lab: in the namespaces of workloads and nodes, with hosts of its own behind them.

use super::*;
use ipnet::IpNet;
use netloom_base::checksum;
use netloom_base::packet::IpView;
use netloom_state::host::{Route, RouteKind};
use netloom_sys::namespace::{NamespaceHandle, NamespaceRegistry};
use netloom_sys::netlink::{NetlinkSocket, Protocol};
use netloom_sys::packet::{PacketError, PacketSocket, inject_packet};
use netloom_sys::route::{
    add_address, add_route, configure_link, create_veth, find_link, set_link_alias, set_link_up,
};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd as _;

/// Where this program finds the lab's folder when it is started again inside.
const FOLDER: &str = "NETLOOM_TEST_INSIDE";
/// Longer than any of the lab's ways takes, by far.
const PATIENCE: Duration = Duration::from_millis(300);
/// What no way is to lose twice: the search for what a path takes has to lose some.
const TRIES: u32 = 40;
const ETHERNET_BYTES: usize = 14;
const STREAM_BYTES: usize = 1 << 20;

/// The folder of the lab that this program runs in, if a test has started it there.
pub(super) fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// Starts this program again inside of the lab that is up, for one test alone.
pub(super) fn start_again(home: &Home, fabric: &str, test: &str) {
    let own = std::env::current_exe().unwrap();
    let mut labs = home.leftovers().into_iter().map(|path| path.join(format!("lab-{fabric}/run")));
    let folder = labs.next().unwrap();
    let line = format!(
        "{FOLDER}={} exec {} --exact {test} --nocapture",
        folder.display(),
        own.to_string_lossy()
    );
    let output = home.run(&["lab", "exec", "internet", "--", "/bin/sh", "-c", &line]);
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("1 passed"), "the test has a name of its own: {out}\n{err}");
}

/// Whether `explain` says that a call passes, of the file that the lab was made from.
pub(super) fn is_explained(lab: &Path, fabric: &str, from: &str, to: &str) -> bool {
    let file = lab.join(format!("../../../{fabric}.yaml"));
    let output =
        Command::new(NETLOOM).args(["explain", from, to, "--json", "-f"]).arg(file).output();
    let answers: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    let answers = answers.as_array().unwrap();
    // An address is of one family, so there is one answer.
    assert_eq!(answers.len(), 1, "{from} to {to}");
    answers[0]["allowed"] == true
}

/// A place to send from and to.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) namespace: NamespaceHandle,
    /// The link by which packets come.
    pub(super) link: String,
    pub(super) addresses: Vec<IpAddr>,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Arrived,
    /// Its sender has been told what the path takes.
    Told(usize),
    /// The sender's own link takes no such packet.
    Refused,
    Lost,
}

impl Place {
    pub(super) fn of_ground(lab: &Path, name: &str, link: &str, addresses: &[&str]) -> Self {
        Self::new(&lab.join("ground/netns").join(name), name, link, addresses)
    }

    pub(super) fn of_workload(
        lab: &Path,
        (fabric, node, name): (&str, &str, &str),
        addresses: &[&str],
    ) -> Self {
        let path = lab.join(format!("nodes/{node}/run/{fabric}/netns/workload-{name}"));
        Self::new(&path, name, "eth0", addresses)
    }

    fn new(path: &Path, name: &str, link: &str, addresses: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            namespace: NamespaceHandle::open(path).unwrap(),
            link: link.to_owned(),
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        }
    }

    pub(super) fn address(&self, ipv6: bool) -> IpAddr {
        self.addresses.iter().copied().find(|address| address.is_ipv6() == ipv6).unwrap()
    }

    pub(super) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.namespace.run(work).unwrap()
    }

    fn capture(&self) -> PacketSocket {
        self.run(|| PacketSocket::open(&self.link)).unwrap()
    }

    /// Puts a host behind this place, at a cable of its own; of each pair of addresses the second is the host's,
    /// to which the first is the way out.
    pub(super) fn host_behind(
        &self,
        lab: &Path,
        name: &str,
        mtu_bytes: u32,
        pairs: &[[&str; 2]],
    ) -> Self {
        let registry = NamespaceRegistry::new(&lab.join("beside"));
        let own_name = format!("{}-{name}", self.name);
        registry.create(&own_name).unwrap();
        let namespace = registry.open(&own_name).unwrap();
        let addresses = pairs.iter().map(|[_, theirs]| address(theirs).addr()).collect();
        let host = Self { name: name.to_owned(), namespace, link: name.to_owned(), addresses };
        self.cable(&host, name, mtu_bytes, pairs);
        for [own, theirs] in pairs {
            let all = if address(theirs).addr().is_ipv6() { "::/0" } else { "0.0.0.0/0" };
            host.route(all, name, &address(own).addr().to_string());
        }
        host
    }

    /// Puts a cable between this place and another, called the same at both; of each pair of addresses the first is
    /// this place's.
    pub(super) fn cable(&self, other: &Self, link: &str, mtu_bytes: u32, pairs: &[[&str; 2]]) {
        self.run(|| {
            let mut netlink = NetlinkSocket::open(Protocol::Route).unwrap();
            create_veth(&mut netlink, link, link, other.namespace.as_fd()).unwrap();
        });
        for (side, place) in [self, other].into_iter().enumerate() {
            place.takes(link, mtu_bytes);
            place.run(|| {
                let mut netlink = NetlinkSocket::open(Protocol::Route).unwrap();
                // What has no mark of another fabric is taken for the lab's own, and removed as drift.
                set_link_alias(&mut netlink, link, "netloom:beside").unwrap();
                set_link_up(&mut netlink, link, true).unwrap();
                let index = find_link(&mut netlink, link).unwrap().unwrap().index;
                // Without link-local addresses nobody finds his neighbours (RFC 4861 §7.2.2).
                for pair in pairs.iter().chain(&[["fe80::a/64", "fe80::b/64"]]) {
                    add_address(&mut netlink, index, address(pair[side])).unwrap();
                }
            });
        }
    }

    /// A link takes packets of so many bytes from now on.
    pub(super) fn takes(&self, link: &str, mtu_bytes: u32) {
        self.run(|| {
            let mut netlink = NetlinkSocket::open(Protocol::Route).unwrap();
            configure_link(&mut netlink, link, mtu_bytes, None).unwrap();
        });
    }

    /// Adds a route that goes before those of the lab.
    pub(super) fn route(&self, to: &str, link: &str, gateway: &str) {
        let gateway = Some(gateway.parse().unwrap());
        let kind = RouteKind::Unicast { link: link.to_owned(), gateway, source: None };
        let route = Route { table: 254, destination: to.parse().unwrap(), metric: 1, kind };
        self.run(|| {
            let mut netlink = NetlinkSocket::open(Protocol::Route).unwrap();
            let index = find_link(&mut netlink, link).unwrap().unwrap().index;
            add_route(&mut netlink, &route, Some(index)).unwrap();
        });
    }
}

fn address(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// Datagrams between two places, both ways; begun by the first.
pub(super) struct Flow<'a> {
    places: [&'a Place; 2],
    links: [PacketSocket; 2],
    /// From where to where each of them sends.
    ends: [(SocketAddr, SocketAddr); 2],
    number: u64,
    _sockets: [UdpSocket; 2],
}

impl<'a> Flow<'a> {
    /// Begins one to an address that leads to the second place; the first datagram has to arrive.
    pub(super) fn begin(from: &'a Place, to: &'a Place, at: IpAddr) -> Self {
        let own = from.address(at.is_ipv6());
        let theirs = to.address(at.is_ipv6());
        let caller = from.run(|| UdpSocket::bind((own, 0))).unwrap();
        let called = to.run(|| UdpSocket::bind((theirs, 0))).unwrap();
        called.set_read_timeout(Some(PATIENCE)).unwrap();
        let target = SocketAddr::new(at, called.local_addr().unwrap().port());
        let mut buffer = [0; 16];
        let what = format!("{} calls {} at {at}", from.name, to.name);
        let mut seen_as = None;
        wait_until(&what, || {
            caller.send_to(b"hello", target).unwrap();
            seen_as = called.recv_from(&mut buffer).ok().map(|(_, from)| from);
            seen_as.is_some()
        });
        let ends = [
            (caller.local_addr().unwrap(), target),
            (called.local_addr().unwrap(), seen_as.unwrap()),
        ];
        let links = [from.capture(), to.capture()];
        Self { places: [from, to], links, ends, number: 0, _sockets: [caller, called] }
    }

    /// Sends one datagram in a packet of so many bytes, which nobody may cut.
    fn send(&mut self, side: usize, bytes: usize) -> Fate {
        self.number += 1;
        let mark = format!("datagram {:08}", self.number);
        let (source, destination) = self.ends[side];
        let packet = datagram(source, destination, bytes, mark.as_bytes());
        for link in &self.links {
            while link.read(&mut [0; 1]).unwrap().is_some() {}
        }
        match self.places[side].run(|| inject_packet(&packet)) {
            Ok(()) => {}
            // EMSGSIZE
            Err(PacketError::Send { source }) if source.raw_os_error() == Some(90) => {
                return Fate::Refused;
            }
            Err(error) => panic!("{error}"),
        }
        let deadline = Instant::now() + PATIENCE;
        let mut buffer = vec![0; 70_000];
        while Instant::now() < deadline {
            for (place, link) in self.links.iter().enumerate() {
                while let Some(frame) = link.read(&mut buffer).unwrap() {
                    let marked =
                        buffer[..frame.length].windows(mark.len()).any(|at| at == mark.as_bytes());
                    let packet = &buffer[ETHERNET_BYTES.min(frame.length)..frame.length];
                    if frame.outgoing || !marked {
                        continue;
                    }
                    if place == side {
                        return Fate::Told(told(packet).expect("an error about its size"));
                    }
                    let view = IpView::parse(packet).expect("a whole packet");
                    assert_eq!(view.total_bytes, bytes, "it was cut on its way");
                    return Fate::Arrived;
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Fate::Lost
    }

    /// The same, as often as the search for what a path takes may lose it.
    pub(super) fn settle(&mut self, side: usize, bytes: usize) -> Fate {
        let mut fates = (0..TRIES).map(|_| self.send(side, bytes));
        fates.find(|fate| *fate != Fate::Lost).unwrap_or(Fate::Lost)
    }

    /// Packets of all sizes arrive both ways, or their senders are told a size that does.
    pub(super) fn takes_all_or_tells(&mut self, sizes: &[usize]) {
        for side in [0, 1] {
            let way = format!(
                "{} to {}, {:?}",
                self.places[side].name,
                self.places[1 - side].name,
                self.ends[side]
            );
            for first in sizes {
                let mut bytes = *first;
                loop {
                    match self.settle(side, bytes) {
                        Fate::Arrived => break,
                        Fate::Told(takes) => {
                            assert!(
                                takes < bytes && takes >= 1200,
                                "{way}: told {takes} of {bytes}"
                            );
                            bytes = takes;
                        }
                        Fate::Refused if bytes == *first => break,
                        fate => {
                            panic!("{way}: {fate:?}, a packet of {bytes} bytes (first of {first})")
                        }
                    }
                }
            }
        }
    }
}

/// What an error says that the path takes.
fn told(packet: &[u8]) -> Option<usize> {
    let view = IpView::parse(packet)?;
    match (view.protocol, view.payload.get(..8)?) {
        (1, [3, 4, _, _, _, _, high, low]) => Some(usize::from(u16::from_be_bytes([*high, *low]))),
        (58, [2, 0, _, _, a, b, c, d]) => Some(u32::from_be_bytes([*a, *b, *c, *d]) as usize),
        _ => None,
    }
}

/// A datagram in one packet that says "don't fragment".
fn datagram(source: SocketAddr, destination: SocketAddr, bytes: usize, mark: &[u8]) -> Vec<u8> {
    let header_bytes = if source.is_ipv6() { 40 } else { 20 };
    let mut segment = Vec::new();
    for number in [source.port(), destination.port(), (bytes - header_bytes) as u16, 0] {
        segment.extend_from_slice(&number.to_be_bytes());
    }
    segment.extend_from_slice(mark);
    segment.resize(bytes - header_bytes, 0);
    let sum = checksum::transport(source.ip(), destination.ip(), 17, &segment);
    segment[6..8].copy_from_slice(&sum.to_be_bytes());
    let mut packet = match (source.ip(), destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let mut header = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0];
            header[2..4].copy_from_slice(&(bytes as u16).to_be_bytes());
            header.extend_from_slice(&source.octets());
            header.extend_from_slice(&destination.octets());
            let sum = checksum::internet(&header);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            header
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let mut header = vec![0x60, 0, 0, 0, 0, 0, 17, 64];
            header[4..6].copy_from_slice(&((bytes - 40) as u16).to_be_bytes());
            header.extend_from_slice(&source.octets());
            header.extend_from_slice(&destination.octets());
            header
        }
        _ => panic!("two families"),
    };
    packet.append(&mut segment);
    packet
}

/// A megabyte each way over one connection from one place to an address of another.
pub(super) fn stream(from: &Place, to: &Place, at: IpAddr) {
    let what = format!("{} to {} at {at}", from.name, to.name);
    let own = to.address(at.is_ipv6());
    let listener = to.run(|| TcpListener::bind((own, 0))).unwrap();
    let target = SocketAddr::new(at, listener.local_addr().unwrap().port());
    let answering = std::thread::spawn(move || both_ways(listener.accept().unwrap().0));
    let connected = from.run(|| TcpStream::connect_timeout(&target, Duration::from_secs(10)));
    let connection = connected.unwrap_or_else(|error| panic!("{what}: {error}"));
    let came = [both_ways(connection), answering.join().unwrap()];
    assert_eq!(came, [STREAM_BYTES; 2], "{what}");
}

/// Sends and reads a megabyte; gives how much came.
fn both_ways(mut connection: TcpStream) -> usize {
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    connection.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut writing = connection.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        // What does not go out does not come in, which is looked at there.
        let _ = writing.write_all(&vec![7; STREAM_BYTES]);
        let _ = writing.shutdown(std::net::Shutdown::Write);
    });
    let mut came = 0;
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(bytes) = connection.read(&mut buffer) {
        if bytes == 0 {
            break;
        }
        came += bytes;
    }
    sending.join().unwrap();
    came
}
