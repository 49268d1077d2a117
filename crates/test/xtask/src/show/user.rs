//! An ordinary user, for shows of what needs no rights.

use crate::output;
use anyhow::Context as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The user that root becomes: nobody.
const NOBODY: u32 = 65534;

/// Somebody without rights, whose PATH holds nothing at all.
pub(super) struct User {
    pub(super) id: Option<u32>,
    /// The executable, where the user can run it.
    pub(super) binary: PathBuf,
    /// The example, where the user can read it.
    pub(super) example: PathBuf,
    pub(super) home: PathBuf,
}

impl User {
    /// Root becomes nobody; anybody else stays who it is.
    pub(super) fn new(folder: &Path, binary: &Path, example: &Path) -> anyhow::Result<Self> {
        let is_root = std::fs::metadata("/proc/self").map(|found| uid(&found) == 0)?;
        let id = is_root.then_some(NOBODY);
        let home = folder.join("home");
        std::fs::create_dir(&home)?;
        // The scratch folder is nobody else's; whoever the show becomes must get through it.
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o711))?;
        let (own_binary, own_example) = (folder.join("netloom"), folder.join("quickstart.yaml"));
        std::fs::copy(binary, &own_binary).context("cannot copy the binary")?;
        std::fs::copy(example, &own_example).context("cannot copy the example")?;
        if let Some(id) = id {
            std::os::unix::fs::chown(&home, Some(id), Some(id))?;
        }
        Ok(Self { id, binary: own_binary, example: own_example, home })
    }

    /// A command of `netloom`.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).env_clear().current_dir(&self.home).stdin(Stdio::null());
        command.env("PATH", "/nonexistent").env("HOME", &self.home).env("TMPDIR", &self.home);
        if let Some(id) = self.id {
            command.uid(id).gid(id);
        }
        command
    }

    /// Runs a command; shows and gives what it prints.
    pub(super) fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        output::progress(&format!("netloom {}", arguments.join(" ")));
        let output = self.command(arguments).output().context("cannot run netloom")?;
        output::print(&String::from_utf8_lossy(&output.stdout));
        output::error(&String::from_utf8_lossy(&output.stderr));
        Ok(output)
    }
}

fn uid(metadata: &std::fs::Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::uid(metadata)
}
