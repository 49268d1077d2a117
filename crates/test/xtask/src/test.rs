//! `cargo xtask test`: all tests of the workspace, and one line that sums them up.

use crate::cargo::{cargo, stream};
use crate::counts::Counter;
use crate::{output, packages};

/// Arguments of `test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Test {
    /// Do not install missing peers; tests that need them are skipped.
    #[arg(long)]
    no_install: bool,
    /// Options for `cargo test`, after `--`.
    #[arg(last = true)]
    options: Vec<String>,
}

/// Runs the tests. `Ok(false)` if one fails.
pub(crate) fn run(arguments: &Test) -> anyhow::Result<bool> {
    packages::provide(!arguments.no_install);
    let mut counter = Counter::default();
    let succeeded = test(&arguments.options, &mut counter)?;
    let mut counts = counter.total();
    if counts.skipped > 0 {
        output::progress(&format!("{} tests were skipped: see above for why", counts.skipped));
    }
    if !succeeded && counts.failed == 0 {
        // A program that died, or was not built, prints no sum; it must not look like success.
        output::progress("what failed printed no result: see above, counted as one");
        counts.failed = 1;
    }
    output::print(&format!("{counts}\n"));
    Ok(succeeded)
}

fn test(options: &[String], counter: &mut Counter) -> anyhow::Result<bool> {
    output::progress("building and running all tests");
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast"])?;
    command.args(options);
    Ok(stream(&mut command, |line| counter.line(line))?.success())
}
