//! What is done to the lab, chosen by seed.

use crate::lab::Lab;
use anyhow::Context as _;
use netloom_testkit::random_fabric::Dice;
use std::path::{Path, PathBuf};

/// The kinds of blow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// The agent is killed: its tunnel devices go with it.
    KillAgent,
    /// A tunnel device is removed under the agent, which is then killed.
    RemoveTunnel,
    /// The node is taken out of the fabric with all its workloads, and put back.
    RemoveNode,
}

/// How often each was dealt.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dealt {
    /// Agents killed.
    pub agents: u64,
    /// Tunnel devices removed.
    pub tunnels: u64,
    /// Nodes removed and put back.
    pub nodes: u64,
}

/// The fabric with and without the node that comes and goes.
#[derive(Clone, Debug)]
pub struct Files {
    /// All nodes.
    pub whole: PathBuf,
    /// Without [`LEAVER`].
    pub without: PathBuf,
}

/// The workload on a node's own stack, as the file declares it.
const HOSTED: &str = "hosted: { node: beta, subnet: data, address: [10.0.2.77, 'fd00:10:0:2::77'], \
                      security_groups: [web], attach: host }";
/// Its address.
pub const HOSTED_ADDRESS: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 0, 2, 77);
/// Its node.
pub const HOSTED_NODE: &str = "beta";

/// The node that is taken out.
pub const LEAVER: &str = "gamma";

impl Files {
    /// Writes the variants of a fabric.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn write(fabric: &Path, folder: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(fabric)?;
        let text = with_hosted(&text);
        let gone = |line: &&str| {
            let line = line.trim_start();
            let is_node = line.starts_with(&format!("{LEAVER}:"));
            let is_workload = line.contains(&format!("node: {LEAVER}"));
            let is_test = line.starts_with("- { from: web-2") || line.contains("to: web-2");
            is_node || is_workload || is_test
        };
        let without: Vec<&str> = text.lines().filter(|line| !gone(line)).collect();
        let files = Self { whole: folder.join("whole.yaml"), without: folder.join("without.yaml") };
        std::fs::write(&files.whole, &text)?;
        std::fs::write(&files.without, without.join("\n"))?;
        Ok(files)
    }
}

/// With a workload on a node's own stack too: its address is one that the underlay could reach.
fn with_hosted(text: &str) -> String {
    text.replacen("\nworkloads:\n", &format!("\nworkloads:\n  {HOSTED}\n"), 1)
}

/// Deals `count` blows, waiting after each until the node is back.
///
/// # Errors
/// The lab did not recover.
pub fn deal(lab: &Lab, files: &Files, seed: u64, count: u64) -> anyhow::Result<Dealt> {
    let mut dice = Dice::new(seed);
    let nodes: Vec<String> = lab.status()?.nodes.into_keys().collect();
    let mut dealt = Dealt::default();
    for number in 0..count {
        let node = dice.pick(&nodes).clone();
        // Taking a node out is the slowest, so it is the rarest.
        let blow = match dice.below(10) {
            0 => Blow::RemoveNode,
            1..=3 => Blow::RemoveTunnel,
            _ => Blow::KillAgent,
        };
        strike(lab, files, blow, &node, &mut dealt)
            .with_context(|| format!("blow {number}: {blow:?} at {node}"))?;
    }
    Ok(dealt)
}

fn strike(
    lab: &Lab,
    files: &Files,
    blow: Blow,
    node: &str,
    dealt: &mut Dealt,
) -> anyhow::Result<()> {
    match blow {
        Blow::KillAgent => {
            lab.kill_agent(node)?;
            dealt.agents += 1;
        }
        Blow::RemoveTunnel => {
            let namespace = lab.node_namespace(node, "network-app");
            let path = namespace.to_string_lossy().into_owned();
            lab.beside(&["--remove-tunnel".to_owned(), path])?.wait()?;
            dealt.tunnels += 1;
            lab.kill_agent(node)?;
            dealt.agents += 1;
        }
        Blow::RemoveNode => {
            lab.apply(&files.without)?;
            lab.apply(&files.whole)?;
            dealt.nodes += 1;
            return lab.wait_for(LEAVER);
        }
    }
    lab.wait_for(node)
}
