//! `netloom ping`: echo requests, their replies, and what the network says instead.

mod report;

pub use report::{Echo, EchoOutcome, PingReport};

use crate::refusal::Refusal;
use crate::resolve::{Family, ResolveError, resolve};
use netloom_sys::icmp::{EchoError, EchoReply, EchoSocket};
use netloom_sys::poll::{Interest, PollSet};
use netloom_sys::process;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

/// Bytes of an echo request's payload, unless told otherwise, as many as other programs send: a token, and a filling.
const PAYLOAD_BYTES: usize = 56;
/// Bytes of it that tell our requests from others.
const TOKEN_BYTES: usize = 16;

/// What to ping, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PingOptions {
    /// Name or address.
    pub host: String,
    /// How many requests.
    pub count: u16,
    /// Between one request and the next.
    pub interval: Duration,
    /// For how long a reply is waited for.
    pub timeout: Duration,
    /// The version of IP; both, the one that the system prefers first, if `None`.
    pub family: Option<Family>,
    /// Bytes of payload; as many at least as tell our requests from others.
    pub payload_bytes: usize,
}

impl PingOptions {
    /// Four requests, one a second, each waited for as long as two seconds.
    pub fn new(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            count: 4,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(2),
            family: None,
            payload_bytes: PAYLOAD_BYTES,
        }
    }
}

