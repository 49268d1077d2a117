//! A NAT gateway that is killed under many connections: when new ones pass, and what becomes of the others.

use crate::world::World;
use anyhow::Context as _;
use netloom_lab::underlay::INTERNET_ADDRESS;
use netloom_model::fabric::Party;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// Where the server outside listens.
const PORT: u16 = 8080;
/// Time from one new connection to the next, and the longest that one may take.
const PACE: Duration = Duration::from_millis(20);
const CONNECT_MAX: Duration = Duration::from_millis(300);
/// How long is waited for the first new one, and for old ones to end.
const PATIENCE: Duration = Duration::from_secs(10);

const FABRIC: &str = "
version: 1
fabric: failover
regions: { here: { zones: [a] } }
networks: { app: { cidr: 10.0.0.0/16 } }
subnets: { private: { network: app, cidr: 10.0.1.0/24, nat_gateway: nat } }
nat_gateways: { nat: { network: app, nodes: [first, second] } }
nodes: { first: { region: here }, second: { region: here }, worker: { region: here } }
security_groups: { open: { egress: [{ to: all }] } }
workloads:
  client: { node: worker, subnet: private, security_groups: [open], attach: { serve: { tcp: 80 } } }
";

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Connections that were open when the gateway was killed.
    pub connections: usize,
    /// From the kill until a new connection was there.
    pub new_after: Option<Duration>,
    /// Old connections that were told that they are over.
    pub reset: usize,
    /// The longest time from the kill until one was.
    pub reset_after: Duration,
    /// Old connections that went on.
    pub went_on: usize,
    /// Old connections that heard nothing.
    pub silent: usize,
    /// New connections of a hundred, afterwards, that passed.
    pub new_passed: usize,
}

/// Kills the gateway under `count` connections.
///
/// # Errors
/// The fabric cannot be built, or no connection is there to begin with.
pub fn run(run_dir: &Path, count: usize) -> anyhow::Result<Seen> {
    let mut world = World::build(netloom_testkit::fabric(FABRIC), run_dir, None)?;
    let outside = world.namespace(&Party::Address(INTERNET_ADDRESS.into()))?;
    let address = SocketAddr::new(INTERNET_ADDRESS.into(), PORT);
    let listener = outside.run(|| TcpListener::bind(address))??;
    std::thread::spawn(move || serve(&listener));
    let client = world.namespace(&Party::Workload("client".to_owned()))?;
    let connect = |timeout| client.run(|| TcpStream::connect_timeout(&address, timeout));
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(connect(PATIENCE)?.context("a connection before the kill")?);
    }
    for stream in &mut streams {
        echo(stream, Duration::from_secs(5)).context("an echo before the kill")?;
    }
    let mut seen = Seen { connections: streams.len(), ..Seen::default() };
    let killed = Instant::now();
    world.kill("first");
    while killed.elapsed() < PATIENCE && seen.new_after.is_none() {
        if connect(CONNECT_MAX)?.is_ok() {
            seen.new_after = Some(killed.elapsed());
        }
        std::thread::sleep(PACE);
    }
    for stream in &mut streams {
        match echo(stream, Duration::from_secs(2)) {
            Ok(()) => seen.went_on += 1,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                seen.silent += 1;
            }
            Err(_) => {
                seen.reset += 1;
                seen.reset_after = killed.elapsed();
            }
        }
    }
    seen.new_passed = (0..100).filter(|_| matches!(connect(CONNECT_MAX), Ok(Ok(_)))).count();
    world.remove()?;
    Ok(seen)
}

/// Sends a byte and waits for it.
fn echo(stream: &mut TcpStream, timeout: Duration) -> std::io::Result<()> {
    stream.set_read_timeout(Some(timeout))?;
    stream.write_all(&[7])?;
    let mut byte = [0];
    stream.read_exact(&mut byte)
}

/// Sends back what each connection sends, until it ends.
fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        std::thread::spawn(move || {
            let mut byte = [0];
            while let Ok(1) = stream.read(&mut byte) {
                if stream.write_all(&byte).is_err() {
                    return;
                }
            }
        });
    }
}
