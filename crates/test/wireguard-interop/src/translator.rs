//! A network address translator on the router, whose mapping can be changed under way.
//!
//! Towards the host it stands for the other end, towards the other end for the host. A rebinding
//! gives the host another outer address and port at once, as a restarted home router does.

use crate::{Family, Side, ground};
use anyhow::Context as _;
use netloom_sys::namespace::NamespaceHandle;
use netloom_sys::poll::{Interest, PollSet};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The first port that it uses towards the other end.
const FIRST_PORT: u16 = 40_000;
/// How soon a rebinding takes effect.
const TURN: Duration = Duration::from_millis(10);
/// Longest datagram that is passed on.
const DATAGRAM_BYTES_MAX: usize = 2048;

/// A running translator, stopped when dropped.
#[derive(Debug)]
pub struct Translator {
    side: Side,
    family: Family,
    router: NamespaceHandle,
    /// Where the host finds the other end.
    pub inside: SocketAddr,
    /// What the other end knows the host as.
    pub outside: SocketAddr,
    current: Arc<Mutex<Arc<UdpSocket>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    rebindings: u8,
}

impl Translator {
    /// Starts one for the host at `host`, which talks to `target`.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn start(
        router: &NamespaceHandle,
        side: Side,
        family: Family,
        host: SocketAddr,
        target: SocketAddr,
    ) -> anyhow::Result<Self> {
        let bind = |address: SocketAddr| router.run(|| bind(address));
        let first = 10 * side as u8 + 1;
        let inside = SocketAddr::new(ground::router_address(family, first), FIRST_PORT);
        let outside = SocketAddr::new(ground::router_address(family, first + 1), FIRST_PORT + 1);
        let near = bind(inside)??;
        let current = Arc::new(Mutex::new(Arc::new(bind(outside)??)));
        let stop = Arc::new(AtomicBool::new(false));
        let (far, ended) = (Arc::clone(&current), Arc::clone(&stop));
        let thread = std::thread::Builder::new()
            .name("translator".to_owned())
            .spawn(move || pass_on(&near, &far, host, target, &ended))?;
        let (router, thread) = (router.try_clone()?, Some(thread));
        Ok(Self { side, family, router, inside, outside, current, stop, thread, rebindings: 0 })
    }

    /// Gives the host another outer address and another port.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn rebind(&mut self) -> anyhow::Result<()> {
        self.rebindings += 1;
        let place = 10 * self.side as u8 + 2 + self.rebindings % 2;
        let port = FIRST_PORT + 1 + u16::from(self.rebindings);
        let outside = SocketAddr::new(ground::router_address(self.family, place), port);
        let socket = self.router.run(|| bind(outside))??;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(socket);
        self.outside = outside;
        Ok(())
    }
}

impl Drop for Translator {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn bind(address: SocketAddr) -> anyhow::Result<UdpSocket> {
    let socket = UdpSocket::bind(address).with_context(|| format!("cannot bind {address}"))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn pass_on(
    near: &UdpSocket,
    far: &Mutex<Arc<UdpSocket>>,
    mut host: SocketAddr,
    mut target: SocketAddr,
    stop: &AtomicBool,
) {
    let mut buffer = [0; DATAGRAM_BYTES_MAX];
    while !stop.load(Ordering::Relaxed) {
        let far = Arc::clone(&far.lock().unwrap_or_else(PoisonError::into_inner));
        let mut set = PollSet::new();
        set.add(near.as_fd(), Interest::Read);
        set.add(far.as_fd(), Interest::Read);
        if set.wait(Some(TURN)).is_err() {
            return;
        }
        // What a full queue refuses is lost, as on any wire.
        while let Ok((length, from)) = near.recv_from(&mut buffer) {
            host = from;
            let _ = far.send_to(&buffer[..length], target);
        }
        while let Ok((length, from)) = far.recv_from(&mut buffer) {
            target = from;
            let _ = near.send_to(&buffer[..length], host);
        }
    }
}
