//! Outside of the lab: brings it up, and runs this program again inside it.

use crate::node::Node;
use crate::storm::{self, Tally};
use anyhow::{Context as _, bail};
use netloom_no_cleartext::lab::Lab;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// What is to be done inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// One blow of each kind at the first node, what is not drift, and what nobody is told.
    Each,
    /// So many blows with this seed.
    Storm {
        /// How many.
        blows: u64,
        /// The seed of all choices.
        seed: u64,
    },
}

/// Brings up `fabric`, does the task inside, and ends the lab; gives what was printed and whether
/// it succeeded.
///
/// # Errors
/// The lab does not come up.
pub fn run(executable: &Path, fabric: &Path, task: Task) -> anyhow::Result<(String, bool)> {
    let home = std::env::temp_dir().join(format!("netloom-drift-{}", std::process::id()));
    std::fs::create_dir_all(&home)?;
    let result = run_in(executable, fabric, task, &home);
    let removed = std::fs::remove_dir_all(&home);
    let printed = result?;
    removed?;
    Ok(printed)
}

fn run_in(
    executable: &Path,
    fabric: &Path,
    task: Task,
    home: &Path,
) -> anyhow::Result<(String, bool)> {
    let lab = Lab::up(executable, fabric, home)?;
    let report = lab.status()?;
    let first = report.nodes.keys().next().context("the fabric has no node")?;
    let inner = lab.node_namespace(first, "x");
    // RUN/nodes/NODE/run/FABRIC/netns/NAME
    let run = inner.ancestors().nth(6).context("an odd path")?;
    let mut arguments = vec!["--inside".to_owned(), run.to_string_lossy().into_owned()];
    arguments.push(report.fabric.clone());
    match task {
        Task::Each => arguments.extend(["0".to_owned(), "0".to_owned()]),
        Task::Storm { blows, seed } => arguments.extend([blows.to_string(), seed.to_string()]),
    }
    arguments.extend(report.nodes.keys().cloned());
    let mut child = lab.beside(&arguments)?;
    let mut printed = String::new();
    child.stdout.take().context("no pipe")?.read_to_string(&mut printed)?;
    let is_done = child.wait()?.success();
    let holds = lab.tests_hold()?;
    printed.push_str(&format!("tests hold afterwards: {holds}\n"));
    lab.down()?;
    Ok((printed, is_done && holds))
}

/// What this program does inside, with the arguments after `--inside`.
///
/// # Errors
/// Something never came back, or an argument is missing.
pub fn inside(arguments: &[String]) -> anyhow::Result<Tally> {
    let [run, fabric, blows, seed, names @ ..] = arguments else {
        bail!("--inside RUN FABRIC BLOWS SEED NODE...");
    };
    let (run, blows, seed) = (PathBuf::from(run), blows.parse::<u64>()?, seed.parse()?);
    let mut nodes: Vec<Node> = names.iter().map(|name| Node::new(&run, fabric, name)).collect();
    let struck = if blows == 0 { 1 } else { nodes.len() };
    for node in nodes.iter_mut().take(struck) {
        node.make_tables_plain()?;
        node.wait("it is watched", |node| Ok(node.drift()?.watched > 0))?;
    }
    match blows {
        0 => {
            let first = nodes.first_mut().context("no node")?;
            let tally = storm::each(first)?;
            storm::leave_others(first)?;
            Ok(tally)
        }
        blows => storm::rage(&mut nodes, blows, seed),
    }
}
