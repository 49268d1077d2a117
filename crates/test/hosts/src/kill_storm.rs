//! Daemons are killed in the middle of applies, again and again.

use std::path::Path;

/// Kills (-9) of agents and control.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many.
    #[arg(long, default_value_t = 300)]
    kills: u32,
    /// Seed of all choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(_netloom: &Path, options: &Options) -> anyhow::Result<bool> {
    anyhow::bail!("{} {}", options.kills, options.seed)
}
