//! The way out of a network: what its device has is read, sealed, and sent from the port.

use super::backlog::Backlog;
use super::{Output, Shared, route};
use netloom_base::PacketBatch;
use netloom_node::{NetworkId, Outbound};
use netloom_sys::clock::monotonic_now;
use netloom_sys::tunnel::{TunnelDevice, Written, is_gone};
use netloom_sys::udp::Route;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Longest packet, unless a network has longer ones.
const PACKET_BYTES_MAX: usize = 2048;
/// Reads of a device that fail one after the other, beyond which one rests after each: it might fail for ever.
const FAILURES_MAX: u32 = 16;

/// The devices that are read, and what sending takes. The thread at devices uses it, and that at the port right after it has
/// written to one of them.
pub(super) struct Outward {
    readers: BTreeMap<NetworkId, Reader>,
    sending: Sending,
}

/// What came of looking after a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Served {
    /// All that was read is sent.
    All,
    /// There is more to send.
    More,
    /// It is read in vain, again and again.
    Failing,
    /// The link is gone.
    Gone,
}

/// A device's reading handle.
pub(super) struct Reader {
    device: TunnelDevice,
    /// Set once the link is gone: its owner makes another.
    is_gone: Arc<AtomicBool>,
    backlog: Backlog,
    rest: Rest,
    /// Reads that have failed since the last packet.
    failures: u32,
}

impl Reader {
    pub(super) fn new(device: TunnelDevice, is_gone: Arc<AtomicBool>) -> Self {
        let (backlog, rest) = (Backlog::new(PACKET_BYTES_MAX), Rest::new(PACKET_BYTES_MAX));
        Self { device, is_gone, backlog, rest, failures: 0 }
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

/// The last packets of a batch, sealed and left, since those that follow go with them in one piece. Else a piece of TCP of 64 KiB, which
/// is longer once it is sealed, would always be sent as a long one and a short one, which costs almost as much.
struct Rest {
    batch: PacketBatch,
    outbound: Outbound,
    packets: usize,
}

impl Rest {
    /// None, of packets of at most so many bytes.
    fn new(packet_bytes_max: usize) -> Self {
        let batch = Backlog::batch_of_bulk(packet_bytes_max);
        Self { batch, outbound: Outbound::new(), packets: 0 }
    }
}

impl Outward {
    pub(super) fn new() -> Self {
        let sending = Sending { outbound: Outbound::new(), output: Output::default() };
        Self { readers: BTreeMap::new(), sending }
    }

    /// Reads a network's device from now on, in place of an earlier one.
    pub(super) fn open(&mut self, network: NetworkId, reader: Reader) {
        self.readers.insert(network, reader);
    }

    /// Lets go of a network's device, which is given back.
    pub(super) fn close(&mut self, network: NetworkId) -> Option<Reader> {
        self.readers.remove(&network)
    }

    /// Lets go of all devices.
    pub(super) fn close_all(&mut self) {
        self.readers.clear();
    }

    /// Makes room for packets of so many bytes.
    pub(super) fn make_room(&mut self, network: NetworkId, bytes: usize) {
        let reader = self.readers.get_mut(&network);
        // What waits in the old one is lost, as where a link changes its MTU.
        if let Some(reader) = reader.filter(|one| bytes > one.backlog.packet_bytes_max()) {
            (reader.backlog, reader.rest) = (Backlog::new(bytes), Rest::new(bytes));
        }
    }

    /// Networks with something to send without waiting for their devices.
    pub(super) fn with_more(&self) -> impl Iterator<Item = NetworkId> {
        self.readers.iter().filter(|(_, reader)| reader.has_more()).map(|(network, _)| *network)
    }

    /// Reads what a network's device has, as far as there is room; sends the small packets and one batch of bulk.
    pub(super) fn serve(&mut self, shared: &Shared, network: NetworkId) -> Served {
        let Some(reader) = self.readers.get_mut(&network) else { return Served::All };
        let Some(unreadable) = reader.read() else {
            reader.is_gone.store(true, Ordering::Release);
            return Served::Gone;
        };
        if unreadable > 0 {
            shared.engine().node.note_unreadable(unreadable);
        }
        let is_failing = reader.failures > FAILURES_MAX;
        let backlog = &mut reader.backlog;
        let sending = &mut self.sending;
        let rest = &mut reader.rest;
        backlog.send_ahead(|batch| sending.send(shared, network, batch, false, rest));
        backlog.send_bulk(|batch, more| sending.send(shared, network, batch, more, rest));
        let has_more = reader.has_more();
        let mut refused = 0;
        for (network, packet) in self.sending.output.packets.drain(..) {
            // Errors for who sent too long a packet.
            let reader = self.readers.get_mut(&network);
            let taken = reader.is_some_and(|reader| reader.device.write_packet(&packet));
            refused += u64::from(!taken);
        }
        if refused > 0 {
            shared.engine().device_drops += refused;
        }
        match (is_failing, has_more) {
            (true, _) => Served::Failing,
            (false, true) => Served::More,
            (false, false) => Served::All,
        }
    }
}

impl AsFd for Reader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

impl Sending {
    /// Seals packets of a network and sends them behind the `rest` of earlier ones. If `more` follow at once, some are left as the rest of
    /// now, and `batch` is another one. What is for devices is left in the output.
    fn send(
        &mut self,
        shared: &Shared,
        network: NetworkId,
        batch: &mut PacketBatch,
        more: bool,
        rest: &mut Rest,
    ) {
        let mut engine = shared.engine();
        engine.traffic.from_devices.note(batch.len());
        engine.node.plan_inner(monotonic_now(), network, batch, &mut self.outbound);
        drop(engine);
        self.outbound.seal(batch);
        let written = self.send_sealed(shared, batch, more, rest);
        // What the engine has made beside has time until the packets are on their way.
        let mut engine = shared.engine();
        engine.traffic.to_port.note(written.packets);
        engine.socket_drops += written.dropped as u64;
        engine.take(&mut self.output);
        // A first packet asks for a handshake, which the thread at the port starts.
        let wakes = engine.is_due_sooner();
        drop(engine);
        if wakes {
            shared.port_waker.wake();
        }
        let refused = shared.send(&mut self.output);
        if refused > 0 {
            shared.engine().socket_drops += refused;
        }
    }

    fn send_sealed(
        &mut self,
        shared: &Shared,
        batch: &mut PacketBatch,
        more: bool,
        rest: &mut Rest,
    ) -> Written {
        let earlier = sealed(&rest.outbound, &rest.batch, rest.packets);
        let packets = self.outbound.packets_to_send();
        let leave_max = if more { packets } else { 0 };
        let all = earlier.chain(sealed(&self.outbound, batch, packets));
        let (written, left) = shared.outlet().send_leaving(all, leave_max);
        rest.packets = left;
        if left > 0 {
            std::mem::swap(batch, &mut rest.batch);
            std::mem::swap(&mut self.outbound, &mut rest.outbound);
        }
        written
    }
}

/// The last `packets` of a sealed batch, each with its route.
fn sealed<'a>(
    outbound: &'a Outbound,
    batch: &'a PacketBatch,
    packets: usize,
) -> impl Iterator<Item = (Route, &'a [u8])> {
    let all = outbound.destinations().flat_map(|destination| {
        let (packets, route) = (destination.packets.iter(), route(&destination));
        packets.map(move |index| (*index as usize, route))
    });
    let before = outbound.packets_to_send() - packets;
    all.skip(before)
        .map(|(index, route)| (Route { ecn: batch.ecn(index), ..route }, batch.packet(index)))
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
