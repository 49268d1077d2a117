//! Check, plan and one change, in this process: time and memory.

use crate::fabric::{Edition, Size, text};
use crate::figure;
use anyhow::Context as _;
use netloom_change::NODES_MAX;
use netloom_model::Fabric;
use netloom_model::lease::{self, Leases};
use netloom_plan::assumed::Assumed;
use netloom_plan::input::{Directory, NodeEntry, PlanInput};
use netloom_plan::membership::Memberships;
use netloom_plan::promises;
use netloom_resource::Whole;
use netloom_state::diff;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A fabric, and all that is known of it.
pub(crate) struct World {
    pub(crate) fabric: Fabric,
    pub(crate) leases: Leases,
    pub(crate) directory: Directory,
    pub(crate) memberships: Memberships,
}

impl World {
    pub(crate) fn of(fabric: Fabric, before: &Leases) -> Self {
        let (leases, _) = lease::assign(&fabric, before);
        let memberships = Memberships::of(&fabric);
        let entry = |name: &String| {
            let networks = memberships.of_node(name).map(|one| one.networks.clone());
            let keys = networks.into_iter().flatten().map(|network| (network, [7; 32]));
            let endpoint = Some(([192, 0, 2, 1], 51820).into());
            let entry = NodeEntry {
                public_keys: keys.collect(),
                endpoint,
                local_endpoint: endpoint,
                has_aes_gcm: true,
            };
            (name.clone(), entry)
        };
        let directory = Directory { nodes: fabric.nodes.keys().map(entry).collect() };
        Self { fabric, leases, directory, memberships }
    }

    fn whole(&self) -> Whole<'_> {
        Whole {
            fabric: &self.fabric,
            fabric_id: 7 << 100,
            leases: &self.leases,
            directory: &self.directory,
            memberships: &self.memberships,
            control: &[],
        }
    }
}

pub(crate) fn run(size: Size) -> anyhow::Result<()> {
    let (first, second) =
        (text(size, Edition::default()), text(size, Edition { port: 1, ..Edition::default() }));
    let start = Instant::now();
    let fabric = load(&first)?;
    let broken = promises::broken(&fabric, &Assumed::of(&fabric));
    anyhow::ensure!(broken.is_empty(), "tests of the fabric do not hold");
    figure("check ms", start.elapsed().as_millis());
    let start = Instant::now();
    let before = World::of(fabric, &Leases::default());
    let nothing =
        World::of(Fabric { name: before.fabric.name.clone(), ..Fabric::default() }, &before.leases);
    let all = netloom_change::operations(&nothing.whole(), &before.whole(), usize::MAX);
    let operations: usize = all.nodes.values().map(|change| change.operations.len()).sum();
    figure("plan of all nodes ms", start.elapsed().as_millis());
    figure("operations of all nodes", operations);
    let start = Instant::now();
    let after = World::of(load(&second)?, &before.leases);
    let nodes = netloom_change::operations(&before.whole(), &after.whole(), NODES_MAX);
    let flows = netloom_change::flows(&before.whole(), &after.whole());
    figure("plan of one change ms", start.elapsed().as_millis());
    figure("nodes that it concerns", nodes.nodes.len() + nodes.not_planned);
    figure("flows that it changes", flows.changes.len());
    figure("peak memory MiB", peak_mib()?);
    work_of_a_node(&after);
    Ok(())
}

/// What a node does with its part when something in it changes: puts it together, plans, compares.
fn work_of_a_node(world: &World) {
    const ROUNDS: u32 = 20;
    let whole = world.whole();
    let topics = netloom_resource::all_topics(&world.fabric, &world.memberships);
    let Some(topics) = topics.get("node-0") else { return };
    let all = netloom_resource::resources(&whole);
    let own: Vec<_> = all
        .iter()
        .filter(|(_, entry)| entry.topics.iter().any(|topic| topics.contains(topic)))
        .map(|((kind, name), entry)| (*kind as u16, name.as_str(), entry.payload.as_slice()))
        .collect();
    figure("resources of a node", own.len());
    let (mut assembling, mut planning, mut comparing) =
        (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let (slice, _) = netloom_resource::assemble(own.iter().copied());
        assembling += start.elapsed();
        let start = Instant::now();
        let input = PlanInput {
            fabric: &slice.fabric,
            fabric_id: slice.fabric_id,
            leases: &slice.leases,
            directory: &slice.directory,
            memberships: &slice.memberships,
            attachments: &BTreeMap::new(),
        };
        let plan = netloom_plan::plan(&input, "node-0").unwrap_or_default();
        planning += start.elapsed();
        let start = Instant::now();
        let operations = diff(&plan.host, &plan.host);
        comparing += start.elapsed();
        assert!(operations.is_empty(), "nothing differs");
    }
    figure("a node putting together us", (assembling / ROUNDS).as_micros());
    figure("a node planning us", (planning / ROUNDS).as_micros());
    figure("a node comparing us", (comparing / ROUNDS).as_micros());
}

pub(crate) fn load(text: &str) -> anyhow::Result<Fabric> {
    let loaded = netloom_model::load(&["scale.yaml".to_owned()], |_| Ok(text.as_bytes().to_vec()));
    let findings = netloom_model::diagnostic::render(&loaded.diagnostics, &loaded.sources);
    loaded.fabric.with_context(|| findings.chars().take(2_000).collect::<String>())
}

/// The most memory that this process has had.
pub(crate) fn peak_mib() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("no VmHWM")?;
    let kib: u64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
    Ok(kib / 1024)
}
