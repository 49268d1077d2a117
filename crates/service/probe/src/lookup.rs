//! `netloom lookup`: asks DNS itself, past every cache of the system, and shows who said what.

mod exchange;

use crate::connect::milliseconds;
use exchange::{Exchange, exchange};
use netloom_dns::{
    Data, Message, Name, NameError, Question, Rcode, Record, RecordType, ResolvConf, Transport,
};
use serde_json::{Value, json};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Port of DNS.
const PORT: u16 = 53;
/// Where a host names its resolvers.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Why a lookup came to nothing. A name that does not exist is no error but a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// What was asked for is no name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A server was given that is no address.
    #[error("{text:?} is no server: give its address, such as 10.0.0.2, fd00::2 or 10.0.0.2:5353")]
    Server {
        /// What was given.
        text: String,
    },
    /// The host names no resolver.
    #[error(
        "no server to ask: {path} names none ({source}); name one: `netloom lookup NAME @SERVER`"
    )]
    NoServer {
        /// The file.
        path: &'static str,
        /// What is wrong with it.
        source: io::Error,
    },
    /// No server gave an answer.
    #[error(
        "no server answered for {name}:{}\nis the server reachable: `netloom connect SERVER 53`?",
        .failures.iter().map(|(server, why)| format!("\n  {server}: {why}")).collect::<String>()
    )]
    Unanswered {
        /// The name.
        name: String,
        /// Who was asked, and what came of it.
        failures: Vec<(SocketAddr, String)>,
    },
    /// The kernel gave no random number.
    #[error("cannot draw a random number: {0}; is /dev/urandom there?")]
    Random(#[source] io::Error),
}

/// What one question gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The question, with the whole name.
    pub question: Question,
    /// How it went.
    pub rcode: Rcode,
    /// Whether the server is an authority for the name.
    pub authoritative: bool,
    /// The answers.
    pub records: Vec<Record>,
    /// What the server added, such as the addresses of a service's targets.
    pub additionals: Vec<Record>,
    /// Who answered.
    pub server: SocketAddr,
    /// How.
    pub transport: Transport,
    /// Until the answer was there.
    pub elapsed: Duration,
}

/// What a lookup gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupReport {
    /// As asked.
    pub name: String,
    /// One for each type, all for the same whole name: the first one of the search list that has
    /// records, or the name itself.
    pub answered: Vec<Answered>,
}

/// Looks a name up: A and AAAA, PTR for an address, SRV for a name that begins with `_`, unless a
/// type is given; at the servers of `/etc/resolv.conf`, unless one is given ([`server`]).
pub fn lookup(
    name: &str,
    record_type: Option<RecordType>,
    server: Option<SocketAddr>,
) -> Result<LookupReport, LookupError> {
    let text = std::fs::read_to_string(RESOLV_CONF);
    let conf = ResolvConf::parse(text.as_deref().unwrap_or_default());
    let servers: Vec<SocketAddr> = match server {
        Some(server) => vec![server],
        None => conf.nameservers.iter().map(|address| (*address, PORT).into()).collect(),
    };
    if servers.is_empty() {
        let source = text.err().unwrap_or_else(|| io::ErrorKind::NotFound.into());
        return Err(LookupError::NoServer { path: RESOLV_CONF, source });
    }
    lookup_at(name, record_type, &servers, &conf)
}

/// The same with everything that [`lookup`] reads from the host.
pub fn lookup_at(
    name: &str,
    record_type: Option<RecordType>,
    servers: &[SocketAddr],
    conf: &ResolvConf,
) -> Result<LookupReport, LookupError> {
    let (candidates, types) = match (name.parse::<IpAddr>(), record_type) {
        (Ok(address), None | Some(RecordType::PTR)) => {
            (vec![Name::reverse(address)], vec![RecordType::PTR])
        }
        (_, Some(record_type)) => (names(name, conf)?, vec![record_type]),
        (Err(_), None) if name.starts_with('_') => (names(name, conf)?, vec![RecordType::SRV]),
        (Err(_), None) => (names(name, conf)?, vec![RecordType::A, RecordType::AAAA]),
    };
    let mut best: Option<Vec<Answered>> = None;
    for candidate in candidates {
        let questions = types.iter().map(|kind| Question::new(candidate.clone(), *kind));
        let answered = questions
            .map(|question| ask(question, servers, conf))
            .collect::<Result<Vec<Answered>, LookupError>>()?;
        let exists = answered.iter().any(|answer| answer.rcode == Rcode::NOERROR);
        if answered.iter().any(|answer| !answer.records.is_empty()) {
            best = Some(answered);
            break;
        }
        // A name without the type says more than one that does not exist.
        if exists || best.is_none() {
            best = Some(answered);
        }
    }
    Ok(LookupReport { name: name.to_owned(), answered: best.unwrap_or_default() })
}

