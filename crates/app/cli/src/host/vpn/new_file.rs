//! A file that is made before what it is for is done, and is gone again if that fails.

use anyhow::Context as _;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A new file, removed unless it is kept.
#[derive(Debug)]
pub(super) struct NewFile {
    path: PathBuf,
    file: File,
    kept: bool,
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
        Ok(Self { path: path.to_owned(), file, kept: false })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes all that it holds. What is there of it already is never gone in between.
    pub(super) fn write(&mut self, text: &str) -> anyhow::Result<()> {
        let file = &mut self.file;
        let written = file
            .rewind()
            .and_then(|()| file.write_all(text.as_bytes()))
            .and_then(|()| file.set_len(text.len() as u64))
            .and_then(|()| file.sync_all());
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Leaves it where it is.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }

    /// Fills it, and keeps it.
    pub(super) fn fill(&mut self, text: &str) -> anyhow::Result<()> {
        self.write(text)?;
        self.keep();
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn it_stays_only_if_it_is_kept_and_is_never_instead_of_another() {
        let path = std::env::temp_dir().join(format!("netloom-new-{}", std::process::id()));
        drop(NewFile::make(&path, 0o600).unwrap());
        assert!(!path.exists());
        let mut file = NewFile::make(&path, 0o600).unwrap();
        file.write("a longer draft").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a longer draft");
        file.fill("key").unwrap();
        drop(file);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let error = NewFile::make(&path, 0o600).unwrap_err();
        assert!(error.to_string().contains("there already"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "key");
        std::fs::remove_file(&path).unwrap();
        let error = NewFile::make(&path.join("nowhere"), 0o600).unwrap_err();
        assert!(error.to_string().contains("cannot make"), "{error}");
    }
}
