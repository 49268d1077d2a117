//! Hosts whose network cards are this program: it cuts large pieces as a card does, or wrongly.

use super::{Ground, Host, ip};
use crate::canary::fault::Fault;
use netloom_base::PacketBatch;
use netloom_base::packet::IpView;
use netloom_sys::namespace::NamespaceHandle;
use netloom_sys::poll::Poller;
use netloom_sys::tunnel::{TunnelDevice, TunnelKind, TunnelOffloads, TunnelPreference};
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const PACKET_BYTES_MAX: usize = 2048;
/// Parts of a piece at most.
const PARTS_MAX: usize = 128;

/// The wire between the hosts; dropping it cuts it.
#[derive(Debug)]
pub(crate) struct Wire {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    /// Number of the fault among [`Fault::ALL`], for pieces from the first to the second host.
    fault: AtomicUsize,
    /// Pieces that went to each host.
    pieces: [AtomicU64; 3],
}

impl Ground {
    /// Makes three hosts, whose links are devices that take pieces of 64 KiB.
    pub(crate) fn wired(netloom: &Path) -> anyhow::Result<(Self, Wire)> {
        let id = std::process::id();
        let folder = std::env::temp_dir().join(format!("netloom-wired-{id}"));
        std::fs::create_dir_all(&folder)?;
        // The wire itself is this program; the namespace is only there to be removed.
        let nowhere = format!("nlw{id}-x");
        ip(&["netns", "add", &nowhere])?;
        let mut ground = Self { folder: folder.clone(), bridge: nowhere, hosts: Vec::new() };
        let mut devices = Vec::new();
        for number in 1..=3 {
            let namespace = format!("nlw{id}-{number}");
            let host = Host {
                namespace: namespace.clone(),
                folder: folder.join(format!("host-{number}")),
                address: format!("198.18.0.{number}"),
                netloom: netloom.to_owned(),
                environment: Vec::new(),
            };
            std::fs::create_dir_all(&host.folder)?;
            ip(&["netns", "add", &namespace])?;
            let inside = NamespaceHandle::open(&Path::new("/run/netns").join(&namespace))?;
            let only = TunnelPreference::Only(TunnelKind::Tun);
            let mut device = TunnelDevice::create(&inside, "eth0", only)?;
            let offloads = device.set_offloads(TunnelOffloads { tcp: true, udp: true });
            anyhow::ensure!(offloads.udp, "this kernel's TUN devices take no pieces of UDP");
            let address = format!("{}/24", host.address);
            ip(&["-n", &namespace, "addr", "add", &address, "dev", "eth0"])?;
            ip(&["-n", &namespace, "link", "set", "eth0", "mtu", "1500", "up"])?;
            ip(&["-n", &namespace, "link", "set", "lo", "up"])?;
            devices.push(device);
            ground.hosts.push(host);
        }
        let shared = Arc::new(Shared::default());
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || carry(&mut devices, &shared)
        });
        Ok((ground, Wire { shared, thread: Some(thread) }))
    }
}

impl Wire {
    /// Breaks pieces from the first to the second host in this way from now on.
    pub(crate) fn set_fault(&self, fault: Fault) {
        let number = Fault::ALL.iter().position(|other| *other == fault).unwrap_or(0);
        self.shared.fault.store(number, Ordering::Relaxed);
    }

    /// Pieces that went to a host since the last call.
    pub(crate) fn take_pieces(&self, host: usize) -> u64 {
        self.shared.pieces[host].swap(0, Ordering::Relaxed)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn carry(devices: &mut [TunnelDevice], shared: &Shared) {
    let mut batch = PacketBatch::new(PARTS_MAX, PACKET_BYTES_MAX);
    let Ok(poller) = Poller::new() else { return };
    for (number, device) in devices.iter().enumerate() {
        if poller.add(device.as_fd(), number as u64).is_err() {
            return;
        }
    }
    let mut ready = Vec::new();
    while !shared.stop.load(Ordering::Relaxed) {
        if poller.wait(Some(Duration::from_millis(50)), &mut ready).is_err() {
            continue;
        }
        for from in 0..devices.len() {
            for _ in 0..16 {
                batch.clear();
                match devices[from].read_next(&mut batch) {
                    Ok(1..) => pass(devices, from, &batch, shared),
                    Ok(0) | Err(_) => break,
                }
            }
        }
    }
}

/// Brings a piece, or a packet, to the host whose address it has.
fn pass(devices: &mut [TunnelDevice], from: usize, piece: &PacketBatch, shared: &Shared) {
    let to = IpView::parse(piece.packet(0)).and_then(|view| match view.destination {
        IpAddr::V4(address) => usize::from(address.octets()[3]).checked_sub(1),
        IpAddr::V6(_) => None,
    });
    let Some(to) = to.filter(|to| *to < devices.len()) else { return };
    if piece.len() > 1 {
        shared.pieces[to].fetch_add(1, Ordering::Relaxed);
        let fault = Fault::ALL[shared.fault.load(Ordering::Relaxed)];
        if (from, to) == (0, 1) && fault != Fault::None {
            for packet in fault.applied(piece) {
                devices[to].write_packet(&packet);
            }
            return;
        }
    }
    for packet in piece.iter() {
        devices[to].write_packet(packet);
    }
}
