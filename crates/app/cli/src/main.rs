//! The executable `netloom`: arguments in, one command run, an exit code out.
#![forbid(unsafe_code)]

mod check;
mod command;
mod documents;
mod explain;
mod host;
mod import;
mod lab;
mod matrix;
mod node;
mod output;
mod plan_cidr;
mod probe;
mod source;
mod wireguard;

use clap::Parser as _;
use std::process::ExitCode;

/// Plans and deltas are made of many small things that live shortly; the C library's allocator took a
/// third of the time that large fabrics need.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = command::Arguments::parse();
    match command::run(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            output::error(&format!("error: {}\n", output::chain(&error)));
            ExitCode::FAILURE
        }
    }
}
