//! The thread at the port: opens datagrams and hands packets to devices; timers, handshakes and commands are its too.

use super::devices::{Order, Ordered};
use super::outward::Served;
use super::{Command, EndOfBoth, Output, Shared, add};
use crate::{Offloads, TunnelServiceError};
use netloom_base::{PacketBatch, Time, WallTime};
use netloom_node::{Inbound, NetworkId};
use netloom_sys::clock::{monotonic_now, wall_now};
use netloom_sys::poll::Poller;
use netloom_sys::tunnel::{TunnelDevice, TunnelKind, Written};
use netloom_sys::udp::UdpSocket;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

/// What the socket gives at once, each up to 64 KiB of datagrams of one flow.
const OUTER_REGIONS: usize = 8;
const OUTER_REGION_BYTES: usize = 65_535;
/// Packets of one turn at the socket.
const OUTER_PACKETS_MAX: usize = 1024;
/// Handshakes that are answered, and peers whose timers are looked after, between two batches of
/// packets: each may cost as much as some hundred packets.
const HANDSHAKES_AT_ONCE: usize = 4;
/// Turns at the socket before timers and commands get theirs, and packets of one turn after which it is the last.
const TURNS_MAX: usize = 8;
const TURN_PACKETS_MAX: usize = 64;
/// Packets of one turn, up to which answers of the kernel are sent by the same thread.
const ANSWERED_PACKETS_MAX: usize = 16;
const WAKER: u64 = 0;
pub(super) const SOCKET: u64 = 1;

pub(super) struct Port {
    pub(super) shared: Arc<Shared>,
    pub(super) inbox: Receiver<Command>,
    pub(super) orders: Sender<Ordered>,
    pub(super) socket: UdpSocket,
    pub(super) offloads: Offloads,
    /// No earlier time goes into handshakes.
    pub(super) wall_floor: WallTime,
    pub(super) devices: BTreeMap<NetworkId, Writer>,
    pub(super) poller: Poller,
    /// Numbers of what is ready; kept, so that waiting allocates nothing.
    ready: Vec<u64>,
    batch: PacketBatch,
    sources: Vec<SocketAddr>,
    inbound: Inbound,
    output: Output,
    _end: EndOfBoth,
}

/// A device's writing handle.
pub(super) struct Writer {
    pub(super) device: TunnelDevice,
    /// Whether the thread at devices has found the link gone.
    pub(super) is_gone: Arc<AtomicBool>,
}

impl Port {
    pub(super) fn new(
        mut socket: UdpSocket,
        shared: Arc<Shared>,
        inbox: Receiver<Command>,
        orders: Sender<Ordered>,
    ) -> io::Result<Self> {
        socket.set_receive_offload(true);
        let poller = Poller::new()?;
        poller.add(shared.port_waker.as_fd(), WAKER)?;
        poller.add(socket.as_fd(), SOCKET)?;
        Ok(Self {
            inbox,
            orders,
            socket,
            offloads: Offloads::default(),
            wall_floor: WallTime(0),
            devices: BTreeMap::new(),
            poller,
            ready: Vec::new(),
            batch: PacketBatch::in_regions(OUTER_REGIONS, OUTER_REGION_BYTES, OUTER_PACKETS_MAX),
            sources: Vec::with_capacity(OUTER_PACKETS_MAX),
            inbound: Inbound::new(),
            output: Output::default(),
            _end: EndOfBoth(Arc::clone(&shared)),
            shared,
        })
    }

    /// Runs until the inbox is closed.
    pub(super) fn run(&mut self) {
        while !self.shared.has_ended() && self.obey() {
            let timeout = self.handle_timers();
            if self.poller.wait(timeout, &mut self.ready).is_err() {
                self.ready.clear();
            }
            for place in 0..self.ready.len() {
                match self.ready[place] {
                    WAKER => drop(self.shared.port_waker.clear()),
                    _ => self.receive(),
                }
            }
        }
    }

