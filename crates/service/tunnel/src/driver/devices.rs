//! The thread at devices: reads packets of networks, seals them, and sends them from the port.

use super::backlog::Backlog;
use super::{EndOfBoth, Output, Shared, route};
use netloom_base::PacketBatch;
use netloom_node::{NetworkId, Outbound};
use netloom_sys::clock::monotonic_now;
use netloom_sys::poll::Poller;
use netloom_sys::tunnel::TunnelDevice;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

/// Longest packet, unless a network has longer ones.
const PACKET_BYTES_MAX: usize = 2048;
/// Number of what wakes the thread: those of networks' devices are their own.
const WAKER: u64 = u64::MAX;

/// What the thread at the port has this one do.
pub(super) enum Order {
    /// Reads a network's device, in place of an earlier one.
    Open(NetworkId, Box<Reader>),
    /// Reads a network's device no more, and lets go of it.
    Close(NetworkId),
    /// Makes room for packets of so many bytes from a network's device.
    Room(NetworkId, usize),
}

/// An order, and where to say that it is done.
pub(super) type Ordered = (Order, Sender<io::Result<()>>);

/// A device's reading handle.
pub(super) struct Reader {
    device: TunnelDevice,
    /// Set once the link is gone: its owner makes another.
    is_gone: Arc<AtomicBool>,
    backlog: Backlog,
}

impl Reader {
    pub(super) fn new(device: TunnelDevice, is_gone: Arc<AtomicBool>) -> Self {
        Self { device, is_gone, backlog: Backlog::new(PACKET_BYTES_MAX) }
    }

    /// Whether there is something to send without waiting for the device.
    fn has_more(&self) -> bool {
        self.device.has_rest() || !self.backlog.is_empty()
    }
}

/// What sending a batch takes, to be kept and used again.
struct Sending {
    outbound: Outbound,
    output: Output,
}

pub(super) struct Devices {
    shared: Arc<Shared>,
    inbox: Receiver<Ordered>,
    readers: BTreeMap<NetworkId, Reader>,
    poller: Poller,
    /// Numbers of what is ready; kept, so that waiting allocates nothing.
    ready: Vec<u64>,
    sending: Sending,
    _end: EndOfBoth,
}

impl Devices {
    pub(super) fn new(shared: Arc<Shared>, inbox: Receiver<Ordered>) -> io::Result<Self> {
        let poller = Poller::new()?;
        poller.add(shared.devices_waker.as_fd(), WAKER)?;
        Ok(Self {
            inbox,
            readers: BTreeMap::new(),
            poller,
            ready: Vec::new(),
            sending: Sending { outbound: Outbound::new(), output: Output::default() },
            _end: EndOfBoth(Arc::clone(&shared)),
            shared,
        })
    }

    pub(super) fn run(&mut self) {
        while !self.shared.has_ended() {
            while let Ok((order, done)) = self.inbox.try_recv() {
                // Who has gone away needs no answer.
                let _ = done.send(self.obey(order));
            }
            self.wait();
            for place in 0..self.ready.len() {
                match self.ready[place] {
                    WAKER => drop(self.shared.devices_waker.clear()),
                    // Numbers of networks have 32 bits.
                    device => self.serve(NetworkId(device as u32)),
                }
            }
        }
    }

    fn obey(&mut self, order: Order) -> io::Result<()> {
        match order {
            Order::Open(network, reader) => {
                self.close(network);
                self.poller.add(reader.device.as_fd(), u64::from(network.0))?;
                self.readers.insert(network, *reader);
            }
            Order::Close(network) => self.close(network),
            Order::Room(network, bytes) => {
                let reader = self.readers.get_mut(&network);
                // What waits in the old one is lost, as where a link changes its MTU.
                if let Some(reader) = reader.filter(|one| bytes > one.backlog.packet_bytes_max()) {
                    reader.backlog = Backlog::new(bytes);
                }
            }
        }
        Ok(())
    }

    fn close(&mut self, network: NetworkId) {
        if let Some(reader) = self.readers.remove(&network) {
            // The other handle keeps the device among what is waited for.
            let _ = self.poller.remove(reader.device.as_fd());
        }
    }

    /// Waits for packets or an order, or only looks for them if there is more to do.
    fn wait(&mut self) {
        let has_more = self.readers.values().any(Reader::has_more);
        let timeout = has_more.then_some(Duration::ZERO);
        if self.poller.wait(timeout, &mut self.ready).is_err() {
            self.ready.clear();
        }
        if has_more {
            let more = self.readers.iter().filter(|(_, reader)| reader.has_more());
            for number in more.map(|(id, _)| u64::from(id.0)) {
                if !self.ready.contains(&number) {
                    self.ready.push(number);
                }
            }
        }
    }

    /// Reads what a network's device has, as far as there is room; sends the small packets and one batch of bulk.
    fn serve(&mut self, network: NetworkId) {
        let Some(Reader { device, is_gone, backlog }) = self.readers.get_mut(&network) else {
            return;
        };
        loop {
            match backlog.fill(|batch| device.read_next(batch)) {
                Some(Ok(1..)) => {}
                None | Some(Ok(0)) => break,
                Some(Err(_)) => {
                    is_gone.store(true, Ordering::Release);
                    return self.close(network);
                }
            }
        }
        let (shared, sending) = (&self.shared, &mut self.sending);
        let mut send = |batch: &mut PacketBatch| sending.send(shared, network, batch);
        backlog.send_ahead(&mut send);
        backlog.send_bulk(&mut send);
        let mut refused = 0;
        for (network, packet) in self.sending.output.packets.drain(..) {
            // Errors for who sent too long a packet.
            let reader = self.readers.get_mut(&network);
            let taken = reader.is_some_and(|reader| reader.device.write_packet(&packet));
            refused += u64::from(!taken);
        }
        if refused > 0 {
            self.shared.engine().device_drops += refused;
        }
    }
}

impl Sending {
    /// Seals packets of a network and sends them. What is for devices is left in the output.
    fn send(&mut self, shared: &Shared, network: NetworkId, batch: &mut PacketBatch) {
        let mut engine = shared.engine();
        engine.traffic.from_devices.note(batch.len());
        engine.node.plan_inner(monotonic_now(), network, batch, &mut self.outbound);
        engine.take(&mut self.output);
        // A first packet asks for a handshake, which the thread at the port starts.
        let wakes = engine.is_due_sooner();
        drop(engine);
        if wakes {
            shared.port_waker.wake();
        }
        self.outbound.seal(batch);
        let batch = &*batch;
        let packets = self.outbound.destinations().flat_map(|destination| {
            let (packets, route) = (destination.packets.iter(), route(&destination));
            packets.map(move |index| (route, batch.packet(*index as usize)))
        });
        let written = shared.outlet().send(packets);
        let refused = shared.send(&mut self.output);
        let mut engine = shared.engine();
        engine.traffic.to_port.note(written.packets);
        engine.socket_drops += written.dropped as u64 + refused;
    }
}
