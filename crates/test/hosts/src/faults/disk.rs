//! A folder on a small disk, which can be filled.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder that was put on a disk of its own.
pub(super) struct SmallDisk {
    folder: PathBuf,
    /// Where the folder's content was.
    kept: PathBuf,
}

impl SmallDisk {
    /// Puts a folder, which nobody uses meanwhile, on a disk of some MiB.
    pub(super) fn below(folder: &Path, size_mib: usize) -> Result<Self, String> {
        let kept = folder.with_extension("kept");
        std::fs::rename(folder, &kept).map_err(|error| error.to_string())?;
        run_program(Command::new("mkdir").args(["-m", "700"]).arg(folder))?;
        let options = format!("size={size_mib}m,mode=0700");
        run_program(
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder),
        )?;
        run_program(Command::new("cp").arg("-a").arg(kept.join(".")).arg(folder))?;
        Ok(Self { folder: folder.to_owned(), kept })
    }

    /// Fills it.
    pub(super) fn fill(&self) {
        // It ends by failing: the disk is full then.
        let _ = std::fs::write(self.ballast(), vec![0; 32 << 20]);
    }

    /// Makes room again.
    pub(super) fn make_room(&self) -> Result<(), String> {
        std::fs::remove_file(self.ballast()).map_err(|error| error.to_string())
    }

    /// Takes the disk away; the folder's content, which nobody uses meanwhile, goes where it was.
    pub(super) fn take_away(self) -> Result<(), String> {
        run_program(Command::new("cp").arg("-a").arg(self.folder.join(".")).arg(&self.kept))?;
        run_program(Command::new("umount").arg(&self.folder))?;
        std::fs::remove_dir(&self.folder).map_err(|error| error.to_string())?;
        std::fs::rename(&self.kept, &self.folder).map_err(|error| error.to_string())
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }
}

fn run_program(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}
