//! Tunnel devices of both kinds carry real traffic of the kernel, whole packets, both ways.

use super::Test;
use super::support::{Bench, end, own};
use netloom_base::packet::{IpView, PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP};
use netloom_base::{PacketBatch, checksum};
use netloom_state::{Address, HostState, Link, LinkKind, NamespaceState};
use netloom_sys::icmp::EchoSocket;
use netloom_sys::namespace::NamespaceHandle;
use netloom_sys::netlink::{NetlinkSocket, Protocol};
use netloom_sys::poll::{Interest, PollSet};
use netloom_sys::route::delete_link;
use netloom_sys::tunnel::{TunnelDevice, TunnelKind, TunnelOffloads, TunnelPreference, is_gone};
use netloom_sys::udp::UdpSocket;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub(crate) const TESTS: &[Test] = &[
    ("tun_carries_pings", || pings(TunnelKind::Tun)),
    ("stand_in_carries_pings", || pings(TunnelKind::StandIn)),
    ("tun_carries_tcp", || tcp(TunnelKind::Tun, TunnelOffloads::default(), false)),
    ("tun_carries_tcp_in_large_pieces", || tcp(TunnelKind::Tun, ALL_OFFLOADS, false)),
    ("tun_carries_tcp_behind_options_in_large_pieces", || tcp(TunnelKind::Tun, ALL_OFFLOADS, true)),
    ("stand_in_carries_tcp", || tcp(TunnelKind::StandIn, TunnelOffloads::default(), false)),
    ("what_does_not_fit_is_counted", || {
        too_long(TunnelKind::Tun).and_then(|()| too_long(TunnelKind::StandIn))
    }),
    ("tun_carries_datagrams_in_large_pieces", datagrams_in_large_pieces),
    ("tun_goes_with_its_engine", || goes_with_its_engine(TunnelKind::Tun)),
    ("stand_in_goes_with_its_engine", || goes_with_its_engine(TunnelKind::StandIn)),
    ("a_link_that_is_removed_says_so_to_its_engine", || {
        removed(TunnelKind::Tun).and_then(|()| removed(TunnelKind::StandIn))
    }),
    ("without_tun_the_stand_in_serves", without_tun_the_stand_in_serves),
];

const ALL_OFFLOADS: TunnelOffloads = TunnelOffloads { tcp: true, udp: true };
const MTU_BYTES: u32 = 1280;
const DESTINATION_OPTIONS: u8 = 60;
const PATIENCE: Duration = Duration::from_secs(5);

/// One namespace per name, each with a tunnel `mesh0` and two addresses.
fn state(names: &[&str]) -> HostState {
    let mut state = HostState::default();
    for (index, name) in names.iter().enumerate() {
        let mut inside = NamespaceState::default();
        let tunnel = Link { kind: LinkKind::Tunnel, mtu_bytes: MTU_BYTES, mac: None, up: true };
        inside.links.insert("mesh0".into(), tunnel);
        for network in [format!("10.7.0.{}/24", index + 1), format!("fd07::{}/64", index + 1)] {
            let address = network.parse().unwrap();
            inside.addresses.insert(Address { link: "mesh0".into(), address });
        }
        state.namespaces.insert(own(name), inside);
    }
    state
}

/// Makes the state with tunnels of one kind only; skips where this kind cannot be had.
fn make(names: &[&str], kind: TunnelKind) -> Result<(Bench, HostState), String> {
    let mut bench = Bench::new();
    let here = NamespaceHandle::current().unwrap();
    TunnelDevice::create(&here, "probe0", TunnelPreference::Only(kind))
        .map_err(|error| error.to_string())?;
    bench.executor.prefer_tunnel(TunnelPreference::Only(kind));
    let state = state(names);
    bench.make(&state);
    assert_eq!(bench.executor.observe(&state).unwrap(), state, "a tunnel is seen as a tunnel");
    Ok((bench, state))
}

fn take(bench: &mut Bench, name: &str) -> TunnelDevice {
    bench.executor.take_tunnel(&end(&own(name), "mesh0")).expect("a tunnel device")
}

/// Waits for a packet of `protocol`, leaving out what the kernel says of its own accord.
fn wait_for(device: &mut TunnelDevice, wanted: impl Fn(&IpView<'_>) -> bool) -> Vec<u8> {
    let mut batch = PacketBatch::new(16, 2000);
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        batch.clear();
        device.read_batch(&mut batch).unwrap();
        for packet in batch.iter() {
            if IpView::parse(packet).is_some_and(|view| wanted(&view)) {
                return packet.to_vec();
            }
        }
        let mut set = PollSet::new();
        set.add(device.as_fd(), Interest::Read);
        set.wait(Some(Duration::from_millis(100))).unwrap();
    }
    panic!("the expected packet did not come");
}

