//! Ends that move by turns: to another address, or to another port.

use crate::node::Node;
use crate::place::Place;
use netloom_wireguard_interop::Side;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How often it is looked whether the other end has followed.
const LOOK: Duration = Duration::from_millis(5);
/// Longest until it has.
const FOLLOWED_MAX: Duration = Duration::from_secs(10);
/// The first port of both ends, and how many each has.
pub(crate) const PORT: u16 = 51820;
const PORTS: u16 = 8;

/// What has moved so far.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    turn: usize,
    ports: [u16; 2],
    pub(crate) made: u64,
    pub(crate) followed: u64,
    pub(crate) longest: Duration,
}

impl Moves {
    /// Moves the next one, and waits until the other end knows where it is.
    pub(crate) fn go(&mut self, place: &mut Place, nodes: &[Node; 2]) -> anyhow::Result<()> {
        let side = Side::BOTH[(self.turn / 2) % 2];
        let end = side as usize;
        if self.turn.is_multiple_of(2) {
            place.move_host(side)?;
        } else {
            self.ports[end] = (self.ports[end] + 1) % PORTS;
            nodes[end].move_to_port(PORT + self.ports[end])?;
        }
        self.turn += 1;
        self.made += 1;
        let address = SocketAddr::new(place.outer(side), PORT + self.ports[end]);
        let start = Instant::now();
        while start.elapsed() < FOLLOWED_MAX {
            if nodes[side.other() as usize].told()?.endpoint == Some(address) {
                self.followed += 1;
                self.longest = self.longest.max(start.elapsed());
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }
}
