//! Packets that control asks for: sent from a workload's own namespace, and what became of them.

use crate::agent::Agent;
use crate::link::Asked;
use netloom_cbor::{from_bytes, to_bytes};
use netloom_probe::connect::Outcome;
use netloom_probe::ping::EchoOutcome;
use netloom_probe::{PingOptions, Refusal, Transport, connect, ping};
use netloom_resource::trial::{Ask, Seen, Told, Trial, cut};
use netloom_state::Namespace;
use netloom_sys::namespace::NamespaceHandle;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Questions that are worked on at once.
const AT_ONCE_MAX: usize = 4;
/// How long an answer of the network is waited for.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Echo requests that are sent: a tunnel's first packet may be lost while its session is made.
const ECHOES: u16 = 2;

/// Counts what is under way: each holds a copy.
pub(crate) type UnderWay = Arc<()>;

impl Agent {
    /// Does what control asks, on a thread of its own, since the agent goes on meanwhile.
    pub(crate) fn answer(&self, asked: &Asked) {
        if let Err((cause, solution)) = self.begin(asked) {
            let told = Told::Refused { cause: cut(cause), solution: cut(solution) };
            asked.answer(to_bytes(&told));
        }
    }

    fn begin(&self, asked: &Asked) -> Result<(), (String, String)> {
        let Ask::Try { from, flows } = from_bytes(&asked.body).map_err(|error| {
            let solution = "bring the node to the version of control".to_owned();
            (format!("the node does not understand what is asked: {error}"), solution)
        })?;
        let place = self.place_of(&from)?;
        let under_way = Arc::clone(&self.trials);
        if Arc::strong_count(&under_way) > AT_ONCE_MAX + 1 {
            let cause = format!("the node tries {AT_ONCE_MAX} other questions at the moment");
            return Err((cause, "ask again in a few seconds".to_owned()));
        }
        let asked = asked.clone();
        let work = move || {
            let seen = try_all(place.as_deref(), &flows);
            asked.answer(to_bytes(&Told::Tried { seen }));
            drop(under_way);
        };
        let spawned = thread::Builder::new().name("trial".to_owned()).spawn(work);
        spawned.map(drop).map_err(|error| {
            let solution = "raise the limit on processes (ulimit -u)".to_owned();
            (format!("the node cannot start a thread: {error}"), solution)
        })
    }

    /// The namespace that a workload, or this node itself, sends from; its own stack if none.
    fn place_of(&self, from: &str) -> Result<Option<PathBuf>, (String, String)> {
        if let Some(absence) = self.attachments.absent.get(from) {
            let why = &absence.why;
            return Err((format!("`{from}` is not there: {why}"), format!("start `{from}`")));
        }
        match self.plan.workloads.get(from).map(|workload| &workload.namespace) {
            Some(Namespace::Host) => Ok(None),
            Some(own) => Ok(Some(PathBuf::from(self.path(own)))),
            None if from == self.node() => Ok(None),
            None => Err((
                format!("node `{}` does not run `{from}` now", self.node()),
                "`netloom status` says what it does run, and why".to_owned(),
            )),
        }
    }
}

/// Tries all flows at the same time.
fn try_all(place: Option<&Path>, flows: &[Trial]) -> Vec<Seen> {
    thread::scope(|scope| {
        let start = |flow: &Trial| {
            let flow = *flow;
            thread::Builder::new().spawn_scoped(scope, move || try_one(place, flow))
        };
        let running: Vec<_> = flows.iter().map(start).collect();
        let ended = running.into_iter().map(|one| match one.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(seen)) => seen,
            Ok(Err(_)) => untried("the attempt failed; look at the agent's log"),
            Err(error) => untried(&format!("no thread can be started: {error}")),
        });
        ended.collect()
    })
}

fn try_one(place: Option<&Path>, flow: Trial) -> Seen {
    let Some(path) = place else { return send(flow) };
    let entered = NamespaceHandle::open(path).and_then(|namespace| namespace.run(|| send(flow)));
    entered.unwrap_or_else(|error| untried(&error.to_string()))
}

