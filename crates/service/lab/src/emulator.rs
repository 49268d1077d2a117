//! The thread that carries packets over the emulated links.

use crate::underlay::EmulatedLink;
use netloom_base::{PacketBatch, Seed, Time};
use netloom_model::fabric::LabLink;
use netloom_netem::{LinkEmulator, LinkProfile};
use netloom_sys::clock::monotonic_now;
use netloom_sys::poll::{Interest, PollSet, Waker};
use netloom_sys::tunnel::TunnelDevice;
use std::collections::BTreeMap;
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

/// A link as it is to be, with its devices if they are new.
pub type Wanted = (EmulatedLink, Option<[TunnelDevice; 2]>);

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
    /// Links as they are to be, until the thread has taken them up.
    wanted: Mutex<Option<Vec<Wanted>>>,
}

/// Both directions of one link.
#[derive(Debug)]
struct Link {
    region: String,
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
        let (stop, wanted) = (AtomicBool::new(false), Mutex::new(None));
        let shared = Arc::new(Shared { waker, stop, wanted });
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("emulator".to_owned());
        let thread = thread.spawn(move || run(&own))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Carries exactly these links from now on: new ones by their devices, those that stay with
    /// the properties that they have now, and no others.
    pub fn set(&self, links: Vec<Wanted>) {
        // A thread that panicked with the lock carries nothing any more anyway.
        if let Ok(mut wanted) = self.shared.wanted.lock() {
            *wanted = Some(links);
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
        if let Some(wanted) = shared.wanted.lock().ok().and_then(|mut wanted| wanted.take()) {
            links = changed(links, wanted);
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

/// The links as they are to be, made of those that are carried and of new devices.
fn changed(before: Vec<Link>, wanted: Vec<Wanted>) -> Vec<Link> {
    let mut before: BTreeMap<String, Link> =
        before.into_iter().map(|link| (link.region.clone(), link)).collect();
    let mut after = Vec::new();
    for (seed, (link, devices)) in (0..).zip(wanted) {
        let old = before.remove(&link.region);
        let Some(ends) = devices.or_else(|| old.map(|old| old.ends)) else { continue };
        let way = |side: u64| {
            LinkEmulator::new(profile(&link.profile), Seed::from_number(seed * 2 + side))
        };
        after.push(Link { ways: [way(0), way(1)], region: link.region, ends });
    }
    after
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
                self.ends[1 - side].write_packet(&packet);
            }
        }
    }
}