fn pings(kind: TunnelKind) -> Result<(), String> {
    let (mut bench, _) = make(&["node"], kind)?;
    let mut device = take(&mut bench, "node");
    assert_eq!(device.kind(), kind);
    for (near, far, echo, protocol) in
        [("10.7.0.1", "10.7.0.2", 8, PROTOCOL_ICMP), ("fd07::1", "fd07::2", 128, PROTOCOL_ICMPV6)]
    {
        let (near, far): (IpAddr, IpAddr) = (near.parse().unwrap(), far.parse().unwrap());
        let inside = bench.executor.namespace(&own("node")).unwrap();
        let socket = inside.run(|| EchoSocket::open(far.is_ipv6(), 7)).unwrap().unwrap();
        // Outwards: the engine sees the kernel's request and answers it.
        socket.send(far, 3, b"out").unwrap();
        let request = wait_for(&mut device, |view| {
            view.protocol == protocol && view.payload.first() == Some(&echo)
        });
        let view = IpView::parse(&request).unwrap();
        assert_eq!((view.source, view.destination), (near, far));
        assert!(request.ends_with(b"out"));
        let mut batch = PacketBatch::new(4, 2000);
        batch.push(&echo_reply(&request));
        assert_eq!(device.write_batch(&batch).packets, 1);
        let reply = await_reply(&socket).unwrap_or_else(|| {
            let counted = ["/proc/thread-self/net/snmp", "/proc/thread-self/net/snmp6"];
            let counted = inside.run(|| counted.map(std::fs::read_to_string)).unwrap();
            panic!("no reply to {socket:?}; the kernel counts {counted:?}")
        });
        assert_eq!((reply.source, reply.sequence, reply.payload), (far, 3, b"out".to_vec()));
        // Inwards: the kernel answers the engine's request.
        let forged = swapped(&request);
        assert!(device.write_packet(&forged));
        let answer = wait_for(&mut device, |view| {
            view.protocol == protocol
                && view.payload.first() == Some(&if echo == 8 { 0 } else { 129 })
        });
        let view = IpView::parse(&answer).unwrap();
        assert_eq!((view.source, view.destination), (near, far));
        assert!(answer.ends_with(b"out"));
    }
    let taken = [&b"\0 is no version"[..], &[]].map(|packet| device.write_packet(packet));
    assert_eq!(taken, [false, false]);
    Ok(())
}

fn await_reply(socket: &EchoSocket) -> Option<netloom_sys::icmp::EchoReply> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let mut set = PollSet::new();
        set.add(socket.as_fd(), Interest::Read);
        set.wait(Some(PATIENCE)).unwrap();
        // A raw socket also wakes for what is no reply.
        if let Some(reply) = socket.receive().unwrap() {
            return Some(reply);
        }
    }
    None
}

/// The same packet the other way.
fn swapped(packet: &[u8]) -> Vec<u8> {
    let (start, length) = if packet[0] >> 4 == 4 { (12, 4) } else { (8, 16) };
    let mut swapped = packet.to_vec();
    swapped[start..start + 2 * length].rotate_left(length);
    swapped
}

fn echo_reply(request: &[u8]) -> Vec<u8> {
    let mut reply = swapped(request);
    let ipv6 = reply[0] >> 4 == 6;
    let header = if ipv6 { 40 } else { 20 };
    reply[header] = if ipv6 { 129 } else { 0 };
    reply[header + 2..header + 4].fill(0);
    let checksum = if ipv6 {
        let view = IpView::parse(&reply).unwrap();
        checksum::transport(view.source, view.destination, PROTOCOL_ICMPV6, &reply[header..])
    } else {
        checksum::internet(&reply[header..])
    };
    reply[header + 2..header + 4].copy_from_slice(&checksum.to_be_bytes());
    reply
}

