//! Two tunnel drivers in this process, on the kernel's devices and sockets, and an allocator that counts.
//!
//! ```text
//! namespace a ─ wg0 ─ driver ═══ veth ═══ driver ─ wg0 ─ namespace b     both drivers are threads of this process
//! ```
//! What sends and receives here has its buffers before, so that every allocation is a driver's.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "its figures are what this program is for")]

use anyhow::{Context as _, ensure};
use clap::Parser as _;
use netloom_base::Seed;
use netloom_node::limits::KEY_ROTATION;
use netloom_node::{NetworkId, PeerConfig};
use netloom_sys::namespace::NamespaceHandle;
use netloom_sys::tunnel::{TunnelDevice, TunnelKind, TunnelPreference};
use netloom_tunnel::{NetworkSetup, Tunnels};
use netloom_wireguard::PrivateKey;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const NETWORK: NetworkId = NetworkId(1);
const DEVICE: &str = "wg0";
const PORT: u16 = 51820;
const OUTER: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
const INNER: [&str; 2] = ["10.99.0.1", "10.99.0.2"];
/// Before it is counted: buffers grow to what the traffic takes.
const WARM_UP: Duration = Duration::from_secs(2);
const SMALL_BYTES: usize = 172;

/// Counts allocations while packets flow.
#[derive(Debug, clap::Parser)]
struct Arguments {
    /// Seconds of each kind of traffic.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let ground = Ground::make()?;
    let _ends = [ground.end(0)?, ground.end(1)?];
    let time = Duration::from_secs(arguments.seconds);
    for (name, traffic) in [
        ("one packet at a time", Traffic::Echo),
        ("small packets", Traffic::Small),
        ("a stream", Traffic::Stream),
    ] {
        let flow = Flow::start(&ground, traffic)?;
        std::thread::sleep(WARM_UP);
        let before = flow.packets.load(Ordering::Relaxed);
        let region = Region::new(ALLOCATOR);
        std::thread::sleep(time);
        let change = region.change();
        let packets = flow.packets.load(Ordering::Relaxed) - before;
        println!("{name}, packets: {packets}");
        println!("{name}, allocations: {}", change.allocations + change.reallocations);
        println!("{name}, bytes allocated: {}", change.bytes_allocated);
        flow.end();
    }
    Ok(())
}

/// What flows.
#[derive(Clone, Copy)]
enum Traffic {
    /// A small packet there and back, and only then the next.
    Echo,
    /// As many small packets as go.
    Small,
    /// TCP, counted in packets' worth of bytes.
    Stream,
}

/// Traffic under way.
struct Flow {
    packets: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Flow {
    fn start(ground: &Ground, traffic: Traffic) -> anyhow::Result<Self> {
        let (packets, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let far: SocketAddr = format!("{}:9", INNER[1]).parse()?;
        let near: SocketAddr = format!("{}:0", INNER[0]).parse()?;
        let mut threads = Vec::new();
        if let Traffic::Stream = traffic {
            let listener = ground.far()?.run(|| TcpListener::bind(far))??;
            let mut client = ground.near()?.run(|| TcpStream::connect(far))??;
            let (mut server, _) = listener.accept()?;
            let (count, over) = (Arc::clone(&packets), Arc::clone(&is_over));
            threads.push(std::thread::spawn(move || {
                let buffer = [7; 32 << 10];
                while !over.load(Ordering::Relaxed) && client.write_all(&buffer).is_ok() {}
            }));
            threads.push(std::thread::spawn(move || {
                let mut buffer = [0; 32 << 10];
                while let Ok(bytes @ 1..) = server.read(&mut buffer) {
                    // A packet of this tunnel carries 1,368 bytes of TCP.
                    count.fetch_add(bytes as u64 / 1368, Ordering::Relaxed);
                }
            }));
            return Ok(Self { packets, is_over, threads });
        }
        let server = ground.far()?.run(|| UdpSocket::bind(far))??;
        let client = ground.near()?.run(|| UdpSocket::bind(near))??;
        client.connect(far)?;
        for socket in [&server, &client] {
            socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        }
        let (count, over) = (Arc::clone(&packets), Arc::clone(&is_over));
        let echoes = matches!(traffic, Traffic::Echo);
        threads.push(std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while !over.load(Ordering::Relaxed) {
                let Ok((bytes, from)) = server.recv_from(&mut buffer) else { continue };
                count.fetch_add(1, Ordering::Relaxed);
                if echoes {
                    let _ = server.send_to(&buffer[..bytes], from);
                }
            }
        }));
        let over = Arc::clone(&is_over);
        threads.push(std::thread::spawn(move || {
            let mut buffer = [0; SMALL_BYTES];
            while !over.load(Ordering::Relaxed) {
                let sent = client.send(&[0; SMALL_BYTES]);
                if echoes && sent.is_ok() {
                    let _ = client.recv(&mut buffer);
                }
            }
        }));
        Ok(Self { packets, is_over, threads })
    }

    fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// Two namespaces with a link between them, removed in the end.
struct Ground {
    names: [String; 2],
}

impl Ground {
    fn make() -> anyhow::Result<Self> {
        let id = std::process::id();
        let ground = Self { names: ["a", "b"].map(|side| format!("nla{id}{side}")) };
        for name in &ground.names {
            ip(&["netns", "add", name])?;
            ip(&["-n", name, "link", "set", "lo", "up"])?;
        }
        let [near, far] = &ground.names;
        let pair = ["type", "veth", "peer", "name", "eth0", "netns", far];
        ip(&[&["-n", near, "link", "add", "eth0"][..], &pair].concat())?;
        for (name, address) in ground.names.iter().zip(OUTER) {
            ip(&["-n", name, "address", "add", &format!("{address}/24"), "dev", "eth0"])?;
            ip(&["-n", name, "link", "set", "eth0", "up"])?;
        }
        Ok(ground)
    }

    fn namespace(&self, side: usize) -> anyhow::Result<NamespaceHandle> {
        let path = Path::new("/run/netns").join(&self.names[side]);
        NamespaceHandle::open(&path).context("the namespace is gone")
    }

    fn near(&self) -> anyhow::Result<NamespaceHandle> {
        self.namespace(0)
    }

    fn far(&self) -> anyhow::Result<NamespaceHandle> {
        self.namespace(1)
    }

    /// A driver with a device and one peer.
    fn end(&self, side: usize) -> anyhow::Result<Tunnels> {
        let keys = [1, 2].map(|byte| PrivateKey::from_seed(Seed([byte; 32])));
        let (here, other) = (self.namespace(side)?, 1 - side);
        let device = TunnelDevice::create(&here, DEVICE, TunnelPreference::Only(TunnelKind::Tun))?;
        let tunnels = here.run(|| Tunnels::start(PORT, Seed([side as u8 + 3; 32])))??;
        let peer = PeerConfig {
            endpoint: Some(SocketAddr::new(OUTER[other].parse()?, PORT)),
            allowed: vec![format!("{}/32", INNER[other]).parse()?],
            ..PeerConfig::new(keys[other].public())
        };
        let setup = NetworkSetup {
            name: "bench".to_owned(),
            private_key: keys[side].clone(),
            mtu_bytes: 1420,
            key_rotation: KEY_ROTATION,
            device: Some(device),
            peers: BTreeMap::from([("other".to_owned(), peer)]),
            timestamp_floors: BTreeMap::new(),
            calls: BTreeSet::new(),
            endpoints: BTreeMap::new(),
            exits: Vec::new(),
        };
        tunnels.set_network(NETWORK, setup)?;
        let name = &self.names[side];
        ip(&["-n", name, "address", "add", &format!("{}/24", INNER[side]), "dev", DEVICE])?;
        ip(&["-n", name, "link", "set", DEVICE, "mtu", "1420", "up"])?;
        Ok(tunnels)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = ip(&["netns", "del", name]);
        }
    }
}

fn ip(arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("ip").args(arguments).output().context("cannot run ip")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {}: {}", arguments.join(" "), errors.trim());
    Ok(())
}
