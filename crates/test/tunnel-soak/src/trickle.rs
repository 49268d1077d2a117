//! A small packet every 10 ms, as a game sends them: how many are lost, and how long none comes through.

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
    receiver: JoinHandle<Received>,
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    packets: u64,
    /// Packets that the sender's own kernel refused.
    refused: u64,
    /// The longest time between two packets, which is the machine's fault and not the tunnel's.
    longest_pause: Duration,
}

/// What came through.
#[derive(Clone, Copy, Debug, Default)]
struct Received {
    packets: u64,
    repeated: u64,
    longest_gap: Duration,
    gap_at: Duration,
}

/// All that is known in the end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) sent: u64,
    pub(crate) lost: u64,
    pub(crate) refused: u64,
    pub(crate) repeated: u64,
    pub(crate) longest_gap: Duration,
    /// When it ended, since the trickle began.
    pub(crate) gap_at: Duration,
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
        let received = self.receiver.join().map_err(panicked)?;
        Ok(Found {
            sent: sent.packets,
            lost: sent.packets - (received.packets - received.repeated).min(sent.packets),
            refused: sent.refused,
            repeated: received.repeated,
            longest_gap: received.longest_gap,
            gap_at: received.gap_at,
            longest_pause: sent.longest_pause,
        })
    }
}

fn send(socket: &UdpSocket, to: SocketAddr, stop: &AtomicBool) -> Sent {
    let mut sent = Sent::default();
    let mut last = Instant::now();
    let mut due = last;
    while !stop.load(Ordering::Relaxed) {
        let mut packet = [0; PAYLOAD_BYTES];
        packet[..8].copy_from_slice(&sent.packets.to_be_bytes());
        sent.refused += u64::from(socket.send_to(&packet, to).is_err());
        sent.packets += 1;
        let now = Instant::now();
        sent.longest_pause = sent.longest_pause.max(now - last);
        last = now;
        // What could not be sent in time is left out, not sent in a burst.
        due = (due + INTERVAL).max(now);
        std::thread::sleep(due.saturating_duration_since(now));
    }
    sent
}

fn receive(socket: &UdpSocket, stop: &AtomicBool) -> Received {
    let (mut received, start) = (Received::default(), Instant::now());
    let mut last: Option<Instant> = None;
    let mut seen: Vec<u64> = Vec::new();
    let mut over: Option<Instant> = None;
    loop {
        if over.is_none() && stop.load(Ordering::Relaxed) {
            over = Some(Instant::now());
        }
        if over.is_some_and(|since| since.elapsed() > STRAGGLERS) {
            return received;
        }
        let mut packet = [0; PAYLOAD_BYTES];
        let Ok(length) = socket.recv(&mut packet) else { continue };
        let Some(number) = packet[..length].first_chunk().map(|n| u64::from_be_bytes(*n)) else {
            continue;
        };
        let now = Instant::now();
        if let Some(gap) = last.map(|last| now - last).filter(|gap| *gap > received.longest_gap) {
            (received.longest_gap, received.gap_at) = (gap, now - start);
        }
        last = Some(now);
        received.packets += 1;
        received.repeated += u64::from(mark(&mut seen, number));
    }
}

/// Marks a number as seen; whether it was already.
fn mark(seen: &mut Vec<u64>, number: u64) -> bool {
    let (word, bit) = ((number / 64) as usize, 1 << (number % 64));
    // A day of packets, ten milliseconds apart, fits many times.
    if word >= seen.len() && word < 1 << 20 {
        seen.resize(word + 1, 0);
    }
    let Some(word) = seen.get_mut(word) else { return false };
    let was = *word & bit != 0;
    *word |= bit;
    was
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_new_once() {
        let mut seen = Vec::new();
        for number in [0, 63, 64, 1_000] {
            assert!(!mark(&mut seen, number));
            assert!(mark(&mut seen, number));
        }
        assert!(!mark(&mut seen, 1));
    }
}
