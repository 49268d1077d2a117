//! What the crate does to a real kernel, each test in a sandbox of its own, as root or not.
//!
//! The harness starts this program again for each test, in new user, mount, network and process
//! namespaces, so that nothing here can touch the machine's own network.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test program of its own harness")]

mod executor;
mod monitor;
mod nft;
mod policy;
mod programs;
mod sockets;
mod support;
mod tunnel;

use netloom_sys::namespace::{SandboxOptions, spawn_sandbox};
use std::process::{Command, ExitCode};

/// A test: its name and what it does; `Err` is the reason why it cannot run here.
type Test = (&'static str, fn() -> Result<(), String>);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let tests = [
        executor::TESTS,
        monitor::TESTS,
        nft::TESTS,
        policy::TESTS,
        programs::TESTS,
        sockets::TESTS,
        tunnel::TESTS,
    ]
    .concat();
    if arguments.iter().any(|argument| argument == "--list") {
        for (name, _) in &tests {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    if let [flag, role, rest @ ..] = arguments.as_slice()
        && flag == "--play"
    {
        programs::play(role, rest);
        return ExitCode::SUCCESS;
    }
    if let [flag, name] = arguments.as_slice()
        && flag == "--inside"
    {
        let (_, test) = tests.iter().find(|(known, _)| known == name).expect("a known test");
        return match test() {
            Ok(()) => ExitCode::SUCCESS,
            Err(reason) => {
                println!("SKIPPED {name}: {reason}");
                ExitCode::from(support::EXIT_SKIPPED)
            }
        };
    }
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    let chosen = tests.iter().filter(|(name, _)| filter.is_none_or(|part| name.contains(part)));
    let failed: Vec<&str> = chosen.map(|(name, _)| *name).filter(|name| !passes(name)).collect();
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("\nfailed: {}", failed.join(", "));
    ExitCode::FAILURE
}

/// Runs one test in a sandbox; a skip passes unless the lab is required.
fn passes(name: &str) -> bool {
    let required = std::env::var_os("NETLOOM_REQUIRE_LAB").is_some_and(|value| value == "1");
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.args(["--inside", name]);
    let options = SandboxOptions { user_namespace: true, ..SandboxOptions::default() };
    let code = match spawn_sandbox(command, &options) {
        Ok(mut sandbox) => sandbox.child.wait().expect("the sandbox can be waited for").code(),
        Err(error) => {
            println!("SKIPPED {name}: {error}");
            Some(i32::from(support::EXIT_SKIPPED))
        }
    };
    let skipped = code == Some(i32::from(support::EXIT_SKIPPED));
    let passed = code == Some(0) || (skipped && !required);
    let word = match (passed, skipped) {
        (true, false) => "ok",
        (true, true) => "SKIPPED",
        (false, _) => "FAILED",
    };
    println!("test {name} ... {word}");
    passed
}
