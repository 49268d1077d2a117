//! The ground, the process that serves the interface, and the protocol that it is configured by.

use crate::program::{self, ip};
use crate::swarm;
use anyhow::{Context as _, ensure};
use netloom_base::Seed;
use netloom_sys::namespace::NamespaceHandle;
use netloom_wireguard::{PrivateKey, PublicKey};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the interface may take to come up.
const READY: Duration = Duration::from_secs(10);
/// The address on the ground of the interface's end.
pub const OUTER: &str = "192.0.2.1";
/// That of the peers' end.
const FAR: &str = "192.0.2.2";
/// The interface's port.
pub const PORT: u16 = 51820;
/// The address inside.
pub const INNER: Ipv4Addr = Ipv4Addr::new(10, 127, 0, 1);
/// A port there.
const FLOW_PORT: u16 = 5000;

/// Two namespaces with a link between them, removed in the end.
#[derive(Debug)]
pub struct Ground {
    names: [String; 2],
}

impl Ground {
    /// Makes both, with a route to all the peers.
    pub fn make() -> anyhow::Result<Self> {
        let id = std::process::id();
        let ground = Self { names: ["a", "b"].map(|side| format!("nlp{id}{side}")) };
        let [near, far] = &ground.names;
        for name in [near, far] {
            ip(&["netns", "add", name])?;
            ip(&["-n", name, "link", "set", "lo", "up"])?;
        }
        let pair = ["type", "veth", "peer", "name", "eth0", "netns", far];
        ip(&[&["-n", near, "link", "add", "eth0"][..], &pair].concat())?;
        for (name, address) in [(near, OUTER), (far, FAR)] {
            ip(&["-n", name, "address", "add", &format!("{address}/24"), "dev", "eth0"])?;
            ip(&["-n", name, "link", "set", "eth0", "up"])?;
        }
        ip(&["-n", near, "route", "add", swarm::SOURCES, "via", FAR])?;
        ip(&["-n", far, "route", "add", "local", swarm::SOURCES, "dev", "lo"])?;
        Ok(ground)
    }

    fn namespace(&self, side: usize) -> anyhow::Result<NamespaceHandle> {
        let path = Path::new("/run/netns").join(&self.names[side]);
        NamespaceHandle::open(&path).context("the namespace is gone")
    }

    /// Where the peers are.
    pub fn far(&self) -> anyhow::Result<NamespaceHandle> {
        self.namespace(1)
    }

    /// A socket behind the interface.
    pub fn inner_socket(&self) -> anyhow::Result<UdpSocket> {
        let bind = || UdpSocket::bind((INNER, FLOW_PORT));
        self.namespace(0)?.run(bind)?.context("a socket inside")
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = ip(&["netns", "del", name]);
        }
    }
}

/// A program that serves an interface in the first namespace.
#[derive(Debug)]
pub struct Interface {
    name: String,
    process: Child,
    /// Its socket, and the folder of it if that is ours.
    socket: PathBuf,
    folder: Option<PathBuf>,
    key: PrivateKey,
}

impl Interface {
    /// `netloom wireguard`, with a folder of its own, configured by its own protocol.
    pub fn start(ground: &Ground, netloom: &Path) -> anyhow::Result<Self> {
        let name = "wg0".to_owned();
        let folder = std::env::temp_dir().join(&ground.names[0]);
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", ground.names[0])).arg(netloom);
        command.args(["wireguard", "--foreground", "--sockets"]).arg(&folder).arg(&name);
        let process = command.stdin(Stdio::null()).spawn().context("cannot start netloom")?;
        let socket = folder.join(format!("{name}.sock"));
        let mut interface = Self { name, process, socket, folder: Some(folder), key: own_key() };
        let secret = hex(&*interface.key.to_bytes());
        let first = format!("set=1\nprivate_key={secret}\nlisten_port={PORT}\n\n");
        until_ready(|| interface.ask(&first))?;
        interface.bring_up(ground)?;
        Ok(interface)
    }

    /// Any program that takes `-f INTERFACE`, with its first arguments, configured by `wg`.
    pub fn serve(ground: &Ground, program: &Path, arguments: &[String]) -> anyhow::Result<Self> {
        // Sockets of all interfaces are in one folder.
        let name = ground.names[0].clone();
        let process = program::serve(&name, program, arguments, &name)?;
        let socket = program::socket(&name);
        let interface = Self { name, process, socket, folder: None, key: own_key() };
        let secret = interface.key.to_base64();
        let first = format!("[Interface]\nPrivateKey = {}\nListenPort = {PORT}\n", secret.as_str());
        until_ready(|| program::configure("setconf", &interface.name, &first, READY))?;
        interface.bring_up(ground)?;
        Ok(interface)
    }

    fn bring_up(&self, ground: &Ground) -> anyhow::Result<()> {
        let near = &ground.names[0];
        ip(&["-n", near, "address", "add", &format!("{INNER}/9"), "dev", &self.name])?;
        ip(&["-n", near, "link", "set", &self.name, "up"])?;
        ip(&["-n", near, "route", "add", swarm::ADDRESSES, "dev", &self.name])
    }

    /// Gives it so many peers by `wg addconf`, which must not take longer than `limit`.
    pub fn configure_peers(&self, count: u32, limit: Duration) -> anyhow::Result<()> {
        let mut text = String::new();
        for number in 0..count {
            let (key, address) = (swarm::key(number).public(), swarm::address(number));
            let _ = writeln!(text, "[Peer]\nPublicKey = {key}\nAllowedIPs = {address}/32");
        }
        program::configure("addconf", &self.name, &text, limit)
    }

    /// The key that peers know it by.
    pub fn public_key(&self) -> PublicKey {
        self.key.public()
    }

    /// Sets so many peers at once.
    pub fn set_peers(&mut self, count: u32) -> anyhow::Result<()> {
        let mut text = "set=1\nreplace_peers=true\n".to_owned();
        for number in 0..count {
            let key = hex(swarm::key(number).public().as_bytes());
            let address = swarm::address(number);
            let _ = writeln!(text, "public_key={key}\nallowed_ip={address}/32");
        }
        text.push('\n');
        self.ask(&text)
    }

    /// Gives a peer an address more.
    pub fn add_address(&mut self, number: u32, address: Ipv4Addr) -> anyhow::Result<()> {
        let key = hex(swarm::key(number).public().as_bytes());
        self.ask(&format!("set=1\npublic_key={key}\nupdate_only=true\nallowed_ip={address}/32\n\n"))
    }

    fn ask(&mut self, text: &str) -> anyhow::Result<()> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.write_all(text.as_bytes())?;
        stream.shutdown(std::net::Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(answer.trim() == "errno=0", "it answers {}", answer.trim());
        Ok(())
    }

    /// Memory of the process.
    pub fn memory_kib(&self) -> anyhow::Result<u64> {
        program::memory_kib(self.process.id())
    }

    /// Processor time of the process's threads.
    pub fn cpu_us(&self) -> anyhow::Result<u64> {
        let mut total_ns = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
            total_ns += text.split(' ').next().context("no time")?.parse::<u64>()?;
        }
        Ok(total_ns / 1000)
    }
}

impl Drop for Interface {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_file(&self.socket);
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn own_key() -> PrivateKey {
    PrivateKey::from_seed(Seed([9; 32]))
}

/// Tries until it succeeds or the time is over.
fn until_ready(mut attempt: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let start = Instant::now();
    while let Err(error) = attempt() {
        ensure!(start.elapsed() < READY, "it cannot be configured: {error:#}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
