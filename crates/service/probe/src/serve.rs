//! Built-in servers of a workload: HTTP, TCP echo and UDP echo, until they are stopped.

mod echo;
mod http;
mod listen;
mod pool;

use listen::{Listener, listen};
use netloom_model::fabric::ServeKind;
use pool::Pool;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Most connections of one [`Server`] at once; more wait in the kernel's queue.
pub const CONNECTIONS_MAX: usize = 256;
/// A connection that is silent for so long is closed.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Stack of a connection's thread in bytes: it holds one buffer and calls shallowly.
const STACK_BYTES: usize = 256 * 1024;

/// Why the built-in servers could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The port is taken.
    #[error(
        "cannot serve {kind} on port {port}: it is taken; stop what listens there (`ss -lnp`), \
         or give the workload another port under attach.serve"
    )]
    PortTaken {
        /// What was to be served.
        kind: &'static str,
        /// The port.
        port: u16,
    },
    /// The port is below 1024 and this process may not have it.
    #[error(
        "cannot serve {kind} on port {port}: ports below 1024 need CAP_NET_BIND_SERVICE; \
         choose one from 1024 on, or run as root"
    )]
    PortPrivileged {
        /// What was to be served.
        kind: &'static str,
        /// The port.
        port: u16,
    },
    /// It could not be bound for another reason.
    #[error("cannot serve {kind} on port {port}: {source}; is the network stack up (`ip link`)?")]
    Bind {
        /// What was to be served.
        kind: &'static str,
        /// The port.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// No thread could be started.
    #[error("cannot start a thread: {source}; raise the limit on processes (ulimit -u)")]
    Thread {
        /// Why.
        source: io::Error,
    },
}

/// Running built-in servers; dropped, they stop.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<(ServeKind, SocketAddr)>,
    threads: Vec<JoinHandle<()>>,
    stopper: Stopper,
}

/// Stops a [`Server`] from another thread.
#[derive(Clone, Debug)]
pub struct Stopper {
    listeners: Arc<Vec<Listener>>,
    pool: Arc<Pool>,
}

impl Server {
    /// Binds every port, on all addresses of both families, and serves at once.
    ///
    /// `name` is the workload's name, which the HTTP server tells its callers. Port 0 lets the
    /// kernel choose ([`Self::addresses`]). A UDP answer leaves from the address that the kernel
    /// prefers towards the caller, so a workload with several addresses of a family should be
    /// asked at its first.
    pub fn start(name: &str, servers: &[(ServeKind, u16)]) -> Result<Self, ServeError> {
        let mut listeners = Vec::new();
        for (kind, port) in servers {
            listeners.extend(listen(*kind, *port)?);
        }
        let addresses =
            listeners.iter().map(|listener| (listener.kind(), listener.address())).collect();
        // Each listener holds the room for the connection that it waits for.
        let pool = Arc::new(Pool::new(CONNECTIONS_MAX + listeners.len()));
        let stopper = Stopper { listeners: Arc::new(listeners), pool };
        // Dropped on an error below, this stops the threads that have been started.
        let mut server = Self { addresses, threads: Vec::new(), stopper };
        let name: Arc<str> = name.into();
        for place in 0..server.stopper.listeners.len() {
            let (stopper, name) = (server.stopper.clone(), Arc::clone(&name));
            let thread = thread::Builder::new()
                .name("serve".to_owned())
                .stack_size(STACK_BYTES)
                .spawn(move || accept(&stopper, place, &name))
                .map_err(|source| ServeError::Thread { source })?;
            server.threads.push(thread);
        }
        Ok(server)
    }

    /// What is served, and where it is bound.
    pub fn addresses(&self) -> &[(ServeKind, SocketAddr)] {
        &self.addresses
    }

    /// A handle that ends [`Self::run`].
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Serves until a [`Stopper`] says otherwise and the last connection has been closed.
    pub fn run(mut self) {
        self.join();
    }

    /// Stops, and waits until all is closed.
    pub fn stop(mut self) {
        self.stopper.stop();
        self.join();
    }

    fn join(&mut self) {
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so; the others are still to be waited for.
            let _ = thread.join();
        }
        self.stopper.pool.wait_empty();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopper.stop();
        self.join();
    }
}

impl Stopper {
    /// Stops the servers and cuts their connections.
    pub fn stop(&self) {
        self.pool.close();
        self.listeners.iter().for_each(Listener::interrupt);
    }
}

/// Serves one listener until it is stopped.
fn accept(stopper: &Stopper, place: usize, name: &Arc<str>) {
    match &stopper.listeners[place] {
        Listener::Udp { socket, .. } => echo::serve_udp(socket, &stopper.pool),
        Listener::Tcp { listener, kind, .. } => {
            while let Some(slot) = Pool::enter(&stopper.pool) {
                let stream = match listener.accept() {
                    Ok((stream, _)) => stream,
                    Err(error) if stopper.pool.is_closed() => return drop(error),
                    Err(error) => {
                        // Out of descriptors, say: without a pause this would spin.
                        if error.kind() != io::ErrorKind::Interrupted {
                            thread::sleep(Duration::from_millis(50));
                        }
                        continue;
                    }
                };
                let Some(connection) = slot.hold(stream) else { continue };
                let (kind, name) = (*kind, Arc::clone(name));
                // Without a thread the connection is closed, which is all that can be said.
                let _ = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
                    let _ = match kind {
                        ServeKind::Http => http::serve(connection.stream(), &name),
                        ServeKind::Tcp | ServeKind::Udp => echo::serve_tcp(connection.stream()),
                    };
                });
            }
        }
    }
}
