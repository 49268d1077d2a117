//! A small packet every 10 ms, as a game sends them: how many are lost, and how long none comes through.
//!
//! A gap is the time between two arrivals. A stall is what of it is the tunnel's: from when the packet after the last
//! arrival was sent. On a machine that others use too, senders are late themselves.

use anyhow::Context as _;
use netloom_sys::namespace::NamespaceHandle;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_millis(10);
const PORT: u16 = 7000;
const PAYLOAD_BYTES: usize = 64;
/// How long a receiver waits before it looks whether it is over.
const TURN: Duration = Duration::from_millis(100);
/// How long the last packets may take.
const STRAGGLERS: Duration = Duration::from_secs(1);

/// A running trickle in one direction.
#[derive(Debug)]
pub(crate) struct Trickle {
    stop: Arc<AtomicBool>,
    sender: JoinHandle<Sent>,
    receiver: JoinHandle<Vec<Arrival>>,
}

/// A packet that came through.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    number: u64,
    at: Instant,
}

/// What was sent.
#[derive(Clone, Debug, Default)]
struct Sent {
    /// When each packet was sent.
    times: Vec<Instant>,
    /// Packets that the sender's own kernel refused.
    refused: u64,
    /// The longest time between two packets, which is the machine's fault and not the tunnel's.
    longest_pause: Duration,
}

/// All that is known in the end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) sent: u64,
    pub(crate) lost: u64,
    pub(crate) refused: u64,
    pub(crate) repeated: u64,
    pub(crate) longest_gap: Duration,
    pub(crate) longest_stall: Duration,
    /// When the longest stall ended, since the trickle began.
    pub(crate) stall_at: Duration,
    pub(crate) longest_pause: Duration,
}

impl Trickle {
    /// Begins to send from one namespace to an address of another.
    pub(crate) fn start(
        from: &NamespaceHandle,
        to: &NamespaceHandle,
        address: IpAddr,
    ) -> anyhow::Result<Self> {
        let address = SocketAddr::new(address, PORT);
        let there = to.run(|| UdpSocket::bind(address))?.context("the trickle's port")?;
        there.set_read_timeout(Some(TURN))?;
        let here = from.run(|| UdpSocket::bind("0.0.0.0:0"))?.context("a port")?;
        let stop = Arc::new(AtomicBool::new(false));
        let (ended, over) = (Arc::clone(&stop), Arc::clone(&stop));
        let sender = std::thread::spawn(move || send(&here, address, &ended));
        let receiver = std::thread::spawn(move || receive(&there, &over));
        Ok(Self { stop, sender, receiver })
    }

    /// Ends it.
    pub(crate) fn finish(self) -> anyhow::Result<Found> {
        self.stop.store(true, Ordering::Relaxed);
        let panicked = |_| anyhow::anyhow!("a thread of the trickle panicked");
        let sent = self.sender.join().map_err(panicked)?;
        let panicked = |_| anyhow::anyhow!("a thread of the trickle panicked");
        let arrivals = self.receiver.join().map_err(panicked)?;
        Ok(found(&sent, &arrivals))
    }
}

/// Compares what was sent with what came through.
fn found(sent: &Sent, arrivals: &[Arrival]) -> Found {
    let mut seen = vec![false; sent.times.len()];
    let mut found = Found {
        sent: sent.times.len() as u64,
        lost: 0,
        refused: sent.refused,
        repeated: 0,
        longest_gap: Duration::ZERO,
        longest_stall: Duration::ZERO,
        stall_at: Duration::ZERO,
        longest_pause: sent.longest_pause,
    };
    for arrival in arrivals {
        let place = seen.get_mut(arrival.number as usize);
        let is_new = place.is_some_and(|seen| !std::mem::replace(seen, true));
        found.repeated += u64::from(!is_new);
    }
    found.lost = seen.iter().filter(|seen| !**seen).count() as u64;
    let mut newest = 0;
    for pair in arrivals.windows(2) {
        newest = pair[0].number.max(newest);
        found.longest_gap = found.longest_gap.max(pair[1].at - pair[0].at);
        // What was sent next is what could have come next.
        let next_sent = sent.times.get(newest as usize + 1).copied().unwrap_or(pair[1].at);
        let stall = pair[1].at.saturating_duration_since(next_sent.max(pair[0].at));
        if stall > found.longest_stall {
            found.longest_stall = stall;
            found.stall_at = sent.times.first().map_or(Duration::ZERO, |first| pair[1].at - *first);
        }
    }
    found
}

fn send(socket: &UdpSocket, to: SocketAddr, stop: &AtomicBool) -> Sent {
    let mut sent = Sent::default();
    let mut last = Instant::now();
    let mut due = last;
    while !stop.load(Ordering::Relaxed) {
        let mut packet = [0; PAYLOAD_BYTES];
        packet[..8].copy_from_slice(&(sent.times.len() as u64).to_be_bytes());
        let now = Instant::now();
        sent.times.push(now);
        sent.refused += u64::from(socket.send_to(&packet, to).is_err());
        sent.longest_pause = sent.longest_pause.max(now - last);
        last = now;
        // What could not be sent in time is left out, not sent in a burst.
        due = (due + INTERVAL).max(now);
        std::thread::sleep(due.saturating_duration_since(now));
    }
    sent
}

fn receive(socket: &UdpSocket, stop: &AtomicBool) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    let mut over: Option<Instant> = None;
    loop {
        if over.is_none() && stop.load(Ordering::Relaxed) {
            over = Some(Instant::now());
        }
        if over.is_some_and(|since| since.elapsed() > STRAGGLERS) {
            return arrivals;
        }
        let mut packet = [0; PAYLOAD_BYTES];
        let Ok(length) = socket.recv(&mut packet) else { continue };
        if let Some(number) = packet[..length].first_chunk() {
            arrivals.push(Arrival { number: u64::from_be_bytes(*number), at: Instant::now() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_sender_did_not_send_is_no_stall() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        // The sender is late by itself for 290 ms, then two packets are lost.
        let times = [0, 10, 300, 310, 320, 330].map(at).to_vec();
        let sent = Sent { times, ..Sent::default() };
        let arrival = |number, ms| Arrival { number, at: at(ms) };
        let arrivals =
            [arrival(0, 1), arrival(1, 11), arrival(2, 301), arrival(5, 391), arrival(5, 392)];
        let found = found(&sent, &arrivals);
        assert_eq!((found.sent, found.lost, found.repeated), (6, 2, 1));
        assert_eq!(found.longest_gap, Duration::from_millis(290));
        assert_eq!(found.longest_stall, Duration::from_millis(81));
        assert_eq!(found.stall_at, Duration::from_millis(391));
    }
}
