//! A real control, and many agents on connections of their own: what one change costs, and how long it takes.
//!
//! Control is the executable, with its store on disk. Each agent joins with a token, has a key and
//! a certificate of its own and a TLS connection of its own, speaks the protocol, verifies control's
//! signature, puts its part of the fabric together, plans its node, and carries the operations out on
//! a model of the kernel: so many kernels are not to be had on one machine.

mod control;
mod enforced;
mod node;

use crate::fabric::{Edition, Size, text};
use crate::figure;
use anyhow::Context as _;
use control::Control;
use netloom::api::{Apply, MakeToken, Sources};
use netloom_pki::Token;
use node::{Node, Shared};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Longest wait for all agents.
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) fn run(size: Size, netloom: &Path, kinds: &[Kind], changes: u16) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let control = Control::start(netloom)?;
    runtime.block_on(measure(size, &control, kinds, changes))?;
    figure("memory of control MiB", control.peak_mib()?);
    drop(runtime);
    Ok(())
}

/// What is changed, and how many nodes that concerns.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Kind {
    /// A rule of a group: the nodes of its workloads.
    Rule,
    /// A workload goes and another comes: the nodes of a network.
    Workload,
    /// A node can be called elsewhere, and says so: the nodes of all its networks.
    Endpoint,
    /// A network that every node has to stop on its own stack: all of them.
    Network,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Rule, Self::Workload, Self::Endpoint, Self::Network];

    fn words(self) -> &'static str {
        match self {
            Self::Rule => "rule of a group",
            Self::Workload => "workload replaced",
            Self::Endpoint => "endpoint of a node",
            Self::Network => "network for all",
        }
    }

    pub(crate) fn edition(self, number: u16) -> Edition {
        let mut edition = Edition::default();
        match self {
            Self::Rule => edition.port = number,
            Self::Workload => edition.workload = number,
            Self::Endpoint => {}
            Self::Network => edition.network = number,
        }
        edition
    }
}

async fn measure(
    size: Size,
    control: &Control,
    kinds: &[Kind],
    changes: u16,
) -> anyhow::Result<()> {
    let start = Instant::now();
    let applied = control.client().apply(&apply(size, Edition::default())).await?;
    anyhow::ensure!(applied.changed, "nothing was applied");
    figure("first apply ms", start.elapsed().as_millis());
    let wanted = MakeToken { reusable: true, ..MakeToken::default() };
    let made = control.client().make_token(&wanted).await?;
    let token = Token::parse(&made.token, node::wall_now())?;
    let start = Instant::now();
    let shared = Arc::new(Shared::default());
    let mut nodes = Vec::new();
    for number in 0..size.nodes {
        nodes.push(Node::join(&token, &format!("node-{number}")).await.context("join")?);
    }
    figure("joins", nodes.len());
    figure("joins ms", start.elapsed().as_millis());
    let start = Instant::now();
    for node in nodes {
        tokio::spawn(node.serve(Arc::clone(&shared)));
    }
    settle(&shared, size.nodes, control).await?;
    figure("all agents connected and up to date ms", start.elapsed().as_millis());
    for kind in kinds {
        change(*kind, size, control, &shared, changes).await?;
        // Back to what it was, so that each kind changes one thing.
        control.client().apply(&apply(size, Edition::default())).await?;
        settle(&shared, size.nodes, control).await?;
    }
    figure("agents", shared.connected.load(Ordering::Relaxed));
    figure("sessions lost", shared.lost.load(Ordering::Relaxed));
    figure("refused signatures", shared.distrusted.load(Ordering::Relaxed));
    Ok(())
}

/// Changes one thing again and again, and measures until the last agent that it concerns enforces it.
async fn change(
    kind: Kind,
    size: Size,
    control: &Control,
    shared: &Shared,
    changes: u16,
) -> anyhow::Result<()> {
    let mut times = Vec::new();
    let (before, cpu) = (shared.sums(), control.cpu_ms()?);
    for number in 1..=changes {
        shared.last_ms.store(0, Ordering::Relaxed);
        // What a user has written already when it is applied.
        let edited = apply(size, kind.edition(number));
        let start = Instant::now();
        *shared.start.lock().map_err(|_| anyhow::anyhow!("a task failed"))? = Some(start);
        let held = shared.applied.load(Ordering::Relaxed);
        if let Kind::Endpoint = kind {
            shared.listen_port.send_replace(40_000 + number);
        } else {
            control.client().apply(&edited).await?;
        }
        while shared.applied.load(Ordering::Relaxed) == held {
            anyhow::ensure!(start.elapsed() < PATIENCE, "no agent has heard of change {number}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        settle(shared, size.nodes, control).await?;
        times.push(shared.last_ms.load(Ordering::Relaxed));
    }
    let (after, cpu) = (shared.sums(), control.cpu_ms()? - cpu);
    times.sort_unstable();
    let named = |name: &str| format!("{}, {name}", kind.words());
    figure(&named("changes"), times.len());
    figure(&named("enforced p50 ms"), times[(times.len() - 1) / 2]);
    figure(&named("enforced max ms"), times[times.len() - 1]);
    let concerned = (after.applied - before.applied).max(1);
    figure(&named("agents concerned"), concerned / u64::from(changes));
    figure(&named("bytes to each"), (after.bytes - before.bytes) / concerned);
    figure(&named("resources to each"), (after.resources - before.resources) / concerned);
    figure(&named("work of each us"), (after.work_us - before.work_us) / concerned);
    figure(&named("CPU of control ms"), cpu / u64::from(changes));
    Ok(())
}

/// Waits until every agent is connected and holds what it shall hold.
async fn settle(shared: &Shared, nodes: usize, control: &Control) -> anyhow::Result<()> {
    let start = Instant::now();
    loop {
        if shared.connected.load(Ordering::Relaxed) == nodes as u64 {
            let status = control.client().status().await?;
            if status.nodes.values().all(|node| node.current) {
                return Ok(());
            }
        }
        anyhow::ensure!(
            start.elapsed() < PATIENCE,
            "{} of {nodes} agents are connected",
            shared.connected.load(Ordering::Relaxed)
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn apply(size: Size, edition: Edition) -> Apply {
    let path = "/scale.yaml".to_owned();
    let texts = BTreeMap::from([(path.clone(), text(size, edition))]);
    Apply { sources: Sources { roots: vec![path], texts }, ..Apply::default() }
}
