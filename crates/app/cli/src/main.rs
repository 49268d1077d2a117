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
mod shell;
mod source;
mod wireguard;

use clap::Parser as _;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;

/// Plans and deltas are made of many small things that live shortly; the C library's allocator took a
/// third of the time that large fabrics need.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Names under which the executable is `netloom wireguard`, for programs that call what makes their interfaces by one word.
const WIREGUARD_NAMES: [&str; 2] = ["netloom-wireguard", "wireguard-go"];

/// The arguments, with the command that a name of the executable stands for.
fn arguments(mut given: Vec<OsString>) -> Vec<OsString> {
    let name = given.first().and_then(|path| Path::new(path).file_name()?.to_str());
    let is_alias = name.is_some_and(|name| WIREGUARD_NAMES.contains(&name));
    if is_alias && given.get(1).is_none_or(|word| word != "wireguard") {
        given.insert(1, "wireguard".into());
    }
    given
}

fn main() -> ExitCode {
    let given = arguments(std::env::args_os().collect());
    let code = match command::Arguments::try_parse_from(given) {
        Ok(arguments) => run(arguments.command),
        Err(told) => tell(&told),
    };
    output::finished(code)
}

fn run(command: command::Command) -> ExitCode {
    match command::run(command) {
        Ok(code) => code,
        Err(error) => {
            output::error(&format!("error: {}\n", output::chain(&error)));
            ExitCode::FAILURE
        }
    }
}

/// Prints help that was asked for, or what is wrong with the arguments.
fn tell(told: &clap::Error) -> ExitCode {
    if told.use_stderr() || std::io::stdout().is_terminal() {
        // On a terminal, in colours.
        let _ = told.print();
    } else {
        output::print(&told.render().to_string());
    }
    u8::try_from(told.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_executable_stands_for_a_command() {
        let words = |text: &str| -> Vec<OsString> { text.split(' ').map(OsString::from).collect() };
        for (given, meant) in [
            ("/usr/bin/wireguard-go -f wg0", "/usr/bin/wireguard-go wireguard -f wg0"),
            ("netloom-wireguard", "netloom-wireguard wireguard"),
            ("netloom-wireguard wireguard wg0", "netloom-wireguard wireguard wg0"),
            ("netloom up", "netloom up"),
        ] {
            assert_eq!(arguments(words(given)), words(meant));
        }
    }
}