    /// Does what is due; gives how long there is nothing more to do, or none for ever.
    fn handle_timers(&mut self) -> Option<Duration> {
        let (now, wall) = (monotonic_now(), wall_now().max(self.wall_floor));
        let mut engine = self.shared.engine();
        engine.node.handle_timers(now, wall, HANDSHAKES_AT_ONCE);
        let more = engine.node.handle_handshakes(now, HANDSHAKES_AT_ONCE);
        engine.take(&mut self.output);
        let due = engine.node.poll_timeout().map(|(due, _)| due);
        engine.looks_at = due.unwrap_or(Time(u64::MAX));
        drop(engine);
        self.deliver(Written::default());
        if more { Some(Duration::ZERO) } else { due.map(|due| due - monotonic_now()) }
    }

    fn receive(&mut self) {
        for _ in 0..TURNS_MAX {
            self.batch.clear();
            self.sources.clear();
            let received = self.socket.receive_batch(&mut self.batch, &mut self.sources);
            // An error of the socket stands for one datagram, which nobody has seen.
            let unreadable = self.socket.take_unreadable() + u64::from(received.is_err());
            if unreadable > 0 {
                self.shared.engine().node.note_unreadable(unreadable);
            }
            if received.unwrap_or(0) == 0 {
                return;
            }
            let (now, packets) = (monotonic_now(), self.batch.len());
            let sources = &self.sources;
            let mut engine = self.shared.engine();
            engine.traffic.from_port.note(packets);
            engine.node.plan_outer(now, |index| sources[index], &self.batch, &mut self.inbound);
            drop(engine);
            self.inbound.open(&mut self.batch);
            let mut engine = self.shared.engine();
            engine.node.finish_outer(now, &mut self.batch, &mut self.inbound);
            engine.take(&mut self.output);
            drop(engine);
            let written = self.write_arrivals();
            self.deliver(written);
            if packets <= ANSWERED_PACKETS_MAX {
                self.send_answers();
            }
            // With room to spare it gave all that there was; what has come since, the poller tells.
            if packets >= TURN_PACKETS_MAX || self.batch.free_regions() > 0 {
                return;
            }
        }
    }

    fn write_arrivals(&mut self) -> Written {
        let mut sum = Written::default();
        for arrival in self.inbound.arrivals() {
            let Some(Writer { device, .. }) = self.devices.get_mut(&arrival.network) else {
                continue;
            };
            if device.kind() == TunnelKind::StandIn {
                let packets = arrival.packets.iter();
                packets.for_each(|packet| self.batch.complete_checksum(*packet as usize));
            }
            add(&mut sum, device.write(&self.batch, arrival.packets.iter().copied()));
        }
        sum
    }

    /// Sends what the kernel has answered at once, as it does to echo requests and new connections: it is at the device by now, and
    /// waking the other thread for it would cost more than the answer. Bulk is left to that thread, beside this one.
    fn send_answers(&self) {
        let Ok(mut outward) = self.shared.outward.try_lock() else { return };
        for arrival in self.inbound.arrivals() {
            if outward.serve(&self.shared, arrival.network) != Served::All {
                self.shared.devices_waker.wake();
            }
        }
    }

    /// Hands on what the engine has made by itself, and counts it with what was `written` to devices before.
    fn deliver(&mut self, written: Written) {
        let socket_drops = self.shared.send(&mut self.output);
        let mut device_drops = written.dropped as u64;
        for (network, packet) in self.output.packets.drain(..) {
            let writer = self.devices.get_mut(&network);
            let taken = writer.is_some_and(|writer| writer.device.write_packet(&packet));
            device_drops += u64::from(!taken);
        }
        if written.packets > 0 || device_drops > 0 || socket_drops > 0 {
            let mut engine = self.shared.engine();
            engine.traffic.to_devices.note(written.packets);
            engine.device_drops += device_drops;
            engine.socket_drops += socket_drops;
        }
    }

    /// Has the thread at devices do something, and waits until it is done. Not under the engine's lock, which that
    /// thread may want before.
    pub(super) fn order(&self, order: Order) -> Result<(), TunnelServiceError> {
        let (done, answer) = mpsc::channel();
        self.orders.send((order, done)).map_err(|_| TunnelServiceError::Ended)?;
        self.shared.devices_waker.wake();
        let done = answer.recv().map_err(|_| TunnelServiceError::Ended)?;
        done.map_err(TunnelServiceError::Poll)
    }
}
