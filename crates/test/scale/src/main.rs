//! Large fabrics: what checking, planning and changing them costs, and many agents on one control.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "its figures are what this program is for")]

mod agents;
mod change;
mod fabric;
mod model;
mod reach;

use clap::Parser as _;
use fabric::Size;
use std::path::PathBuf;
use std::process::ExitCode;

/// What is measured.
#[derive(Debug, clap::Parser)]
enum Arguments {
    /// Check, plan and one change of a fabric, in this process.
    Model(Sizes),
    /// Changes on control's part, step by step, in this process.
    Change(Changes),
    /// Questions about who reaches whom, in this process.
    Reach {
        /// How many workloads.
        #[arg(long, default_value_t = 10_000)]
        workloads: usize,
    },
    /// A real control, and as many agents as the fabric has nodes.
    Agents(Agents),
}

#[derive(Clone, Debug, clap::Args)]
struct Sizes {
    #[arg(long, default_value_t = 100)]
    nodes: usize,
    #[arg(long, default_value_t = 1_000)]
    workloads: usize,
    #[arg(long, default_value_t = 200)]
    groups: usize,
}

#[derive(Debug, clap::Args)]
struct Changes {
    #[command(flatten)]
    sizes: Sizes,
    /// How many.
    #[arg(long, default_value_t = 20)]
    changes: u16,
    /// Of which kind.
    #[arg(long, default_value = "network")]
    kind: agents::Kind,
}

#[derive(Debug, clap::Args)]
struct Agents {
    #[command(flatten)]
    sizes: Sizes,
    /// The executable that control is run with.
    #[arg(long)]
    netloom: PathBuf,
    /// Changes, each applied when all agents hold the one before.
    #[arg(long, default_value_t = 20)]
    changes: u16,
    /// Only this kind of change.
    #[arg(long)]
    kind: Option<agents::Kind>,
}

/// That of the executable.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let size = |sizes: &Sizes| Size {
        nodes: sizes.nodes,
        workloads: sizes.workloads,
        groups: sizes.groups,
    };
    let result = match Arguments::parse() {
        Arguments::Model(sizes) => model::run(size(&sizes)),
        Arguments::Change(Changes { sizes, changes, kind }) => {
            change::run(size(&sizes), kind, changes)
        }
        Arguments::Reach { workloads } => reach::run(workloads),
        Arguments::Agents(arguments) => {
            let kinds =
                arguments.kind.map_or_else(|| agents::Kind::ALL.to_vec(), |kind| vec![kind]);
            agents::run(size(&arguments.sizes), &arguments.netloom, &kinds, arguments.changes)
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A figure, as `name: value`.
fn figure(name: &str, value: impl std::fmt::Display) {
    println!("{name}: {value}");
}
