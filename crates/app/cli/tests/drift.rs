//! What others undo of a lab's nodes comes back, and its event says what it was and who did it.
//!
//! The harness runs this program again inside the lab, where it strikes. Where namespaces cannot be
//! had, or `nft` and `ip` are missing, the test is skipped loudly, or fails if `NETLOOM_REQUIRE_LAB`
//! or `CI` is set.
#![expect(clippy::print_stdout, reason = "a test program of its own harness")]

use netloom_drift::outside::{self, Task};
use std::path::Path;
use std::process::ExitCode;

/// The one test: its name and what it does.
const TEST: (&str, fn() -> (&'static str, bool)) =
    ("what_others_undo_comes_back_and_is_told", what_others_undo_comes_back_and_is_told);
const NAME: &str = TEST.0;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((first, rest)) = arguments.split_first()
        && first == "--inside"
    {
        return inside(rest);
    }
    if arguments.iter().any(|argument| argument == "--list") {
        println!("{NAME}: test");
        return ExitCode::SUCCESS;
    }
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    if filter.is_some_and(|part| !NAME.contains(part.as_str())) {
        return ExitCode::SUCCESS;
    }
    let (word, is_good) = TEST.1();
    println!("test {NAME} ... {word}");
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Strikes once in each way; says what went wrong.
fn inside(arguments: &[String]) -> ExitCode {
    match outside::inside(arguments) {
        Ok(tally) if tally.unnamed.is_empty() => return ExitCode::SUCCESS,
        Ok(tally) => tally.unnamed.iter().for_each(|line| println!("not told: {line}")),
        Err(error) => println!("error: {error:#}"),
    }
    ExitCode::FAILURE
}

fn what_others_undo_comes_back_and_is_told() -> (&'static str, bool) {
    let required =
        ["NETLOOM_REQUIRE_LAB", "CI"].iter().any(|name| std::env::var_os(name).is_some());
    let tools = ["nft", "ip"].iter().all(|name| {
        ["/usr/sbin", "/sbin", "/usr/bin", "/bin"]
            .iter()
            .any(|folder| Path::new(folder).join(name).is_file())
    });
    if !tools {
        println!("SKIPPED: nft and ip are not installed");
        return ("SKIPPED", !required);
    }
    let fabric = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../examples/quickstart.yaml");
    let executable = Path::new(env!("CARGO_BIN_EXE_netloom"));
    match outside::run(executable, &fabric, Task::Each) {
        Ok((_, true)) => ("ok", true),
        Ok((printed, false)) => {
            println!("{printed}");
            ("FAILED", false)
        }
        Err(error) => {
            println!("SKIPPED: labs do not work here: {error:#}");
            ("SKIPPED", !required)
        }
    }
}
