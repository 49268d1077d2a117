//! The thread at devices: reads packets of networks, seals them, and sends them from the port.

use super::backlog::Backlog;
use super::{EndOfBoth, Output, Shared, route};
use netloom_base::PacketBatch;
use netloom_node::{NetworkId, Outbound};
use netloom_sys::clock::monotonic_now;
use netloom_sys::poll::Poller;
use netloom_sys::tunnel::{TunnelDevice, is_gone};
use netloom_sys::udp::Route;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

/// Longest packet, unless a network has longer ones.
const PACKET_BYTES_MAX: usize = 2048;
/// Reads of a device that fail one after the other, beyond which the thread rests after each: it might fail for ever.
const FAILURES_MAX: u32 = 16;
const REST: Duration = Duration::from_millis(1);
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
    /// Reads that have failed since the last packet.
    failures: u32,
}

impl Reader {
    pub(super) fn new(device: TunnelDevice, is_gone: Arc<AtomicBool>) -> Self {
        Self { device, is_gone, backlog: Backlog::new(PACKET_BYTES_MAX), failures: 0 }
    }

    /// Whether there is something to send without waiting for the device.
    fn has_more(&self) -> bool {
        self.device.has_rest() || !self.backlog.is_empty()
    }

    /// Reads what the device has, as far as there is room; gives how many packets could not be read. `None` once the link is gone.
    fn read(&mut self) -> Option<u64> {
        let Self { device, backlog, failures, .. } = self;
        let failed = read_into(backlog, failures, |batch| device.read_next(batch))?;
        Some(failed + device.take_unreadable())
    }
}

/// Fills a backlog until there is no room, nothing waits, or a read fails; gives how many did. `None` once the link is gone.
fn read_into(
    backlog: &mut Backlog,
    failures: &mut u32,
    mut read: impl FnMut(&mut PacketBatch) -> io::Result<usize>,
) -> Option<u64> {
    loop {
        match backlog.fill(&mut read) {
            Some(Ok(1..)) => *failures = 0,
            None | Some(Ok(0)) => return Some(0),
            Some(Err(error)) if is_gone(&error) => return None,
            // One packet that the kernel cannot hand over is no reason to leave the others: the poller knows of them.
            Some(Err(_)) => {
                *failures = failures.saturating_add(1);
                return Some(1);
            }
        }
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
        let Some(reader) = self.readers.get_mut(&network) else { return };
        let Some(unreadable) = reader.read() else {
            reader.is_gone.store(true, Ordering::Release);
            return self.close(network);
        };
        if unreadable > 0 {
            self.shared.engine().node.note_unreadable(unreadable);
        }
        if reader.failures > FAILURES_MAX {
            std::thread::sleep(REST);
        }
        let backlog = &mut reader.backlog;
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
            packets.map(move |index| {
                let index = *index as usize;
                (Route { ecn: batch.ecn(index), ..route }, batch.packet(index))
            })
        });
        let written = shared.outlet().send(packets);
        let refused = shared.send(&mut self.output);
        let mut engine = shared.engine();
        engine.traffic.to_port.note(written.packets);
        engine.socket_drops += written.dropped as u64 + refused;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a device says, turn by turn; a number is that of packets.
    fn read(backlog: &mut Backlog, failures: &mut u32, said: &[Result<usize, i32>]) -> Option<u64> {
        let mut said = said.iter();
        read_into(backlog, failures, |batch| match said.next() {
            Some(Ok(packets)) => {
                (0..*packets).for_each(|_| assert!(batch.push(&[0x45; 100])));
                Ok(*packets)
            }
            Some(Err(number)) => Err(io::Error::from_raw_os_error(*number)),
            None => Ok(0),
        })
    }

    const INVALID_ARGUMENT: i32 = 22;
    const NO_MEMORY: i32 = 12;

    #[test]
    fn a_read_that_fails_is_counted_and_the_next_one_goes_on() {
        let (mut backlog, mut failures) = (Backlog::new(PACKET_BYTES_MAX), 0);
        for error in [INVALID_ARGUMENT, NO_MEMORY] {
            assert_eq!(read(&mut backlog, &mut failures, &[Ok(1), Err(error)]), Some(1));
        }
        assert_eq!(failures, 1, "a packet came in between");
        assert_eq!(read(&mut backlog, &mut failures, &[Ok(1), Ok(1)]), Some(0));
        assert_eq!(failures, 0);
        let mut sent = 0;
        backlog.send_ahead(|batch| sent += batch.len());
        assert_eq!(sent, 4);
    }

    #[test]
    fn a_link_that_is_gone_is_read_no_more() {
        // EBADFD, ENODEV, ENXIO, ENETDOWN.
        for error in [77, 19, 6, 100] {
            let (mut backlog, mut failures) = (Backlog::new(PACKET_BYTES_MAX), 0);
            assert_eq!(read(&mut backlog, &mut failures, &[Ok(1), Err(error)]), None);
        }
    }
}
