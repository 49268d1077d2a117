//! One change on control's part, step by step, in this process: where the time of an apply goes.

use crate::agents::Kind;
use crate::fabric::{Edition, FABRIC, Size, text};
use crate::figure;
use anyhow::Context as _;
use netloom_cbor::to_bytes;
use netloom_control::declared::Declared;
use netloom_control::feeds::Feeds;
use netloom_control::office::{Office, now_ms};
use netloom_control::proposal::{Origin, changes, effects, propose};
use netloom_control::record::{FabricRecord, NodeRecord, Standing, node_name};
use netloom_control::world::World;
use netloom_model::tree::Remembered;
use netloom_store::{Change, RedbBackend, Snapshot, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

/// Applies changes of a kind to a fabric all of whose nodes have joined and follow it.
pub(crate) fn run(size: Size, kind: Kind, changes: u16) -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("netloom-change-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let measured = measure(&folder, size, kind, changes);
    std::fs::remove_dir_all(&folder)?;
    measured
}

fn measure(folder: &Path, size: Size, kind: Kind, changes: u16) -> anyhow::Result<()> {
    let mut control = Control::found(folder)?;
    control.apply(size, Edition::default(), &mut Steps::default())?;
    control.join(size)?;
    let mut steps = Steps::default();
    for number in 1..=changes {
        control.apply(size, kind.edition(number), &mut steps)?;
    }
    for (step, spent) in steps.spent {
        figure(&format!("{step} us"), (spent / u32::from(changes)).as_micros());
    }
    Ok(())
}

/// Time by step, in the order of its name's number.
#[derive(Default)]
struct Steps {
    spent: BTreeMap<&'static str, Duration>,
}

impl Steps {
    fn time<T>(&mut self, step: &'static str, act: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = act();
        *self.spent.entry(step).or_default() += start.elapsed();
        done
    }
}

/// Control's core, without sessions.
struct Control {
    store: Store,
    snapshot: Snapshot,
    world: World,
    feeds: Feeds,
    remembered: Remembered,
}

impl Control {
    fn found(folder: &Path) -> anyhow::Result<Self> {
        let store = Store::open(RedbBackend::open(folder.join("store.redb"))?)?;
        let identity = FabricRecord { id: [7; 16], name: FABRIC.to_owned(), made_ms: now_ms() };
        Office::found(&store, &identity)?;
        let snapshot = store.snapshot()?;
        let world = World::read(&snapshot, None, None)?;
        let feeds = Feeds::new(&world, Box::new(|_| [0; 64]));
        Ok(Self { store, snapshot, world, feeds, remembered: Remembered::default() })
    }

    /// All nodes join and tell their keys.
    fn join(&mut self, size: Size) -> anyhow::Result<()> {
        let memberships = &self.world.accepted.memberships;
        let record = |name: &str| {
            let networks = memberships.of_node(name).map(|one| one.networks.clone());
            let keys = networks.into_iter().flatten().map(|network| (network, [7; 32]));
            NodeRecord {
                identity: [1; 32],
                standing: Standing::Approved,
                joined_ms: now_ms(),
                tags: BTreeSet::new(),
                public_keys: keys.collect(),
                endpoint: Some(([192, 0, 2, 1], 51820).into()),
                local_endpoint: None,
                generation: 1,
                ciphers: None,
            }
        };
        let names: Vec<String> = (0..size.nodes).map(|number| format!("node-{number}")).collect();
        let put =
            |name: &String| Change::Put { name: node_name(name), value: to_bytes(&record(name)) };
        self.snapshot = self.store.commit(&self.snapshot, names.iter().map(put).collect())?;
        let after = World::read(&self.snapshot, Some(&self.world), None)?;
        self.feeds.advance(&self.world, &after);
        self.world = after;
        for name in &names {
            self.feeds.of(&self.world, name, now_ms()).context("a node has no feed")?;
        }
        Ok(())
    }

    fn apply(&mut self, size: Size, edition: Edition, steps: &mut Steps) -> anyhow::Result<()> {
        let path = "/scale.yaml".to_owned();
        let texts = BTreeMap::from([(path.clone(), text(size, edition))]);
        let declared = Declared { roots: vec![path], texts, api: None };
        let (world, now) = (&self.world, now_ms());
        let proposal = steps
            .time("1 proposing", || propose(world, declared, &mut self.remembered, None, now))
            .map_err(|refused| anyhow::anyhow!("{refused:?}"))?;
        let made =
            steps.time("2 listing records", || changes(world, &proposal, &Origin::default(), now));
        self.snapshot = steps.time("3 committing", || self.store.commit(&self.snapshot, made))?;
        let accepted = Some(proposal.accepted.clone());
        let after =
            steps.time("4 following", || World::read(&self.snapshot, Some(world), accepted))?;
        steps.time("5 feeding", || self.feeds.advance(world, &after));
        steps.time("6 signing", || {
            for node in after.nodes.keys() {
                self.feeds.of(&after, node, now);
            }
        });
        steps.time("7 telling of the effects", || effects(world, &proposal));
        let before = std::mem::replace(&mut self.world, after);
        steps.time("8 forgetting", || drop(before));
        Ok(())
    }
}
