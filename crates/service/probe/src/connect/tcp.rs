//! TCP: addresses race with a head start for the earlier ones, and the first connection wins.

use super::{Attempt, Outcome};
use crate::refusal::Refusal;
use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The next address is tried when this one has not answered for so long (RFC 8305 §5).
const HEAD_START: Duration = Duration::from_millis(250);
/// A server that speaks first is listened to for so long.
const GREETING_WAIT: Duration = Duration::from_millis(250);
/// Most bytes kept of what it says.
const GREETING_BYTES_MAX: usize = 256;

struct Finished {
    address: SocketAddr,
    elapsed: Duration,
    result: Result<TcpStream, Refusal>,
}

/// Tries the addresses until one connects, all have failed, or `timeout` has passed.
pub(super) fn race(addresses: &[SocketAddr], timeout: Duration) -> Vec<Attempt> {
    let deadline = Instant::now() + timeout;
    let (sender, receiver) = channel();
    let mut attempts = Vec::new();
    let (mut started, mut waiting) = (Vec::new(), addresses.iter());
    loop {
        let next = waiting.next();
        if let Some(address) = next {
            started.push((*address, Instant::now()));
            spawn(*address, deadline, sender.clone());
        }
        let until = if next.is_some() && waiting.len() > 0 {
            deadline.min(Instant::now() + HEAD_START)
        } else {
            deadline
        };
        match await_one(&receiver, until) {
            Some(Finished { address, elapsed, result: Ok(stream) }) => {
                attempts.push(greeted(address, elapsed, stream));
                return attempts;
            }
            Some(Finished { address, elapsed, result: Err(refusal) }) => {
                attempts.push(Attempt { address, outcome: Outcome::Failed { refusal, elapsed } });
            }
            None => {}
        }
        if attempts.len() == addresses.len() || Instant::now() >= deadline {
            break;
        }
    }
    attempts.extend(unfinished(&attempts, &started));
    attempts
}

fn spawn(address: SocketAddr, deadline: Instant, sender: Sender<Finished>) {
    let worker = sender.clone();
    let spawned = thread::Builder::new().name("connect".to_owned()).spawn(move || {
        let start = Instant::now();
        // A zero timeout is an error of the call, not an answer of the network.
        let left = deadline.saturating_duration_since(start).max(Duration::from_millis(1));
        let result = TcpStream::connect_timeout(&address, left).map_err(|error| (&error).into());
        // Nobody listens any more when another address has won.
        let _ = worker.send(Finished { address, elapsed: start.elapsed(), result });
    });
    if let Err(error) = spawned {
        let result = Err(Refusal::Other(format!("cannot start a thread: {error}")));
        let _ = sender.send(Finished { address, elapsed: Duration::ZERO, result });
    }
}

fn await_one(receiver: &Receiver<Finished>, until: Instant) -> Option<Finished> {
    receiver.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
}

/// Those that the end of the time cut short.
fn unfinished(attempts: &[Attempt], started: &[(SocketAddr, Instant)]) -> Vec<Attempt> {
    started
        .iter()
        .filter(|(address, _)| attempts.iter().all(|attempt| attempt.address != *address))
        .map(|(address, start)| Attempt {
            address: *address,
            outcome: Outcome::Failed { refusal: Refusal::Timeout, elapsed: start.elapsed() },
        })
        .collect()
}

/// A connection, with what the server says first.
fn greeted(address: SocketAddr, elapsed: Duration, mut stream: TcpStream) -> Attempt {
    let mut buffer = [0; GREETING_BYTES_MAX];
    let length = match stream.set_read_timeout(Some(GREETING_WAIT)) {
        Ok(()) => stream.read(&mut buffer).unwrap_or(0),
        Err(_) => 0,
    };
    let first_bytes = buffer[..length].to_vec();
    Attempt { address, outcome: Outcome::Reached { elapsed, first_bytes, echoed: false } }
}
