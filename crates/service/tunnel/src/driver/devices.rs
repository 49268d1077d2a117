//! The thread at devices: waits for what they have, and sends it.

use super::outward::{Reader, Served};
use super::{EndOfBoth, Shared};
use netloom_node::NetworkId;
use netloom_sys::poll::Poller;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

/// Rest after a read of a device that fails again and again.
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

pub(super) struct Devices {
    shared: Arc<Shared>,
    inbox: Receiver<Ordered>,
    poller: Poller,
    /// Numbers of what is ready; kept, so that waiting allocates nothing.
    ready: Vec<u64>,
    _end: EndOfBoth,
}

impl Devices {
    pub(super) fn new(shared: Arc<Shared>, inbox: Receiver<Ordered>) -> io::Result<Self> {
        let poller = Poller::new()?;
        poller.add(shared.devices_waker.as_fd(), WAKER)?;
        let end = EndOfBoth(Arc::clone(&shared));
        Ok(Self { inbox, poller, ready: Vec::new(), _end: end, shared })
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
                self.poller.add(reader.as_fd(), u64::from(network.0))?;
                self.shared.outward().open(network, *reader);
            }
            Order::Close(network) => self.close(network),
            Order::Room(network, bytes) => self.shared.outward().make_room(network, bytes),
        }
        Ok(())
    }

    fn close(&mut self, network: NetworkId) {
        if let Some(reader) = self.shared.outward().close(network) {
            // The other handle keeps the device among what is waited for.
            let _ = self.poller.remove(reader.as_fd());
        }
    }

    /// Waits for packets or an order, or only looks for them if there is more to do.
    fn wait(&mut self) {
        let has_more = self.shared.outward().with_more().next().is_some();
        let timeout = has_more.then_some(Duration::ZERO);
        if self.poller.wait(timeout, &mut self.ready).is_err() {
            self.ready.clear();
        }
        if has_more {
            for number in self.shared.outward().with_more().map(|id| u64::from(id.0)) {
                if !self.ready.contains(&number) {
                    self.ready.push(number);
                }
            }
        }
    }

    fn serve(&mut self, network: NetworkId) {
        let served = self.shared.outward().serve(&self.shared, network);
        match served {
            Served::All | Served::More => {}
            Served::Failing => std::thread::sleep(REST),
            Served::Gone => self.close(network),
        }
    }
}

impl Drop for Devices {
    /// Devices end with who reads them, not with who holds on to the driver.
    fn drop(&mut self) {
        if let Ok(mut outward) = self.shared.outward.lock() {
            outward.close_all();
        }
    }
}
