//! The thread that carries packets over the emulated links.

use crate::underlay::EmulatedLink;
use netloom_base::{PacketBatch, Seed, Time};
use netloom_model::fabric::LabLink;
use netloom_netem::{LinkEmulator, LinkProfile};
use netloom_sys::clock::monotonic_now;
use netloom_sys::poll::{Interest, PollSet, Waker};
use netloom_sys::tunnel::TunnelDevice;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Packets of one turn at one end.
const BATCH_PACKETS: usize = 64;
/// Longest packet on the ground.
const PACKET_BYTES_MAX: usize = 2048;

/// Carries packets until it is dropped.
#[derive(Debug)]
pub struct Emulator {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    waker: Waker,
    stop: AtomicBool,
    /// Links that were added and not taken up by the thread yet.
    added: Mutex<Vec<Link>>,
}

/// Both directions of one link.
#[derive(Debug)]
struct Link {
    ends: [TunnelDevice; 2],
    /// From each end to the other.
    ways: [LinkEmulator; 2],
}

impl Emulator {
    /// An emulator without links.
    ///
    /// # Errors
    /// The thread cannot be made.
    pub fn start() -> io::Result<Self> {
        let waker = Waker::new()?;
        let (stop, added) = (AtomicBool::new(false), Mutex::new(Vec::new()));
        let shared = Arc::new(Shared { waker, stop, added });
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("emulator".to_owned());
        let thread = thread.spawn(move || run(&own))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Adds a link between two devices.
    pub fn add(&self, link: &EmulatedLink, inner: TunnelDevice, outer: TunnelDevice, seed: u64) {
        let profile = profile(&link.profile);
        let way = |number| LinkEmulator::new(profile, Seed::from_number(seed * 2 + number));
        let link = Link { ends: [inner, outer], ways: [way(0), way(1)] };
        // A thread that panicked with the lock carries nothing any more anyway.
        if let Ok(mut added) = self.shared.added.lock() {
            added.push(link);
        }
        self.shared.waker.wake();
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.shared.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn profile(link: &LabLink) -> LinkProfile {
    LinkProfile {
        delay: link.delay,
        jitter: link.jitter,
        loss_ppm: link.loss_ppm,
        reorder_ppm: link.reorder_ppm,
        rate_bps: link.rate_bps,
    }
}

fn run(shared: &Shared) {
    let mut links: Vec<Link> = Vec::new();
    let mut batch = PacketBatch::new(BATCH_PACKETS, PACKET_BYTES_MAX);
    while !shared.stop.load(Ordering::Relaxed) {
        if let Ok(mut added) = shared.added.lock() {
            links.append(&mut added);
        }
        let next = links.iter().flat_map(|link| &link.ways).filter_map(LinkEmulator::poll_timeout);
        let next = next.map(|(time, _)| time).min();
        wait(shared, &links, next);
        let now = monotonic_now();
        for link in &mut links {
            link.carry(now, &mut batch);
        }
    }
}

fn wait(shared: &Shared, links: &[Link], next: Option<Time>) {
    let mut set = PollSet::new();
    let waker = set.add(shared.waker.as_fd(), Interest::Read);
    for end in links.iter().flat_map(|link| &link.ends) {
        set.add(end.as_fd(), Interest::Read);
    }
    let timeout = next.map(|time| (time - monotonic_now()).max(Duration::from_micros(200)));
    // An interrupted wait only makes the next turn come early.
    let _ = set.wait(timeout);
    if set.is_ready(waker) {
        shared.waker.clear();
    }
}

impl Link {
    fn carry(&mut self, now: Time, batch: &mut PacketBatch) {
        for side in [0, 1] {
            batch.clear();
            if self.ends[side].read_batch(batch).is_ok() {
                batch.iter().for_each(|packet| self.ways[side].handle_input(now, packet));
            }
            while let Some(packet) = self.ways[side].poll_transmit(now) {
                self.ends[1 - side].write([packet.as_slice()]);
            }
        }
    }
}
