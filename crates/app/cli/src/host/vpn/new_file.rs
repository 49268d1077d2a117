//! A file that is made before what it is for is done, and is gone again if that fails.

use anyhow::Context as _;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// An empty new file, removed unless it is filled.
#[derive(Debug)]
pub(super) struct NewFile {
    path: PathBuf,
    file: File,
    filled: bool,
}

impl NewFile {
    /// Makes it. What cannot be written is so found before anything else is done.
    pub(super) fn make(path: &Path, mode: u32) -> anyhow::Result<Self> {
        let made = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
        let file = match made {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => anyhow::bail!(
                "{} is there already; name a new file, or remove that one",
                path.display()
            ),
            made => made.with_context(|| format!("cannot make {}", path.display()))?,
        };
        Ok(Self { path: path.to_owned(), file, filled: false })
    }

    /// Fills it, and keeps it.
    pub(super) fn fill(mut self, text: &str) -> anyhow::Result<()> {
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_all());
        written.with_context(|| format!("cannot write {}", self.path.display()))?;
        self.filled = true;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.filled {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn it_is_there_only_if_it_is_filled_and_never_instead_of_another() {
        let path = std::env::temp_dir().join(format!("netloom-new-{}", std::process::id()));
        drop(NewFile::make(&path, 0o600).unwrap());
        assert!(!path.exists());
        NewFile::make(&path, 0o600).unwrap().fill("key").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let error = NewFile::make(&path, 0o600).unwrap_err();
        assert!(error.to_string().contains("there already"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "key");
        std::fs::remove_file(&path).unwrap();
        let error = NewFile::make(&path.join("nowhere"), 0o600).unwrap_err();
        assert!(error.to_string().contains("cannot make"), "{error}");
    }
}
