//! The watcher: reads every frame of every link of the given namespaces, until its input ends.

use crate::chaos::{HOSTED_ADDRESS, HOSTED_NODE};
use crate::frame::{Kind, attack, judge};
use anyhow::Context as _;
use ipnet::IpNet;
use netloom_sys::namespace::NamespaceHandle;
use netloom_sys::netlink::{NetlinkSocket, Protocol};
use netloom_sys::packet::PacketSocket;
use netloom_sys::poll::{Interest, PollSet};
use netloom_sys::route;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::Duration;

/// Frames of one turn at one link.
const FRAMES_PER_TURN: usize = 256;

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    /// Links watched.
    pub links: usize,
    /// Frames seen.
    pub frames: u64,
    /// WireGuard messages among them.
    pub sealed: u64,
    /// Packets in clear among them.
    pub clear: u64,
    /// Frames that were missed.
    pub missed: u64,
    /// Attacks on an address of a node's own stack, from its link.
    pub attacks: u64,
    /// The first packets in clear, in hexadecimal.
    pub examples: Vec<String>,
}

struct Link {
    name: String,
    socket: PacketSocket,
    /// Hardware addresses of the other side and of this one, once a frame has told them.
    addresses: Option<([u8; 6], [u8; 6])>,
}

/// Watches all links but loopback until standard input ends.
///
/// # Errors
/// A link cannot be watched.
pub fn watch(namespaces: &[String], fabric: &[IpNet]) -> anyhow::Result<Watched> {
    let mut links = Vec::new();
    for path in namespaces {
        links.extend(open(path)?);
    }
    let mut watched = Watched { links: links.len(), ..Watched::default() };
    // Whoever reads this line knows that nothing is missed from now on.
    println_flushed("watching")?;
    let stdin = std::io::stdin();
    let mut ended = false;
    while !ended {
        let mut set = PollSet::new();
        let input = set.add(stdin.as_fd(), Interest::Read);
        for link in &links {
            set.add(link.socket.as_fd(), Interest::Read);
        }
        set.wait(Some(Duration::from_millis(200)))?;
        if set.is_ready(input) {
            ended = std::io::stdin().read(&mut [0; 64])? == 0;
        }
        links.iter_mut().for_each(|link| link.read(fabric, &mut watched));
        watched.attacks += links.iter().filter(|link| link.attack()).count() as u64;
    }
    for link in &links {
        let (_, missed) = link.socket.statistics()?;
        watched.missed += u64::from(missed);
    }
    Ok(watched)
}

fn println_flushed(line: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn open(path: &str) -> anyhow::Result<Vec<Link>> {
    let namespace = NamespaceHandle::open(Path::new(path))?;
    namespace.run(|| -> anyhow::Result<Vec<Link>> {
        let mut netlink = NetlinkSocket::open(Protocol::Route)?;
        let names = route::dump_links(&mut netlink)?.into_iter().map(|link| link.name);
        names
            .filter(|name| name != "lo")
            .map(|name| {
                let socket = PacketSocket::open(&name).with_context(|| format!("link {name}"))?;
                Ok(Link { name, socket, addresses: None })
            })
            .collect()
    })?
}

impl Link {
    /// Speaks from the node's link to an address that its stack has in the fabric.
    fn attack(&self) -> bool {
        let Some((node, router)) = self.addresses else { return false };
        self.name == format!("n-{HOSTED_NODE}")
            && self.socket.send_frame(&attack(router, node, HOSTED_ADDRESS)).is_ok()
    }

    fn read(&mut self, fabric: &[IpNet], watched: &mut Watched) {
        let mut frame = [0; 2048];
        for _ in 0..FRAMES_PER_TURN {
            let Ok(Some(captured)) = self.socket.read(&mut frame) else { return };
            let frame = &frame[..captured.length];
            watched.frames += 1;
            if !captured.outgoing
                && let (Some(to), Some(from)) =
                    (frame.first_chunk(), frame.get(6..).and_then(<[u8]>::first_chunk))
            {
                self.addresses = Some((*from, *to));
            }
            match judge(frame, fabric) {
                Kind::Sealed => watched.sealed += 1,
                Kind::Other => {}
                Kind::Clear => {
                    watched.clear += 1;
                    if watched.examples.len() < 10 {
                        watched.examples.push(format!("{}: {}", self.name, hex(frame)));
                    }
                }
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(96).map(|byte| format!("{byte:02x}")).collect()
}
