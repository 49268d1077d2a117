//! Tries every behaviour: builds each chapter's fabric, sends the packets, loads what must be refused.

use super::attempt::{Attempt, Beside, Fate};
use super::{Case, Chapter, Proof};
use crate::fault::Fault;
use crate::flow::{self, FIRST_CLIENT_PORT, FlowProtocol, Trial};
use crate::world::World;
use anyhow::Context as _;
use netloom_lab::underlay::{INTERNET_ADDRESS, INTERNET_ADDRESS_V6};
use netloom_model::fabric::Party;
use netloom_model::{Loaded, Severity};
use netloom_plan::reach::StepKind;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

/// The port that strangers call from.
const STRANGER_PORT: u16 = 60_001;

/// What was seen of a case.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// In words: what became of each packet, or which code answered each text.
    pub words: Vec<String>,
    /// Packets that were sent.
    pub packets: u64,
    /// What is not as documented; empty if all is.
    pub wrong: Vec<String>,
}

/// Tries all cases of a chapter, in its order, with a fault in the plans if one is given.
///
/// # Errors
/// The fabric is not sound, or cannot be built, or a case cannot be read.
pub fn run(chapter: &Chapter, run_dir: &Path, fault: Option<Fault>) -> anyhow::Result<Vec<Seen>> {
    let loaded = load(&[chapter.fabric]);
    let fabric = loaded.fabric.as_ref().with_context(|| rendered(&loaded))?;
    let mut seen = vec![Seen::default(); chapter.cases.len()];
    let mut attempts = Vec::new();
    for (number, case) in chapter.cases.iter().enumerate() {
        match case.proof {
            Proof::Packets(texts) => attempts.extend(texts.iter().map(|text| (number, *text))),
            Proof::Refused(texts) => refuse(chapter, texts, &mut seen[number]),
        }
    }
    let mut world = World::build(fabric.clone(), run_dir, fault)?;
    let (mut read, mut trials) = (Vec::new(), Vec::new());
    for (id, (number, text)) in (FIRST_CLIENT_PORT..).zip(attempts) {
        let attempt = Attempt::parse(text).with_context(|| format!("cannot read `{text}`"))?;
        let trial = trial(&world, &attempt, id).with_context(|| format!("`{text}`"))?;
        trials.push(trial);
        read.push((number, text, attempt));
    }
    world.converse(&mut trials)?;
    for ((number, text, attempt), trial) in read.iter().zip(&trials) {
        let seen = &mut seen[*number];
        judge(text, attempt, trial, seen);
        if let Some(beside) = attempt.beside.filter(|_| trial.arrived) {
            look_beside(&mut world, beside, trial, seen)?;
        }
    }
    world.remove()?;
    Ok(seen)
}

// === packets ===

fn trial(world: &World, attempt: &Attempt<'_>, id: u16) -> anyhow::Result<Trial> {
    let ends = [attempt.from, attempt.to].map(|name| party(world, name, attempt.ipv6));
    let [sender, receiver] = ends;
    let own = address(world, &sender, attempt.ipv6)?;
    let source = match attempt.forged {
        Some(other) => address(world, &party(world, other, attempt.ipv6), attempt.ipv6)?,
        None => own,
    };
    let destination = address(world, &receiver, attempt.ipv6)?;
    let trial = Trial {
        id,
        source,
        destination,
        protocol: attempt.protocol,
        port: attempt.port,
        middle: false,
        spoofed: attempt.forged.is_some(),
        across_nodes: world.node_of(&sender) != world.node_of(&receiver),
        sender,
        receiver,
        expected: false,
        obstacle: None,
        arrived: false,
        seen: None,
        answer_expected: false,
        answered: false,
        is_answer: false,
        called_at: called_at(world, attempt)?,
    };
    flow::judged(world, trial).context("the engine cannot be asked about it")
}

fn called_at(world: &World, attempt: &Attempt<'_>) -> anyhow::Result<Option<(IpAddr, u16)>> {
    let Some((node, port)) = attempt.by else { return Ok(None) };
    let address = world.outer_address(node).context("the node has no address outside")?;
    Ok(Some((address, port)))
}

fn party(world: &World, name: &str, ipv6: bool) -> Party {
    if name == "internet" {
        let address =
            if ipv6 { INTERNET_ADDRESS_V6.into() } else { IpAddr::from(INTERNET_ADDRESS) };
        return Party::Address(address);
    }
    match name.parse::<IpAddr>() {
        Ok(address) if !world.fabric.workloads.contains_key(name) => Party::Address(address),
        _ => Party::Workload(name.to_owned()),
    }
}

fn address(world: &World, party: &Party, ipv6: bool) -> anyhow::Result<IpAddr> {
    match party {
        Party::Address(address) => Ok(*address),
        other => world.address(other, ipv6).with_context(|| format!("{other:?} has no address")),
    }
}