/// Why no host could be pinged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PingError {
    /// The host has no address.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// No socket could be opened.
    #[error(transparent)]
    Socket(#[from] EchoError),
    /// The kernel refused to wait for the socket, or gave no randomness.
    #[error("cannot wait for replies: {0}; the host may be out of memory")]
    Wait(#[source] io::Error),
}

/// Pings a host's addresses, families taking turns, until one answers its first request; the last one gets
/// all requests in any case. `on_echo` is told of each request to the address that is reported when its fate
/// is known.
pub fn ping(
    options: &PingOptions,
    on_echo: &mut dyn FnMut(&Echo),
) -> Result<PingReport, PingError> {
    let addresses = resolve(&options.host, 0, options.family)?;
    let addresses: Vec<IpAddr> = addresses.iter().map(SocketAddr::ip).collect();
    ping_one_of(&addresses, options, on_echo)
}

fn ping_one_of(
    addresses: &[IpAddr],
    options: &PingOptions,
    on_echo: &mut dyn FnMut(&Echo),
) -> Result<PingReport, PingError> {
    let (last, others) = addresses.split_last().expect("a host that is resolved has an address");
    let mut unanswered = Vec::new();
    for address in others.iter().filter(|_| options.count > 0) {
        let mut first = Vec::new();
        let mut pinger = Pinger::new(*address, options)?;
        pinger.run(1..=1, &mut |echo| first.push(echo.clone()))?;
        if let [Echo { outcome: EchoOutcome::Failed(refusal), .. }] = &first[..] {
            unanswered.push((*address, refusal.clone()));
            continue;
        }
        first.iter().for_each(&mut *on_echo);
        pinger.run(2..=options.count, on_echo)?;
        return Ok(pinger.report(options, unanswered));
    }
    let mut pinger = Pinger::new(*last, options)?;
    pinger.run(1..=options.count, on_echo)?;
    Ok(pinger.report(options, unanswered))
}

/// Requests under way.
struct Pinger {
    socket: EchoSocket,
    address: IpAddr,
    token: [u8; TOKEN_BYTES],
    start: Instant,
    interval: Duration,
    timeout: Duration,
    payload_bytes: usize,
    /// When each request that is not answered yet was sent.
    waiting: BTreeMap<u16, Instant>,
    echoes: Vec<Echo>,
    /// How many of these have been told.
    told: usize,
}

impl Pinger {
    fn new(address: IpAddr, options: &PingOptions) -> Result<Self, PingError> {
        let mut token = [0; TOKEN_BYTES];
        process::random(&mut token).map_err(PingError::Wait)?;
        let socket = EchoSocket::open(address.is_ipv6(), u16::from_be_bytes([token[0], token[1]]))?;
        Ok(Self {
            socket,
            address,
            token,
            start: Instant::now(),
            interval: options.interval,
            timeout: options.timeout,
            payload_bytes: options.payload_bytes.max(TOKEN_BYTES),
            waiting: BTreeMap::new(),
            echoes: Vec::new(),
            told: 0,
        })
    }

    /// Sends requests, each at its time, and waits until the fate of all is known.
    fn run(
        &mut self,
        sequences: RangeInclusive<u16>,
        on_echo: &mut dyn FnMut(&Echo),
    ) -> Result<(), PingError> {
        for sequence in sequences {
            self.wait_until(self.start + self.interval * u32::from(sequence - 1), on_echo)?;
            self.send(sequence);
            self.tell(on_echo);
        }
        while let Some(expiry) = self.next_expiry() {
            self.step(expiry)?;
            self.tell(on_echo);
        }
        Ok(())
    }

    /// Tells of the requests whose fate is known since it was told of some last.
    fn tell(&mut self, on_echo: &mut dyn FnMut(&Echo)) {
        self.echoes[self.told..].iter().for_each(on_echo);
        self.told = self.echoes.len();
    }

    fn report(self, options: &PingOptions, unanswered: Vec<(IpAddr, Refusal)>) -> PingReport {
        let (address, mut echoes) = (self.address, self.echoes);
        echoes.sort_by_key(|echo| echo.sequence);
        PingReport { host: options.host.clone(), address, echoes, unanswered }
    }

    fn send(&mut self, sequence: u16) {
        let mut payload = self.token.to_vec();
        payload.resize(self.payload_bytes, 0);
        let earlier = self.waiting.keys().max().copied();
        self.waiting.insert(sequence, Instant::now());
        let mut sent = self.socket.send(self.address, sequence, &payload);
        // What the network said of an earlier request comes out here; this one was not sent.
        if let (Err(error), Some(earlier)) = (&sent, earlier) {
            let refusal = Refusal::from(error);
            self.settle(earlier, |_| EchoOutcome::Failed(refusal));
            sent = self.socket.send(self.address, sequence, &payload);
        }
        if let Err(error) = sent {
            self.settle(sequence, |_| EchoOutcome::Failed(Refusal::from(&error)));
        }
    }

    /// Takes what comes in until a time.
    fn wait_until(
        &mut self,
        until: Instant,
        on_echo: &mut dyn FnMut(&Echo),
    ) -> Result<(), PingError> {
        while Instant::now() < until {
            let expiry = self.next_expiry();
            self.step(expiry.map_or(until, |expiry| expiry.min(until)))?;
            self.tell(on_echo);
        }
        Ok(())
    }

    /// Waits for something to come in, at most until a time, and takes it.
    fn step(&mut self, until: Instant) -> Result<(), PingError> {
        let mut set = PollSet::new();
        set.add(self.socket.as_fd(), Interest::Read);
        let left = until.saturating_duration_since(Instant::now());
        set.wait(Some(left)).map_err(PingError::Wait)?;
        self.receive();
        self.expire();
        Ok(())
    }

    /// When the oldest request that is waited for is given up.
    fn next_expiry(&self) -> Option<Instant> {
        self.waiting.values().min().map(|sent| *sent + self.timeout)
    }

    fn receive(&mut self) {
        loop {
            match self.socket.receive() {
                Ok(None) => return,
                Ok(Some(reply)) => self.handle_reply(&reply),
                Err(error) => {
                    // The kernel does not say about which request; the latest is the likeliest.
                    let Some(latest) = self.waiting.keys().max().copied() else { return };
                    self.settle(latest, |_| EchoOutcome::Failed(Refusal::from(&error)));
                }
            }
        }
    }

    fn handle_reply(&mut self, reply: &EchoReply) {
        let ours = reply.payload.starts_with(&self.token);
        if ours && self.waiting.contains_key(&reply.sequence) {
            self.settle(reply.sequence, |elapsed| EchoOutcome::Replied {
                source: reply.source,
                elapsed,
            });
        }
    }

    fn expire(&mut self) {
        let due = self.waiting.iter().filter(|(_, sent)| sent.elapsed() >= self.timeout);
        let due: Vec<u16> = due.map(|(sequence, _)| *sequence).collect();
        for sequence in due {
            self.settle(sequence, |_| EchoOutcome::Failed(Refusal::Timeout));
        }
    }

    fn settle(&mut self, sequence: u16, outcome: impl FnOnce(Duration) -> EchoOutcome) {
        let Some(sent) = self.waiting.remove(&sequence) else { return };
        let echo = Echo { sequence, outcome: outcome(sent.elapsed()) };
        self.echoes.push(echo);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_address_is_tried_where_one_does_not_answer() {
        // A multicast address that nobody has joined: nobody replies, on any host.
        let silent = IpAddr::from([224, 0, 0, 213]);
        let answering = IpAddr::from([127, 0, 0, 1]);
        let options = PingOptions {
            count: 3,
            interval: Duration::from_millis(20),
            timeout: Duration::from_millis(500),
            ..PingOptions::new("both")
        };
        for (addresses, unanswered, reached) in [
            (vec![silent, answering, silent], vec![silent], true),
            (vec![answering, silent], vec![], true),
            (vec![silent, silent], vec![silent], false),
        ] {
            let mut seen = Vec::new();
            let told = ping_one_of(&addresses, &options, &mut |echo| seen.push(echo.clone()));
            let report = match told {
                Ok(report) => report,
                // Without the right to ping.
                Err(PingError::Socket(_)) => return,
                Err(error) => panic!("{error}"),
            };
            assert_eq!(report.is_reached(), reached, "{report}");
            assert_eq!(report.address, if reached { answering } else { silent });
            assert_eq!((seen.len(), report.echoes.len()), (3, 3), "{report}");
            let tried: Vec<IpAddr> =
                report.unanswered.iter().map(|(address, _)| *address).collect();
            assert_eq!(tried, unanswered, "{report}");
        }
    }
}
