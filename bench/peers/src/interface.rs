//! The ground, the process that serves the interface, and the protocol that it is configured by.

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
/// Addresses of the two ends on the ground, and the prefix that the peers are in.
pub(crate) const OUTER: &str = "192.0.2.1";
const FAR: &str = "192.0.2.2";
pub(crate) const PORT: u16 = 51820;
/// The address inside, and a port there.
pub(crate) const INNER: Ipv4Addr = Ipv4Addr::new(10, 127, 0, 1);
const FLOW_PORT: u16 = 5000;

/// Two namespaces with a link between them, removed in the end.
pub(crate) struct Ground {
    names: [String; 2],
}

impl Ground {
    pub(crate) fn make() -> anyhow::Result<Self> {
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
    pub(crate) fn far(&self) -> anyhow::Result<NamespaceHandle> {
        self.namespace(1)
    }

    /// A socket behind the interface.
    pub(crate) fn inner_socket(&self) -> anyhow::Result<UdpSocket> {
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

/// `netloom wireguard` in the first namespace.
pub(crate) struct Interface {
    name: String,
    process: Child,
    sockets: PathBuf,
    key: PrivateKey,
}

impl Interface {
    pub(crate) fn start(ground: &Ground, netloom: &Path) -> anyhow::Result<Self> {
        let name = "wg0".to_owned();
        let sockets = std::env::temp_dir().join(&ground.names[0]);
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", ground.names[0])).arg(netloom);
        command.args(["wireguard", "--foreground", "--sockets"]).arg(&sockets).arg(&name);
        let process = command.stdin(Stdio::null()).spawn().context("cannot start netloom")?;
        let key = PrivateKey::from_seed(Seed([9; 32]));
        let mut interface = Self { name, process, sockets, key };
        let start = Instant::now();
        let secret = hex(&*interface.key.to_bytes());
        let first = format!("set=1\nprivate_key={secret}\nlisten_port={PORT}\n\n");
        while let Err(error) = interface.ask(&first) {
            ensure!(start.elapsed() < READY, "it cannot be configured: {error:#}");
            std::thread::sleep(Duration::from_millis(20));
        }
        let near = &ground.names[0];
        ip(&["-n", near, "address", "add", &format!("{INNER}/9"), "dev", &interface.name])?;
        ip(&["-n", near, "link", "set", &interface.name, "up"])?;
        ip(&["-n", near, "route", "add", swarm::ADDRESSES, "dev", &interface.name])?;
        Ok(interface)
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        self.key.public()
    }

    /// Sets so many peers at once.
    pub(crate) fn set_peers(&mut self, count: u32) -> anyhow::Result<()> {
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
    pub(crate) fn add_address(&mut self, number: u32, address: Ipv4Addr) -> anyhow::Result<()> {
        let key = hex(swarm::key(number).public().as_bytes());
        self.ask(&format!("set=1\npublic_key={key}\nupdate_only=true\nallowed_ip={address}/32\n\n"))
    }

    fn ask(&mut self, text: &str) -> anyhow::Result<()> {
        let mut stream = UnixStream::connect(self.sockets.join(format!("{}.sock", self.name)))?;
        stream.write_all(text.as_bytes())?;
        stream.shutdown(std::net::Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(answer.trim() == "errno=0", "it answers {}", answer.trim());
        Ok(())
    }

    /// Memory of the process.
    pub(crate) fn memory_kib(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
        Ok(line.split_whitespace().nth(1).context("no number")?.parse()?)
    }

    /// Processor time of the process's threads.
    pub(crate) fn cpu_us(&self) -> anyhow::Result<u64> {
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
        let _ = std::fs::remove_dir_all(&self.sockets);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn ip(arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("ip").args(arguments).output().context("cannot run ip")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {}: {}", arguments.join(" "), errors.trim());
    Ok(())
}