/// Two namespaces whose tunnels the test joins; every packet must be whole and within the MTU.
fn tcp(kind: TunnelKind, offloads: TunnelOffloads, has_options: bool) -> Result<(), String> {
    const BYTES: usize = 4 << 20;
    let (mut bench, _) = make(&["one", "two"], kind)?;
    let mut devices = [take(&mut bench, "one"), take(&mut bench, "two")];
    for device in &mut devices {
        // UDP is not asked of a kernel that has it not.
        assert_eq!(device.set_offloads(offloads).tcp, offloads.tcp);
    }
    let [one, two] = ["one", "two"]
        .map(|name| bench.executor.namespace(&own(name)).unwrap().try_clone().unwrap());
    let done = AtomicBool::new(false);
    let address: SocketAddr = "[fd07::2]:900".parse().unwrap();
    let listener = two.run(|| TcpListener::bind(address)).unwrap().unwrap();
    let checked = std::thread::scope(|scope| {
        let engine = scope.spawn(|| relay(&mut devices, &done));
        let server = scope.spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).unwrap();
            bytes.len()
        });
        let connect = || TcpStream::connect_timeout(&address, PATIENCE);
        let mut client = one.run(connect).unwrap().unwrap();
        if has_options {
            put_options(&client);
        }
        client.write_all(&vec![7; BYTES]).unwrap();
        drop(client);
        assert_eq!(server.join().unwrap(), BYTES);
        done.store(true, Ordering::Relaxed);
        engine.join().unwrap()
    });
    assert!(checked > BYTES / MTU_BYTES as usize, "{checked} packets");
    assert_eq!(devices.map(|mut device| device.take_unreadable()), [0; 2]);
    Ok(())
}

/// Has each packet of a stream go behind destination options that mean nothing (RFC 8200 §4.2).
#[expect(unsafe_code, reason = "no safe function sets this option")]
fn put_options(stream: &TcpStream) {
    let options: [u8; 8] = [0, 0, 1, 4, 0, 0, 0, 0];
    // SAFETY: the options live through the call, and their length is passed.
    let result = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_IPV6,
            libc::IPV6_DSTOPTS,
            options.as_ptr().cast(),
            options.len() as u32,
        )
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// A packet that is longer than a batch has room for is passed over, and is not forgotten.
fn too_long(kind: TunnelKind) -> Result<(), String> {
    let (mut bench, _) = make(&["node"], kind)?;
    let mut device = take(&mut bench, "node");
    let inside = bench.executor.namespace(&own("node")).unwrap();
    let socket = inside.run(|| EchoSocket::open(false, 7)).unwrap().unwrap();
    for sent in [&[7; 900][..], b"short"] {
        socket.send("10.7.0.2".parse().unwrap(), 1, sent).unwrap();
    }
    let (mut batch, deadline) = (PacketBatch::new(16, 500), Instant::now() + PATIENCE);
    while !batch.iter().any(|packet| packet.ends_with(b"short")) {
        assert!(Instant::now() < deadline);
        device.read_batch(&mut batch).unwrap();
    }
    assert_eq!([device.take_unreadable(), device.take_unreadable()], [1, 0]);
    Ok(())
}

/// Datagrams that a program sends in one piece come out one by one at the engine, and reach the other
/// side as they were.
fn datagrams_in_large_pieces() -> Result<(), String> {
    const COUNT: u8 = 40;
    let (mut bench, _) = make(&["one", "two"], TunnelKind::Tun)?;
    let mut devices = [take(&mut bench, "one"), take(&mut bench, "two")];
    for device in &mut devices {
        if !device.set_offloads(ALL_OFFLOADS).udp {
            return Err("this kernel has no USO (6.2 has)".to_owned());
        }
    }
    let [one, two] = ["one", "two"]
        .map(|name| bench.executor.namespace(&own(name)).unwrap().try_clone().unwrap());
    let address: SocketAddr = "10.7.0.2:901".parse().unwrap();
    let mut receiver = two.run(|| UdpSocket::bind(address)).unwrap().unwrap();
    let mut sender = one.run(|| UdpSocket::bind_any(0)).unwrap().unwrap();
    let packets: Vec<[u8; 172]> = (0..COUNT).map(|number| [number; 172]).collect();
    // As they are, with their checksums left to the other end's kernel, and a few at a time.
    for (leaves_checksums, at_once) in [(false, 256), (true, 256), (true, 7)] {
        assert_eq!(devices[0].leave_checksums(leaves_checksums), leaves_checksums);
        let sent = sender.send(packets.iter().map(|packet| (address, packet.as_slice())));
        assert_eq!((sent.packets, sent.dropped), (usize::from(COUNT), 0));
        assert!(sender.has_send_offload(), "they were sent in one piece");
        let mut batch = PacketBatch::new(at_once, 2000);
        let (mut received, mut sources) = (PacketBatch::new(256, 2000), Vec::new());
        let deadline = Instant::now() + PATIENCE;
        let mut had_rest = false;
        while received.len() < packets.len() {
            assert!(Instant::now() < deadline, "{} of {COUNT} arrived", received.len());
            batch.clear();
            devices[0].read_batch(&mut batch).unwrap();
            had_rest |= devices[0].has_rest();
            assert!(batch.iter().all(|packet| packet.len() <= MTU_BYTES as usize));
            for (index, packet) in batch.iter().enumerate().filter(|(_, packet)| is_udp(packet)) {
                assert_eq!(batch.is_partial(index), leaves_checksums, "{packet:?}");
            }
            devices[1].write_batch(&batch);
            receiver.receive_batch(&mut received, &mut sources).unwrap();
        }
        assert_eq!(had_rest, at_once < packets.len());
        let received: Vec<&[u8]> = received.iter().collect();
        assert_eq!(received, packets.iter().map(<[u8; 172]>::as_slice).collect::<Vec<_>>());
    }
    Ok(())
}