fn judge(text: &str, attempt: &Attempt<'_>, trial: &Trial, seen: &mut Seen) {
    let engine = match trial.obstacle {
        None => Fate::Passes,
        Some(StepKind::Answer) => Fate::Unanswered,
        Some(_) => Fate::Stopped,
    };
    // What is for a subnet's own addresses is seen on the link, before it is dropped or not.
    let is_own = attempt.to.parse::<IpAddr>().is_ok();
    let packet = match (trial.arrived, trial.answered) {
        (true, true) => Fate::Passes,
        (true, false) if is_own => Fate::Stopped,
        (true, false) => Fate::Unanswered,
        (false, _) => Fate::Stopped,
    };
    seen.packets += 1;
    seen.words.push(in_words(attempt, packet));
    if packet != attempt.fate {
        seen.wrong.push(format!("{text}: the packet {packet}"));
    }
    if engine != attempt.fate {
        seen.wrong.push(format!("{text}: the engine says {engine}, {:?}", trial.obstacle));
    } else if trial.obstacle != attempt.obstacle {
        seen.wrong.push(format!("{text}: the engine finds {:?}", trial.obstacle));
    }
}

fn look_beside(
    world: &mut World,
    beside: Beside,
    trial: &Trial,
    seen: &mut Seen,
) -> anyhow::Result<()> {
    let source = || {
        let view = trial.seen.as_deref().and_then(netloom_base::packet::IpView::parse);
        view.map(|view| view.source)
    };
    let (holds, word) = match beside {
        Beside::Translated => (source().is_some_and(|seen| seen != trial.source), "translated"),
        Beside::AsItIs => (source() == Some(trial.source), "as it is"),
        Beside::Strangers => {
            seen.packets += 1;
            (!world.stranger_reaches(trial, STRANGER_PORT)?, "strangers stopped")
        }
    };
    if holds {
        seen.words.push(word.to_owned());
    } else {
        seen.wrong.push(format!("not {word}"));
    }
    Ok(())
}

fn in_words(attempt: &Attempt<'_>, packet: Fate) -> String {
    let mut words = format!("{} → {} ", attempt.from, attempt.to);
    if let Some((node, port)) = attempt.by {
        words = format!("{} → {node}:{port} → {} ", attempt.from, attempt.to);
    }
    let protocol = match attempt.protocol {
        FlowProtocol::Tcp => "tcp",
        FlowProtocol::Udp => "udp",
        FlowProtocol::Icmp => "icmp",
    };
    words.push_str(protocol);
    if attempt.port != 0 {
        // Writing to a String cannot fail.
        let _ = write!(words, "/{}", attempt.port);
    }
    if attempt.ipv6 {
        words.push_str(" ipv6");
    }
    let _ = write!(words, " {packet}");
    words
}

// === files ===

fn refuse(chapter: &Chapter, texts: &[(&str, &str)], seen: &mut Seen) {
    for (text, code) in texts {
        let text = lengthened(text);
        let loaded = load(&[chapter.fabric, &format!("version: 1\n{text}\n")]);
        let before = load(&[chapter.fabric]).diagnostics.len();
        let new = loaded.diagnostics.len().saturating_sub(before);
        let found = loaded.diagnostics.iter().find(|found| found.code.0 == *code);
        match found {
            Some(found) => {
                let how = if found.severity == Severity::Error { "refused" } else { "warned" };
                seen.words.push(format!("{how} {code}"));
            }
            None => {
                seen.words.push(format!("not {code}"));
                seen.wrong.push(format!(
                    "{text}: not answered with {code}; {new} findings\n{}",
                    rendered(&loaded)
                ));
            }
        }
        let other = loaded
            .diagnostics
            .iter()
            .find(|found| found.severity == Severity::Error && found.code.0 != *code);
        if let Some(other) = other {
            seen.wrong.push(format!("{text}: {} as well: {}", other.code.0, other.message));
        }
    }
}

/// Puts what is too long to be written into a text: `RULES n` stands for n rules of a network ACL,
/// `ROUTES n` for routes, `PREFIXES n` for prefixes, `WORKLOADS n` for workloads of the subnet `x`.
fn lengthened(text: &str) -> String {
    type Item = fn(u16) -> String;
    const LISTS: [(&str, Item); 4] = [
        ("RULES ", |n| {
            format!("{{ rule: {n}, action: allow, protocol: tcp, ports: {n}, from: all }}")
        }),
        ("ROUTES ", |n| format!("{{ to: 172.{}.{}.0/24, via: blackhole }}", 16 + n / 256, n % 256)),
        ("PREFIXES ", |n| format!("172.16.{n}.0/24")),
        ("WORKLOADS ", |n| {
            format!("y{n}: {{ node: left, subnet: x, attach: {{ serve: {{ tcp: 80 }} }} }}")
        }),
    ];
    for (word, item) in LISTS {
        let Some((before, rest)) = text.split_once(word) else { continue };
        let end = rest.find([']', ' ']).unwrap_or(rest.len());
        let (count, after) = rest.split_at(end);
        let items: Vec<String> = (1..=count.parse().unwrap_or(0)).map(item).collect();
        return format!("{before}{}{after}", items.join(", "));
    }
    text.to_owned()
}

fn load(texts: &[&str]) -> Loaded {
    let names: Vec<String> = (0..texts.len()).map(|number| format!("{number}.yaml")).collect();
    netloom_model::load(&names, |name| {
        let at = names.iter().position(|known| known == name);
        at.map(|at| texts[at].as_bytes().to_vec()).ok_or_else(|| "no such file".to_owned())
    })
}

fn rendered(loaded: &Loaded) -> String {
    netloom_model::diagnostic::render(&loaded.diagnostics, &loaded.sources)
}

/// Whether a case holds.
impl Seen {
    /// Whether all of it is as documented.
    pub fn holds(&self, case: &Case) -> bool {
        self.wrong.is_empty() && (self.packets > 0 || !case.has_packets()) && !self.words.is_empty()
    }
}