fn send(flow: Trial) -> Seen {
    match flow {
        Trial::Echo { address } => echo(address),
        Trial::Tcp { address, port } => call(address, port, Transport::Tcp),
        Trial::Udp { address, port } => call(address, port, Transport::Udp),
    }
}

fn echo(address: IpAddr) -> Seen {
    let host = address.to_string();
    let options = PingOptions { count: ECHOES, timeout: TIMEOUT, ..PingOptions::new(&host) };
    let report = match ping(&options, &mut |_| {}) {
        Ok(report) => report,
        Err(error) => return untried(&error.to_string()),
    };
    if let Some(times) = report.round_trip() {
        return Seen::Answered { detail: answered_after(times.min) };
    }
    let refusals = report.echoes.iter().find_map(|echo| match &echo.outcome {
        EchoOutcome::Failed(refusal) => Some(refusal),
        EchoOutcome::Replied { .. } => None,
    });
    refusals.map_or_else(|| untried("no echo request was sent"), failed)
}

fn call(address: IpAddr, port: u16, transport: Transport) -> Seen {
    let report = match connect(&address.to_string(), port, transport, TIMEOUT) {
        Ok(report) => report,
        Err(error) => return untried(&error.to_string()),
    };
    match report.attempts.first().map(|attempt| &attempt.outcome) {
        Some(Outcome::Reached { elapsed, .. }) => {
            Seen::Answered { detail: answered_after(*elapsed) }
        }
        Some(Outcome::Failed { refusal, .. }) => failed(refusal),
        None => untried("nothing was sent"),
    }
}

fn answered_after(elapsed: Duration) -> String {
    format!("answered after {:.2} ms", elapsed.as_secs_f64() * 1_000.0)
}

fn failed(refusal: &Refusal) -> Seen {
    let detail = cut(refusal.to_string());
    match refusal {
        Refusal::Refused => Seen::Refused { detail },
        Refusal::Timeout => Seen::Silent { detail },
        Refusal::Unreachable
        | Refusal::Prohibited
        | Refusal::Blackhole
        | Refusal::NoAddress
        | Refusal::Reset => Seen::Stopped { detail },
        _ => Seen::Untried { detail },
    }
}

fn untried(why: &str) -> Seen {
    Seen::Untried { detail: cut(why.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener, UdpSocket};

    #[test]
    fn what_became_of_a_flow_is_told_apart() {
        let address = IpAddr::from(Ipv4Addr::LOCALHOST);
        let listener = TcpListener::bind((address, 0)).unwrap();
        let open = listener.local_addr().unwrap().port();
        let closed = {
            let gone = TcpListener::bind((address, 0)).unwrap();
            gone.local_addr().unwrap().port()
        };
        // One that takes datagrams and never answers.
        let mute = UdpSocket::bind((address, 0)).unwrap();
        let port = mute.local_addr().unwrap().port();
        let flows = [
            Trial::Tcp { address, port: open },
            Trial::Tcp { address, port: closed },
            Trial::Udp { address, port },
            Trial::Udp { address, port: closed },
        ];
        let seen = try_all(None, &flows);
        assert!(matches!(&seen[0], Seen::Answered { detail } if detail.contains("ms")), "{seen:?}");
        assert!(matches!(seen[1], Seen::Refused { .. }), "{seen:?}");
        assert!(matches!(seen[2], Seen::Silent { .. }), "{seen:?}");
        assert!(matches!(seen[3], Seen::Refused { .. }), "{seen:?}");
        assert!(matches!(failed(&Refusal::Prohibited), Seen::Stopped { .. }));
        let nowhere = try_one(Some(Path::new("/nowhere")), flows[0]);
        assert!(matches!(nowhere, Seen::Untried { .. }), "{nowhere:?}");
    }
}
