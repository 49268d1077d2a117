//! Two namespaces with a link between them, and a tunnel over it.

use crate::fabric::{ADDRESSES, Fabric};
use anyhow::{Context as _, ensure};
use netloom_base::Seed;
use netloom_bench_peers::program::{self, ip};
use netloom_sys::namespace::NamespaceHandle;
use netloom_wireguard::PrivateKey;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a tunnel may take to come up.
const READY: Duration = Duration::from_secs(10);

/// An implementation.
#[derive(Clone, Debug)]
pub(crate) struct Tunnel {
    pub(crate) name: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// The bare link.
    None,
    /// A program that makes an interface which `wg` configures, with its first arguments.
    Program(PathBuf, Vec<String>),
    /// Our control and agents.
    Fabric(PathBuf),
}

impl Tunnel {
    pub(crate) fn none(name: &str) -> Self {
        Self { name: name.to_owned(), kind: Kind::None }
    }

    pub(crate) fn of(name: &str, program: &Path, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|one| (*one).to_owned()).collect();
        Self { name: name.to_owned(), kind: Kind::Program(program.to_owned(), arguments) }
    }

    /// The program and its first arguments, if `wg` configures it.
    pub(crate) fn program(&self) -> Option<(&Path, &[String])> {
        match &self.kind {
            Kind::Program(program, arguments) => Some((program, arguments)),
            Kind::None | Kind::Fabric(_) => None,
        }
    }

    pub(crate) fn fabric(name: &str, netloom: &Path) -> Self {
        Self { name: name.to_owned(), kind: Kind::Fabric(netloom.to_owned()) }
    }
}

/// The ground, removed in the end.
pub(crate) struct Ground {
    names: [String; 2],
    /// Where programs are run that use the tunnel: those, or the workloads' namespaces.
    ends: [String; 2],
    tunnels: Vec<Child>,
    fabric: Option<Fabric>,
    /// The address of the second end, as the first reaches it.
    pub(crate) address: &'static str,
}

/// The sides, and the addresses inside.
const SIDES: [&str; 2] = ["a", "b"];
const OUTER: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
const INNER: [&str; 2] = ["10.99.0.1", "10.99.0.2"];

impl Ground {
    pub(crate) fn make(tunnel: &Tunnel) -> anyhow::Result<Self> {
        let id = std::process::id();
        let names = SIDES.map(|side| format!("nlb{id}{side}"));
        let address = match tunnel.kind {
            Kind::None => OUTER[1],
            Kind::Program(..) => INNER[1],
            Kind::Fabric(_) => ADDRESSES[1],
        };
        let (ends, tunnels) = (names.clone(), Vec::new());
        let mut ground = Self { names: names.clone(), ends, tunnels, fabric: None, address };
        for name in &names {
            ip(&["netns", "add", name])?;
            ip(&["-n", name, "link", "set", "lo", "up"])?;
        }
        let pair = ["type", "veth", "peer", "name", "eth0", "netns", &names[1]];
        ip(&[&["-n", &names[0], "link", "add", "eth0"][..], &pair].concat())?;
        for (name, address) in names.iter().zip(OUTER) {
            ip(&["-n", name, "address", "add", &format!("{address}/24"), "dev", "eth0"])?;
            ip(&["-n", name, "link", "set", "eth0", "up"])?;
        }
        match &tunnel.kind {
            Kind::None => {}
            Kind::Program(program, arguments) => ground.tunnel(program, arguments)?,
            Kind::Fabric(netloom) => {
                let workloads = names.clone().map(|name| format!("{name}w"));
                for name in &workloads {
                    ip(&["netns", "add", name])?;
                }
                ground.ends = workloads.clone();
                ground.fabric = Some(Fabric::begin(netloom, &names, &workloads)?);
            }
        }
        Ok(ground)
    }

    fn tunnel(&mut self, program: &Path, arguments: &[String]) -> anyhow::Result<()> {
        let keys = [1, 2].map(|byte| PrivateKey::from_seed(Seed([byte; 32])));
        for name in &self.names.clone() {
            self.tunnels.push(program::serve(name, program, arguments, name)?);
        }
        for side in 0..2 {
            let name = &self.names[side];
            let start = Instant::now();
            let config = format!(
                "[Interface]\nPrivateKey = {}\nListenPort = 51820\n[Peer]\nPublicKey = {}\n\
                 Endpoint = {}:51820\nAllowedIPs = {}/32\n",
                keys[side].to_base64().as_str(),
                keys[1 - side].public(),
                OUTER[1 - side],
                INNER[1 - side],
            );
            while let Err(error) = program::configure("setconf", name, &config, READY) {
                ensure!(start.elapsed() < READY, "wg cannot configure it: {error:#}");
                std::thread::sleep(Duration::from_millis(50));
            }
            ip(&["-n", name, "address", "add", &format!("{}/24", INNER[side]), "dev", name])?;
            ip(&["-n", name, "link", "set", name, "mtu", "1420", "up"])?;
        }
        Ok(())
    }

    /// A command in a namespace.
    fn on(&self, name: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{name}")).arg(program).stdin(Stdio::null());
        command
    }

    /// A command at the first (0) or second end.
    pub(crate) fn at(&self, side: usize, program: &str) -> Command {
        self.on(&self.ends[side], program)
    }

    pub(crate) fn namespace(&self, side: usize) -> anyhow::Result<NamespaceHandle> {
        let path = Path::new("/run/netns").join(&self.ends[side]);
        NamespaceHandle::open(&path).context("the namespace is gone")
    }

    /// Processor time of each end's tunnel, in seconds.
    pub(crate) fn cpu_s(&self) -> anyhow::Result<Vec<f64>> {
        self.processes()?.into_iter().map(cpu_s).collect()
    }

    /// Process ids of the ends.
    pub(crate) fn processes(&self) -> anyhow::Result<Vec<u32>> {
        match &self.fabric {
            Some(fabric) => fabric.agents(),
            None => Ok(self.tunnels.iter().map(Child::id).collect()),
        }
    }

    /// What the sessions of our agents are sealed with.
    pub(crate) fn cipher(&self) -> anyhow::Result<Option<String>> {
        self.fabric.as_ref().map(Fabric::cipher).transpose()
    }

    /// Memory of the first end's tunnel, in MiB.
    pub(crate) fn memory_mib(&self) -> anyhow::Result<Option<f64>> {
        let Some(process) = self.processes()?.first().copied() else { return Ok(None) };
        Ok(Some(program::memory_kib(process)? as f64 / 1024.0))
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for child in &mut self.tunnels {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.fabric = None;
        for name in
            self.names.iter().chain(self.ends.iter().filter(|end| !self.names.contains(end)))
        {
            let _ = ip(&["netns", "del", name]);
            let _ = std::fs::remove_file(program::socket(name));
        }
    }
}

/// What the kernel counts processor time in, on every platform that Linux shows to programs.
const TICKS_PER_SECOND: f64 = 100.0;

fn cpu_s(process: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // After the name in parentheses come the fields from the third on (proc(5)).
    let fields = stat.rsplit(") ").next().context("no fields")?;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / TICKS_PER_SECOND)
}
