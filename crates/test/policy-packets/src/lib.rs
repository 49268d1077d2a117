//! Random fabrics on the real kernel: what the engine says of a flow, and what its packet does.
//!
//! A fabric is planned as ever, its operations are executed in private namespaces, its nodes are
//! joined by real tunnels, and single packets are sent from the workloads' namespaces. A packet
//! that is seen on the receiver's link has arrived; one that is not has not.
#![forbid(unsafe_code)]

pub mod aws;
pub mod beyond;
pub mod changes;
pub mod explain;
pub mod failover;
pub mod fault;
pub mod flow;
pub mod world;

use anyhow::Context as _;
use fault::Fault;
use flow::Trial;
use netloom_testkit::random_fabric::{Size, yaml};
use std::path::{Path, PathBuf};
use world::World;

/// What is tried.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The first seed.
    pub seed: u64,
    /// How many fabrics.
    pub fabrics: u64,
    /// How many flows in each.
    pub flows: usize,
    /// A fault planted into every plan.
    pub fault: Option<Fault>,
    /// Whether fabrics have peerings, gateways, network ACLs, edges; their answers are tried too.
    pub networks: bool,
    /// Whether to end at the first disagreement.
    pub stop_early: bool,
    /// The `netloom` executable, to ask `explain` about the flows of each fabric.
    pub explain: Option<PathBuf>,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Fabrics that were built.
    pub fabrics: u64,
    /// Flows by kind of their answer.
    pub allowed: u64,
    /// Flows that were denied.
    pub denied: u64,
    /// Flows with a source address that was not the sender's.
    pub spoofed: u64,
    /// IPv6 flows.
    pub ipv6: u64,
    /// Flows between nodes.
    pub across_nodes: u64,
    /// Flows by protocol: TCP, UDP, ICMP.
    pub protocols: [u64; 3],
    /// Answers that were sent, and how many of them came back.
    pub answers: [u64; 2],
    /// Smallest changes that were suggested and made, and how many of them packets tried.
    pub changes: [u64; 2],
    /// Flows that were allowed, and denied, with a change suggested; and all of each.
    pub suggested: [(u64, u64); 2],
    /// Flows that were allowed to what is outside, or by a peering.
    pub beyond: u64,
    /// Packets that were sent a second time, since they or their answers did not come.
    pub sent_again: u64,
    /// Disagreements, with what reproduces them.
    pub disagreements: Vec<String>,
    /// Flows that the command `explain` was asked about.
    pub explained: u64,
    /// Those of which it said something else.
    pub explained_otherwise: Vec<String>,
}

impl Tally {
    /// All flows.
    pub fn flows(&self) -> u64 {
        self.allowed + self.denied
    }

    fn count(&mut self, trial: &Trial) {
        *(if trial.expected { &mut self.allowed } else { &mut self.denied }) += 1;
        self.spoofed += u64::from(trial.spoofed);
        self.ipv6 += u64::from(trial.source.is_ipv6());
        self.across_nodes += u64::from(trial.across_nodes);
        self.protocols[trial.protocol as usize] += 1;
    }
}

/// Tries everything; `run_dir` must be a folder of this process's own mount namespace.
///
/// # Errors
/// A fabric could not be built at all.
pub fn run(
    settings: &Settings,
    run_dir: &Path,
    mut progress: impl FnMut(&Tally),
) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    // A fabric in which hardly two ends can see each other's packets is passed over for a further one.
    for seed in settings.seed..settings.seed + 2 * settings.fabrics {
        if tally.fabrics == settings.fabrics {
            break;
        }
        try_fabric(seed, settings, run_dir, &mut tally)
            .with_context(|| format!("fabric of seed {seed}"))?;
        progress(&tally);
        if settings.stop_early && !tally.disagreements.is_empty() {
            break;
        }
    }
    Ok(tally)
}

fn try_fabric(
    seed: u64,
    settings: &Settings,
    run_dir: &Path,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let text = match settings.networks {
        true => netloom_testkit::random_networks::yaml(seed),
        false => yaml(seed, Size::default()),
    };
    let fabric = netloom_testkit::fabric(&text);
    let folder = run_dir.join(seed.to_string());
    let mut world = World::build(fabric, &folder, settings.fault)?;
    let mut trials = match settings.networks {
        true => beyond::choose(&world, seed, settings.flows),
        false => flow::choose(&world, seed, settings.flows),
    };
    if trials.len() < settings.flows {
        return world.remove();
    }
    match settings.networks {
        true => world.converse(&mut trials)?,
        false => world.send(&mut trials)?,
    }
    tally.fabrics += 1;
    tally.sent_again += world.sent_again;
    for trial in &trials {
        tally.count(trial);
        let answers = settings.networks && trial.arrived;
        if answers {
            tally.answers[0] += 1;
            tally.answers[1] += u64::from(trial.answered);
            tally.beyond += u64::from(world.is_beyond(trial));
        }
        let is_answered_otherwise = answers && trial.answered != trial.answer_expected;
        if trial.arrived != trial.expected || is_answered_otherwise {
            tally.disagreements.push(format!("seed {seed}: {trial}"));
        }
    }
    if settings.networks {
        changes::check(&world, &trials, seed, &folder, tally)?;
    }
    if let Some(executable) = &settings.explain {
        let file = folder.join("fabric.yaml");
        std::fs::write(&file, text)?;
        explain::compare(executable, &file, seed, &trials, settings.networks, tally)?;
    }
    world.remove()
}
