//! Clean clones of the repository, in folders that go away again.

use crate::cargo::root;
use crate::output;
use anyhow::{Context as _, ensure};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Clones the last commit.
pub(crate) fn clone_to(folder: &Path) -> anyhow::Result<()> {
    let target = folder.to_str().context("the folder's path is not UTF-8")?;
    git(&root()?, &["clone", "--quiet", "--no-hardlinks", ".", target]).map(drop)
}

/// The last commit, with something said behind it.
pub(crate) fn commit(folder: &Path, more: &str) -> anyhow::Result<String> {
    Ok(format!("{}{more}", git(folder, &["rev-parse", "--short", "HEAD"])?.trim()))
}

/// What a git command prints.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let result = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .output()
        .context("cannot run git, which makes the clone")?;
    let printed = String::from_utf8_lossy(&result.stderr);
    ensure!(result.status.success(), "git {} failed: {}", arguments[0], printed.trim());
    Ok(String::from_utf8_lossy(&result.stdout).into_owned())
}

/// A folder that nobody else can enter, removed in the end.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(parent: Option<PathBuf>) -> anyhow::Result<Self> {
        let parent = parent.unwrap_or_else(std::env::temp_dir);
        let folder = parent.join(format!("netloom-show-{}", std::process::id()));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            output::error(&format!("warning: {} is left behind: {error}\n", self.0.display()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scratch_folder_goes_with_its_owner() {
        let scratch = Scratch::new(None).unwrap();
        let folder = scratch.0.clone();
        std::fs::write(folder.join("file"), "x").unwrap();
        drop(scratch);
        assert!(!folder.exists());
    }
}
