//! The repository's own commands: `cargo xtask test` and `cargo xtask show`.
#![forbid(unsafe_code)]

mod cargo;
mod clone;
mod counts;
mod newer_debian;
mod output;
mod packages;
mod peers;
mod show;
mod test;

use clap::Parser as _;
use std::process::ExitCode;

/// Exit code where a command could not do its work, unlike one whose result is bad.
const EXIT_COULD_NOT_RUN: u8 = 2;

/// Commands for those who work on this repository.
#[derive(Debug, clap::Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run all tests of the workspace, and install the peers that they compare with.
    Test(test::Test),
    /// Run one of the shows on the real thing, or list them.
    Show(show::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Test(arguments) => test::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            output::error(&format!("error: {error:#}\n"));
            ExitCode::from(EXIT_COULD_NOT_RUN)
        }
    }
}
