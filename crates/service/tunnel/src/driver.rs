//! Two threads on one engine: one moves packets from devices to the port, one from the port to devices.
//!
//! ```text
//! thread at devices:  read ─► plan_inner ─► seal ─► send                 lock of the engine: while planning only
//! thread at the port: receive ─► plan_outer ─► open ─► finish_outer ─► write     and for timers, handshakes, commands
//! ```
//! A batch is sealed, opened and moved outside of the lock, so that both directions go at once. What the kernel answers at
//! once to a small batch is at its device when that is written, and is sent by the thread at the port, which is awake. A
//! device is read by one thread at a time, until what it gave is sent: a flow stays in order.

mod backlog;
mod commands;
mod devices;
mod outward;
mod port;

use crate::traffic::Traffic;
pub(crate) use commands::Command;
use netloom_base::{Seed, Time};
use netloom_node::wireguard::Transmit;
use netloom_node::{Destination, MessageTransmit, NetworkId, Node, NodeConfig, Segmentation};
use netloom_sys::clock::monotonic_now;
use netloom_sys::poll::Waker;
use netloom_sys::tunnel::Written;
use netloom_sys::udp::{Pieces, Route, UdpSocket};
use outward::Outward;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

/// What both threads use.
pub(crate) struct Shared {
    engine: Mutex<Engine>,
    /// Not waited for under the engine's lock, which its holder takes.
    outward: Mutex<Outward>,
    /// For sending: what a socket is told of fragments holds for all that it sends.
    outlet: Mutex<UdpSocket>,
    pub(crate) port_waker: Waker,
    devices_waker: Waker,
    /// One of the threads has ended, and the other should.
    has_ended: AtomicBool,
}

/// What is looked at and changed under the lock.
struct Engine {
    node: Node,
    traffic: Traffic,
    /// Packets that a device refused.
    device_drops: u64,
    /// Packets that the socket refused.
    socket_drops: u64,
    /// When the thread at the port looks after timers by itself.
    looks_at: Time,
}

/// Starts both threads: that at the port, which obeys commands and ends with its inbox, then that at devices.
pub(crate) fn start(
    socket: UdpSocket,
    inbox: Receiver<Command>,
    seed: Seed,
) -> io::Result<(Arc<Shared>, [JoinHandle<()>; 2])> {
    let outlet = socket.try_clone()?;
    let node = Node::new(NodeConfig::default(), seed, monotonic_now());
    let shared = Arc::new(Shared {
        engine: Mutex::new(Engine::new(node)),
        outward: Mutex::new(Outward::new()),
        outlet: Mutex::new(outlet),
        port_waker: Waker::new()?,
        devices_waker: Waker::new()?,
        has_ended: AtomicBool::new(false),
    });
    let (orders, devices_inbox) = mpsc::channel();
    let mut devices = devices::Devices::new(Arc::clone(&shared), devices_inbox)?;
    let mut port = port::Port::new(socket, Arc::clone(&shared), inbox, orders)?;
    // A thread that cannot be started takes its half along, which ends the other.
    let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
    let at_devices = named("tunnels-out").spawn(move || devices.run())?;
    let at_port = named("tunnels-in").spawn(move || port.run())?;
    Ok((shared, [at_port, at_devices]))
}

impl Shared {
    fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().expect("what the other thread was changing when it panicked is lost")
    }

    fn outward(&self) -> MutexGuard<'_, Outward> {
        self.outward.lock().expect("a thread that panics while it sends ends the other too")
    }

    fn outlet(&self) -> MutexGuard<'_, UdpSocket> {
        self.outlet.lock().expect("a thread that panics while it sends ends the other too")
    }

    fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// Has both threads end.
    fn end(&self) {
        self.has_ended.store(true, Ordering::Release);
        self.port_waker.wake();
        self.devices_waker.wake();
    }

    /// Sends what the engine has made by itself; gives how many packets the socket refused.
    fn send(&self, output: &mut Output) -> u64 {
        if output.transmits.is_empty() && output.messages.is_empty() {
            return 0;
        }
        let mut outlet = self.outlet();
        let mut dropped = 0;
        for transmit in output.transmits.drain(..) {
            let route = Route { ecn: transmit.ecn, ..Route::from(transmit.to) };
            dropped += outlet.send([(route, transmit.datagram.as_slice())]).dropped;
        }
        for message in output.messages.drain(..) {
            let route = Route { may_fragment: false, ecn: message.ecn, ..Route::from(message.to) };
            let datagrams = message.datagrams.iter().map(|datagram| (route, datagram.as_slice()));
            // One that the kernel refuses as too long has found what it was sent for.
            let _ = outlet.send(datagrams);
        }
        dropped as u64
    }
}

impl Engine {
    fn new(node: Node) -> Self {
        Self {
            node,
            traffic: Traffic::default(),
            device_drops: 0,
            socket_drops: 0,
            looks_at: Time::ZERO,
        }
    }

    /// Takes what the engine has made by itself, and forgets its events.
    fn take(&mut self, output: &mut Output) {
        output.transmits.extend(std::iter::from_fn(|| self.node.poll_transmit()));
        output.messages.extend(std::iter::from_fn(|| self.node.poll_message()));
        output.packets.extend(std::iter::from_fn(|| self.node.poll_packet()));
        while self.node.poll_event().is_some() {}
    }

    /// Whether a timer goes off before the thread at the port looks after them; it does from now on.
    fn is_due_sooner(&mut self) -> bool {
        let due = self.node.poll_timeout().map_or(Time(u64::MAX), |(due, _)| due);
        let is_sooner = due < self.looks_at;
        self.looks_at = self.looks_at.min(due);
        is_sooner
    }
}

/// What the engine has made by itself, beside batches. To be kept and used again.
#[derive(Default)]
struct Output {
    transmits: Vec<Transmit>,
    messages: Vec<MessageTransmit>,
    packets: Vec<(NetworkId, Vec<u8>)>,
}

/// Ends both threads with the one that it belongs to, however that ends.
struct EndOfBoth(Arc<Shared>);

impl Drop for EndOfBoth {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn route(destination: &Destination<'_>) -> Route {
    let pieces = match destination.segmentation {
        Segmentation::Pieces => Pieces::Any,
        Segmentation::EqualPieces => Pieces::Equal,
        Segmentation::Apart => Pieces::None,
    };
    Route { pieces, may_fragment: destination.may_fragment, ..Route::from(destination.to) }
}

/// Adds what a device or the socket has taken and refused.
fn add(sum: &mut Written, written: Written) {
    sum.packets += written.packets;
    sum.dropped += written.dropped;
}
