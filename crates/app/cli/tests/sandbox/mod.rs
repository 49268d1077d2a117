//! A host of its own for a test: namespaces in which the harness runs the test's program again.
//!
//! Where that cannot be had, the test is skipped loudly, or fails if `NETLOOM_REQUIRE_LAB` or `CI` is set.
#![expect(clippy::print_stdout, reason = "a test program of its own harness")]

use netloom_sys::namespace::{SandboxOptions, spawn_sandbox};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};

/// Runs the one test of a program, inside or outside, as its arguments say.
pub(crate) fn main(name: &str, test: fn(&Path)) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, folder] = arguments.as_slice()
        && flag == "--inside"
    {
        test(Path::new(folder));
        return ExitCode::SUCCESS;
    }
    if arguments.iter().any(|argument| argument == "--list") {
        println!("{name}: test");
        return ExitCode::SUCCESS;
    }
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    if filter.is_some_and(|part| !name.contains(part.as_str())) {
        return ExitCode::SUCCESS;
    }
    let folder = std::env::temp_dir().join(format!("netloom-host-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (word, passed) = outside(name, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    println!("test {name} ... {word}");
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn outside(name: &str, folder: &Path) -> (&'static str, bool) {
    let required =
        ["NETLOOM_REQUIRE_LAB", "CI"].iter().any(|name| std::env::var_os(name).is_some());
    if installed("ip").is_none() {
        println!("SKIPPED {name}: ip is not installed");
        return ("SKIPPED", !required);
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("--inside").arg(folder);
    let options = SandboxOptions { user_namespace: true, ..SandboxOptions::default() };
    match spawn_sandbox(command, &options) {
        Ok(mut sandbox) => {
            let passed = sandbox.child.wait().unwrap().success();
            (if passed { "ok" } else { "FAILED" }, passed)
        }
        Err(error) => {
            println!("SKIPPED {name}: {error}");
            ("SKIPPED", !required)
        }
    }
}

/// The host.
pub(crate) struct Host {
    pub(crate) folder: PathBuf,
}

impl Host {
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_netloom"));
        command.args(words).stdin(Stdio::null());
        // No engine of the machine is asked.
        let engine = format!("unix://{}", self.folder.join("no-docker.sock").display());
        command.env("DOCKER_HOST", engine);
        command.env("NETLOOM_STATE", self.folder.join("state"));
        command.env("NETLOOM_RUN", self.folder.join("run"));
        command
    }

    pub(crate) fn succeed(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{words:?}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }
}

pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(|f| Path::new(f).join(name));
    folders.into_iter().find(|path| path.is_file())
}

/// Runs a program of others; whether it is installed and has succeeded.
pub(crate) fn program(line: &str) -> bool {
    let mut words = line.split(' ');
    let Some(path) = installed(words.next().unwrap()) else { return false };
    Command::new(path).args(words).status().unwrap().success()
}

/// The host's own links: one to the outside, at 192.0.2.1.
pub(crate) fn links() {
    for line in [
        "ip link set lo up",
        "ip link add up0 type veth peer name up1",
        "ip link set up1 up",
        "ip link set up0 up",
        "ip addr add 192.0.2.1/24 dev up0",
    ] {
        assert!(program(line), "{line}");
    }
}
