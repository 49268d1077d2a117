//! The resolver of a network: answers its names, and forwards the rest from the host's namespace.
//!
//! ```text
//! network's namespace                      host's namespace
//!   UDP :53, TCP :53, one each ─► one thread ─► zone │ forwarder ─► UDP, one socket per attempt
//!   per address                    (poll)                       └─► TCP, a thread per exchange
//! ```
//! One thread drives everything, so that the machines need no locks; only the zone, the upstreams
//! and the counters are shared. Every bound is a named constant.
#![forbid(unsafe_code)]

mod connection;
mod counters;
mod names;
mod sockets;
mod upstream;
mod worker;

pub use connection::{CONNECTIONS_MAX, IDLE_TIMEOUT};
pub use counters::{Dropped, ResolverCounters};
pub use names::zone_of;
pub use netloom_dns::{Zone, ZoneError};

use netloom_base::Seed;
use netloom_dns::ResolvConf;
use netloom_sys::namespace::{NamespaceError, NamespaceHandle};
use netloom_sys::poll::Waker;
use netloom_sys::process;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use worker::Worker;

/// The port of DNS.
pub const PORT: u16 = 53;
/// Where a host names its resolvers.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// What a resolver is made of.
#[derive(Clone, Debug)]
pub struct ResolverConfig {
    /// Addresses to listen on; each has sockets of its own, so that answers leave from the
    /// address that was asked. With each, what is answered there.
    pub listen: Vec<(IpAddr, Arc<Zone>)>,
    /// Port to listen on: [`PORT`], or 0 for one of the kernel's choice on each address.
    pub port: u16,
    /// Resolvers for everything else; those of the host's `/etc/resolv.conf` if empty.
    pub upstreams: Vec<SocketAddr>,
}

/// Why a resolver could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolverError {
    /// The network's namespace could not be entered.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// An address could not be listened on.
    #[error("cannot answer DNS on {address} ({transport}): {source}{}", remedy(.source))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// `udp` or `tcp`.
        transport: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The kernel gave no descriptor, thread or randomness.
    #[error("cannot start the resolver: {0}; raise the limits on files and processes (ulimit -nu)")]
    Resources(#[source] io::Error),
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; another DNS server has it: stop that (`ss -lnup`)",
        io::ErrorKind::AddrNotAvailable => "; the address must be on an interface of the network",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need CAP_NET_BIND_SERVICE",
        _ => "",
    }
}

/// A running resolver; dropped, it stops.
#[derive(Debug)]
pub struct Resolver {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    thread: Option<JoinHandle<()>>,
}

/// What the driver's thread shares with the owner.
#[derive(Debug)]
struct Shared {
    /// One for each address.
    zones: Mutex<Arc<[Arc<Zone>]>>,
    upstreams: Mutex<Vec<SocketAddr>>,
    counters: Mutex<ResolverCounters>,
    stopped: AtomicBool,
    waker: Waker,
}

impl Resolver {
    /// Listens inside a network's namespace, and forwards from the caller's.
    pub fn start_in(
        config: ResolverConfig,
        namespace: &NamespaceHandle,
    ) -> Result<Self, ResolverError> {
        Self::start(config, |open| namespace.run(open))
    }

    /// Listens where `inside` runs what it is given, and forwards from the caller's namespace.
    pub fn start(
        config: ResolverConfig,
        inside: impl FnOnce(&mut (dyn FnMut() + Send)) -> Result<(), NamespaceError>,
    ) -> Result<Self, ResolverError> {
        let (listen, zones): (Vec<IpAddr>, Vec<Arc<Zone>>) = config.listen.into_iter().unzip();
        let mut bound = Ok(Vec::new());
        inside(&mut || bound = sockets::bind(&listen, config.port))?;
        let bound = bound?;
        let addresses: Vec<SocketAddr> = bound.iter().map(|sockets| sockets.address).collect();
        let mut seed = [0; 32];
        process::random(&mut seed).map_err(ResolverError::Resources)?;
        let shared = Arc::new(Shared {
            zones: Mutex::new(zones.into()),
            upstreams: Mutex::new(upstreams(config.upstreams, &addresses)),
            counters: Mutex::default(),
            stopped: AtomicBool::new(false),
            waker: Waker::new().map_err(ResolverError::Resources)?,
        });
        let worker = Worker::new(Arc::clone(&shared), bound, Seed(seed));
        let thread = thread::Builder::new()
            .name("resolver".to_owned())
            .spawn(move || worker.run())
            .map_err(ResolverError::Resources)?;
        Ok(Self { shared, addresses, thread: Some(thread) })
    }

    /// Where it listens, over UDP and TCP.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Answers from other zones from the next query on; no query is lost. What is not said of an
    /// address that it listens on stays.
    pub fn set_zones(&self, zones: &[(IpAddr, Arc<Zone>)]) {
        let mut shared = lock(&self.shared.zones);
        let next = self.addresses.iter().zip(shared.iter()).map(|(address, old)| {
            let new = zones.iter().find(|(asked, _)| *asked == address.ip());
            Arc::clone(new.map_or(old, |(_, zone)| zone))
        });
        *shared = next.collect();
        self.shared.waker.wake();
    }

    /// Asks other resolvers from the next query on; those of the host, read anew, if empty.
    pub fn set_upstreams(&self, given: Vec<SocketAddr>) {
        *lock(&self.shared.upstreams) = upstreams(given, &self.addresses);
        self.shared.waker.wake();
    }

    /// What became of queries so far.
    pub fn counters(&self) -> ResolverCounters {
        *lock(&self.shared.counters)
    }

    /// Stops, and waits until all sockets of the network are closed.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.shared.waker.wake();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported where it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.end();
    }
}

/// Those that are given, or the host's; never this resolver itself, which would ask for ever.
fn upstreams(given: Vec<SocketAddr>, own: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut upstreams = given;
    if upstreams.is_empty() {
        let text = std::fs::read_to_string(RESOLV_CONF).unwrap_or_default();
        let nameservers = ResolvConf::parse(&text).nameservers;
        upstreams = nameservers.into_iter().map(|address| (address, PORT).into()).collect();
    }
    upstreams.retain(|upstream| !own.contains(upstream));
    upstreams
}

/// What is shared is whole between any two statements, so a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
