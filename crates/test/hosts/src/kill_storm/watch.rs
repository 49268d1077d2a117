//! What passes while daemons are killed: packets that policy denies, and packets in clear.
//!
//! A namespace that nobody of ours has made is attached as the workload `guarded`. Whatever arrives
//! in it is counted: on port 9, which its group allows, and on port 13, which it does not. Packets
//! to both leave the other hosts all the time. On the ground, every frame is looked at.

use crate::ground::{Ground, ip};
use anyhow::Context as _;
use netloom_sys::namespace::NamespaceHandle;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The address of the workload `guarded`.
const GUARDED: &str = "10.1.0.9";
/// A port that its group allows.
const ALLOWED: u16 = 9;
/// A port that it does not.
const DENIED: u16 = 13;
/// From packet to packet.
const RHYTHM: Duration = Duration::from_millis(5);

/// What was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) denied_sent: u64,
    pub(super) denied_passed: u64,
    pub(super) allowed_passed: u64,
    pub(super) clear: u64,
    pub(super) sealed: u64,
}

impl Seen {
    /// Nothing passed that must not, and the watch was awake.
    pub(super) fn holds(&self) -> bool {
        self.denied_passed == 0
            && self.clear == 0
            && self.denied_sent > 0
            && self.allowed_passed > 0
            && self.sealed > 0
    }
}

/// The namespace that is attached, removed in the end.
pub(super) struct Watch {
    namespace: String,
}

impl Watch {
    pub(super) fn prepare(_: &Ground) -> anyhow::Result<Self> {
        let namespace = format!("nlt{}-guarded", std::process::id());
        ip(&["netns", "add", &namespace])?;
        ip(&["-n", &namespace, "link", "set", "lo", "up"])?;
        Ok(Self { namespace })
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Begins to send and to look.
    pub(super) fn start(&self, ground: &Ground) -> anyhow::Result<Running> {
        let stop = Arc::new(AtomicBool::new(false));
        let count = || Arc::new(AtomicU64::new(0));
        let (sent, allowed, denied) = (count(), count(), count());
        let mut threads = Vec::new();
        let inside = NamespaceHandle::open(&Path::new("/run/netns").join(&self.namespace))?;
        for (port, counter) in [(ALLOWED, &allowed), (DENIED, &denied)] {
            let socket = inside.run(move || UdpSocket::bind(("0.0.0.0", port)))??;
            let (counter, stop) = (Arc::clone(counter), Arc::clone(&stop));
            threads.push(std::thread::spawn(move || count_arrivals(&socket, &counter, &stop)));
        }
        for (host, node) in ground.hosts.iter().zip(["alpha", "beta", "gamma"]) {
            let path = host.run().join(super::FABRIC).join(format!("netns/workload-echo-{node}"));
            let (sent, stop) = (Arc::clone(&sent), Arc::clone(&stop));
            threads.push(std::thread::spawn(move || send(&path, &sent, &stop)));
        }
        let captures = [
            capture(ground, "net 10.1.0.0/16 or net fd00:1::/48")?,
            capture(ground, "udp port 51820")?,
        ];
        Ok(Running { stop, threads, sent, allowed, denied, captures })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = ip(&["netns", "del", &self.namespace]);
    }
}

/// A watch that is under way.
pub(super) struct Running {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    sent: Arc<AtomicU64>,
    allowed: Arc<AtomicU64>,
    denied: Arc<AtomicU64>,
    captures: [Child; 2],
}

impl Running {
    /// Ends it, and gives what it has seen.
    pub(super) fn finish(self) -> anyhow::Result<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
        let [clear, sealed] = self.captures.map(captured);
        Ok(Seen {
            denied_sent: self.sent.load(Ordering::Relaxed),
            denied_passed: self.denied.load(Ordering::Relaxed),
            allowed_passed: self.allowed.load(Ordering::Relaxed),
            clear: clear?,
            sealed: sealed?,
        })
    }
}

fn count_arrivals(socket: &UdpSocket, counter: &AtomicU64, stop: &AtomicBool) {
    let _ = socket.set_read_timeout(Some(Duration::from_millis(100)));
    let mut packet = [0; 64];
    while !stop.load(Ordering::Relaxed) {
        if socket.recv(&mut packet).is_ok() {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Sends to both ports from inside a workload, whose namespace may come and go.
fn send(path: &Path, sent: &AtomicU64, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let bound = NamespaceHandle::open(path)
            .ok()
            .and_then(|inside| inside.run(|| UdpSocket::bind("0.0.0.0:0")).ok()?.ok());
        let Some(socket) = bound else {
            std::thread::sleep(RHYTHM);
            continue;
        };
        // Refusals are what is hoped for; a namespace that is gone sends nowhere, so it is opened anew.
        for _ in 0..200 {
            let _ = socket.send_to(b"allowed", (GUARDED, ALLOWED));
            if socket.send_to(b"denied", (GUARDED, DENIED)).is_ok() {
                sent.fetch_add(1, Ordering::Relaxed);
            }
            if stop.load(Ordering::Relaxed) {
                return;
            }
            std::thread::sleep(RHYTHM);
        }
    }
}

/// Counts frames on all ports of the ground.
fn capture(ground: &Ground, filter: &str) -> anyhow::Result<Child> {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/run/netns/{}", ground.bridge()));
    command.args(["tcpdump", "-n", "-i", "any", "-w", "/dev/null", "-Z", "root", filter]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().context("cannot run tcpdump")
}

/// What a capture has counted, by its last words: `N packets captured`.
fn captured(child: Child) -> anyhow::Result<u64> {
    let id = child.id().to_string();
    Command::new("kill").args(["-INT", &id]).status()?;
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = text
        .lines()
        .find(|line| line.ends_with("packets captured") || line.ends_with("packet captured"));
    let count = line.and_then(|line| line.split(' ').next()?.parse().ok());
    count.with_context(|| format!("tcpdump did not count: {text}"))
}
