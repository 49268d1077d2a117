//! Blows in a row, each measured from itself to the kernel as before, and held against the event.

use crate::blow::{KINDS, Kind, Struck, nft, program};
use crate::node::{Node, Snapshot};
use anyhow::{Context as _, ensure};
use netloom_agent::protocol::DriftEvent;
use netloom_testkit::random_fabric::Dice;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Longest pause between two blows, in milliseconds.
const PAUSE_MAX_MS: u64 = 600;
/// Looks at its namespaces in which a quiet node finds nothing.
const LOOKS: u64 = 4;

/// What came of the blows.
#[derive(Debug, Default)]
pub struct Tally {
    /// Times from blow to mended, by kind.
    pub times: BTreeMap<Kind, Vec<Duration>>,
    /// Blows whose event does not say what, or not who where the kernel tells.
    pub unnamed: Vec<String>,
}

impl Tally {
    /// All times, the shortest first.
    pub fn sorted(&self) -> Vec<Duration> {
        let mut times: Vec<Duration> = self.times.values().flatten().copied().collect();
        times.sort();
        times
    }
}

/// Deals `blows` blows at nodes and kinds that the seed chooses.
///
/// # Errors
/// Something never came back.
pub fn rage(nodes: &mut [Node], blows: u64, seed: u64) -> anyhow::Result<Tally> {
    let mut dice = Dice::new(seed);
    let mut tally = Tally::default();
    let mut dealt = 0;
    let numbers: Vec<usize> = (0..nodes.len()).collect();
    while dealt < blows {
        let node = &mut nodes[*dice.pick(&numbers)];
        let kind = *dice.pick(&KINDS);
        if let Some(struck) = one(node, kind, &mut dice, &mut tally)? {
            dealt += u64::from(!struck.words.is_empty());
            std::thread::sleep(Duration::from_millis(dice.below(PAUSE_MAX_MS)));
        }
    }
    Ok(tally)
}

/// Deals one blow of each kind at a node.
///
/// # Errors
/// Something never came back, or the node holds nothing of a kind.
pub fn each(node: &mut Node) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for kind in KINDS {
        let struck = one(node, kind, &mut Dice::new(1), &mut tally)?;
        ensure!(struck.is_some(), "{} holds nothing to strike at: {kind:?}", node.name);
    }
    Ok(tally)
}

/// What is somebody else's beside the node's stays and is no drift, however often is compared.
///
/// # Errors
/// It was taken for drift, or removed.
pub fn leave_others(node: &mut Node) -> anyhow::Result<()> {
    let before = node.drift()?;
    let mut beside = Vec::new();
    for (name, space) in node.spaces()? {
        if name.starts_with("network-") {
            program(space, "ip", "route add 198.51.100.0/24 dev lo")?;
            nft(space, "add table inet theirs")?;
            beside.push(name.clone());
        }
        if name.starts_with("node-") {
            // Of addresses the agent looks at each, so that this is a reason to compare.
            program(space, "ip", "addr add 198.51.100.1/32 dev lo")?;
        }
    }
    node.wait("it has compared and looked", |node| {
        let now = node.drift()?;
        Ok(now.checks > before.checks && now.looks > before.looks + LOOKS)
    })?;
    let after = node.drift()?;
    ensure!(after.count == before.count, "taken for drift: {:?}", after.events.last());
    for name in beside {
        let spaces = node.spaces()?;
        let space = spaces.get(&name).context("a namespace has gone")?;
        program(space, "ip", "route del 198.51.100.0/24 dev lo").context("a foreign route")?;
        nft(space, "delete table inet theirs").context("a foreign table")?;
    }
    Ok(())
}

fn one(
    node: &mut Node,
    kind: Kind,
    dice: &mut Dice,
    tally: &mut Tally,
) -> anyhow::Result<Option<Struck>> {
    let before = node.snapshot()?;
    let known = node.drift()?.count;
    let start = Instant::now();
    let Some(struck) = kind.strike(node, dice)? else { return Ok(None) };
    node.wait(&format!("{kind:?} {struck:?}"), |node| {
        let now = node.snapshot()?;
        ensure!(now == before, "{}", difference(&before, &now));
        Ok(true)
    })?;
    tally.times.entry(kind).or_default().push(start.elapsed());
    // It is put down once the kernel has been compared again.
    node.wait("an event", |node| Ok(node.drift()?.count > known))?;
    let drift = node.drift()?;
    let new = usize::try_from(drift.count - known).unwrap_or(usize::MAX);
    let first = drift.events.len().saturating_sub(new);
    if !drift.events[first..].iter().any(|event| says(event, &struck)) {
        tally.unnamed.push(format!("{kind:?} {struck:?}: {:?}", &drift.events[first..]));
    }
    Ok(Some(struck))
}

/// What differs, by namespace.
fn difference(before: &Snapshot, now: &Snapshot) -> String {
    let lines = |snapshot: &Snapshot| -> BTreeSet<String> {
        let all = snapshot.iter();
        all.flat_map(|(name, lines)| lines.iter().map(move |line| format!("{name}: {line}")))
            .collect()
    };
    let (before, now) = (lines(before), lines(now));
    let gone: Vec<&String> = before.difference(&now).collect();
    let new: Vec<&String> = now.difference(&before).collect();
    format!("gone: {gone:?}, new: {new:?}")
}

/// Whether an event says what was struck, and who did it where the kernel tells.
fn says(event: &DriftEvent, struck: &Struck) -> bool {
    let what = event.error.is_none()
        && event.found.iter().any(|line| struck.words.iter().all(|word| line.contains(word)));
    let who = struck
        .author
        .as_ref()
        .is_none_or(|author| event.by.iter().any(|one| one.name.as_ref() == Some(author)));
    what && who && !event.done.is_empty()
}