fn is_udp(packet: &[u8]) -> bool {
    IpView::parse(packet).is_some_and(|view| view.protocol == PROTOCOL_UDP)
}

fn relay(devices: &mut [TunnelDevice; 2], done: &AtomicBool) -> usize {
    let mut batch = PacketBatch::new(64, 70_000);
    let mut checked = 0;
    while !done.load(Ordering::Relaxed) {
        for from in 0..2 {
            batch.clear();
            devices[from].read_batch(&mut batch).unwrap();
            for packet in batch.iter() {
                assert!(packet.len() <= MTU_BYTES as usize, "{} bytes", packet.len());
                let Some(view) = IpView::parse(packet) else { continue };
                let segment = match (view.protocol, view.payload) {
                    (PROTOCOL_TCP, segment) => segment,
                    (DESTINATION_OPTIONS, [PROTOCOL_TCP, 0, _, _, _, _, _, _, segment @ ..]) => {
                        segment
                    }
                    _ => continue,
                };
                let (source, destination) = (view.source, view.destination);
                let sum = checksum::transport(source, destination, PROTOCOL_TCP, segment);
                assert_eq!(sum, 0, "the checksum is complete");
                checked += 1;
            }
            devices[1 - from].write_batch(&batch);
        }
        let mut set = PollSet::new();
        for device in devices.iter() {
            set.add(device.as_fd(), Interest::Read);
        }
        set.wait(Some(Duration::from_millis(50))).unwrap();
    }
    checked
}

fn goes_with_its_engine(kind: TunnelKind) -> Result<(), String> {
    let (mut bench, state) = make(&["node"], kind)?;
    let device = take(&mut bench, "node");
    assert!(bench.executor.take_tunnel(&end(&own("node"), "mesh0")).is_none(), "it is taken");
    bench.make(&state);
    assert_eq!(bench.executor.observe(&state).unwrap(), state, "and still there");
    // Another executor has no descriptor of it, so to that one it is absent.
    let mut other = super::support::executor(&bench.run_dir);
    let seen = other.observe(&state).unwrap();
    assert_eq!(seen.namespaces[&own("node")], NamespaceState::default());
    let other_handle = device.try_clone().unwrap();
    drop(device);
    assert_eq!(bench.executor.observe(&state).unwrap(), state, "it stays while a handle is left");
    drop(other_handle);
    let deadline = Instant::now() + PATIENCE;
    while bench.executor.observe(&state).unwrap() == state {
        assert!(Instant::now() < deadline, "the link outlives its engine");
        std::thread::sleep(Duration::from_millis(10));
    }
    bench.make(&state);
    assert_eq!(bench.executor.observe(&state).unwrap(), state, "made anew");
    assert!(bench.executor.take_tunnel(&end(&own("node"), "mesh0")).is_some());
    Ok(())
}

fn removed(kind: TunnelKind) -> Result<(), String> {
    let (mut bench, _) = make(&["node"], kind)?;
    let mut device = take(&mut bench, "node");
    let inside = bench.executor.namespace(&own("node")).unwrap();
    let remove = || delete_link(&mut NetlinkSocket::open(Protocol::Route).unwrap(), "mesh0");
    inside.run(remove).unwrap().unwrap();
    let (mut batch, deadline) = (PacketBatch::new(16, 2000), Instant::now() + PATIENCE);
    let error = loop {
        assert!(Instant::now() < deadline, "{kind:?} says nothing");
        batch.clear();
        if let Err(error) = device.read_batch(&mut batch) {
            break error;
        }
    };
    assert!(is_gone(&error), "{kind:?}: {error:?}");
    Ok(())
}

fn without_tun_the_stand_in_serves() -> Result<(), String> {
    // Mounting over /dev/net hides the device as a host without it would.
    if !std::path::Path::new("/dev/net").exists() {
        return Err("there is no /dev/net to hide".to_owned());
    }
    super::programs::run_hidden("/dev/net", &["--play", "automatic-tunnel", "stand-in"]);
    Ok(())
}