/// The server of a text: an address, or an address and a port; a leading `@` is allowed.
pub fn server(text: &str) -> Result<SocketAddr, LookupError> {
    let bare = text.strip_prefix('@').unwrap_or(text);
    let address = bare.parse::<IpAddr>().map(|address| SocketAddr::new(address, PORT));
    address.or_else(|_| bare.parse()).map_err(|_| LookupError::Server { text: text.to_owned() })
}

/// The whole names that a text may stand for; those of the search list that become too long are
/// left out.
fn names(text: &str, conf: &ResolvConf) -> Result<Vec<Name>, NameError> {
    let itself: Name = text.parse()?;
    let candidates = conf.candidates(text);
    let mut names: Vec<Name> = candidates.iter().filter_map(|name| name.parse().ok()).collect();
    if names.is_empty() {
        names.push(itself);
    }
    Ok(names)
}

/// Asks the servers in turn, as often as the host's settings say, until one knows.
fn ask(
    question: Question,
    servers: &[SocketAddr],
    conf: &ResolvConf,
) -> Result<Answered, LookupError> {
    let mut failures = Vec::new();
    for _ in 0..conf.attempts {
        for server in servers {
            match exchange(&question, *server, conf.timeout).map_err(LookupError::Random)? {
                Ok(answer) if is_answer(&answer.message) => {
                    return Ok(Answered::new(question, *server, answer));
                }
                Ok(answer) => failures.push((*server, meaning(answer.message.header.rcode))),
                Err(why) => failures.push((*server, why)),
            }
        }
    }
    Err(LookupError::Unanswered { name: question.name.to_string(), failures })
}

fn is_answer(message: &Message) -> bool {
    matches!(message.header.rcode, Rcode::NOERROR | Rcode::NXDOMAIN)
}

fn meaning(rcode: Rcode) -> String {
    let meaning = match rcode {
        Rcode::SERVFAIL => "it could not find out; the servers that it asks may be out of reach",
        Rcode::REFUSED => "it will not answer this for us",
        Rcode::NOTIMP => "it does not do this",
        Rcode::FORMERR => "it could not read the question",
        _ => "it gave no answer",
    };
    format!("{rcode}: {meaning}")
}

// === impl Answered ===

impl Answered {
    fn new(question: Question, server: SocketAddr, exchange: Exchange) -> Self {
        let Exchange { message, transport, elapsed } = exchange;
        Self {
            question,
            rcode: message.header.rcode,
            authoritative: message.header.authoritative,
            records: message.answers,
            additionals: message.additionals,
            server,
            transport,
            elapsed,
        }
    }

    fn to_json(&self) -> Value {
        let records = |records: &[Record]| records.iter().map(record_json).collect::<Vec<_>>();
        json!({
            "name": self.question.name.to_string(),
            "type": self.question.record_type.to_string(),
            "rcode": self.rcode.to_string(),
            "authoritative": self.authoritative,
            "records": records(&self.records),
            "additionals": records(&self.additionals),
            "server": self.server.to_string(),
            "transport": transport_word(self.transport),
            "elapsed_ms": milliseconds(self.elapsed),
        })
    }
}

fn record_json(record: &Record) -> Value {
    json!({
        "name": record.name.to_string(),
        "type": record.record_type.to_string(),
        "ttl_seconds": record.ttl_seconds,
        "data": Data::of(record).to_string(),
    })
}

fn transport_word(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
    }
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Question { name, record_type, .. } = &self.question;
        for record in self.records.iter().chain(&self.additionals) {
            let Record { name, record_type, ttl_seconds, .. } = record;
            writeln!(f, "{name}  {record_type}  {ttl_seconds}s  {}", Data::of(record))?;
        }
        if self.rcode == Rcode::NXDOMAIN {
            writeln!(f, "{name} does not exist")?;
        } else if self.records.is_empty() {
            writeln!(f, "{name} has no {record_type}")?;
        }
        let authority = if self.authoritative { ", with authority" } else { "" };
        write!(
            f,
            "  said {} over {} after {:.2} ms{authority}",
            self.server,
            transport_word(self.transport),
            milliseconds(self.elapsed)
        )
    }
}

// === impl LookupReport ===

impl LookupReport {
    /// Whether there are records.
    pub fn is_found(&self) -> bool {
        self.answered.iter().any(|answered| !answered.records.is_empty())
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "found": self.is_found(),
            "answers": self.answered.iter().map(Answered::to_json).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for LookupReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One line for a name that does not exist, not one for each type.
        let all_missing = self.answered.iter().all(|answered| answered.rcode == Rcode::NXDOMAIN);
        let shown = if all_missing { 1 } else { self.answered.len() };
        for (place, answered) in self.answered.iter().take(shown).enumerate() {
            write!(f, "{}{answered}", if place > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}
