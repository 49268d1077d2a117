//! Keys of an import, in files of their own.

use super::reading::Read;
use crate::output;
use anyhow::{Context as _, bail};
use netloom_pki::write_secret_file;
use netloom_wg_quick::KeyFile;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// What users are told of where keys go.
pub(super) const KEYS_HELP: &str = "Keys are not printed, and control never has them: the private key and preshared keys \
    are written into files of the\nkey folder, which only root reads, and the network names those files.";

/// Files with keys that were written, which are removed again unless they are kept.
#[derive(Debug, Default)]
pub(super) struct KeyFiles {
    made: Vec<PathBuf>,
}

impl KeyFiles {
    /// Puts keys into files of their own, where this host is to keep them; else says where they belong.
    /// A file that is there with another key is left alone.
    pub(super) fn write(read: &Read) -> anyhow::Result<Self> {
        let files = &read.imported.key_files;
        if !read.keeps_keys {
            files.iter().for_each(|file| output::error(&elsewhere(file, &read.node)));
            return Ok(Self::default());
        }
        let mut missing = Vec::new();
        for file in files {
            match std::fs::read_to_string(&file.path) {
                Ok(known) if known.trim() == file.key => {}
                Ok(_) => bail!(
                    "{} holds another key; remove it if it is not needed any more, or name another \
                     --key-folder",
                    file.path
                ),
                Err(_) => missing.push(file),
            }
        }
        let mut written = Self::default();
        for KeyFile { path, key } in missing {
            let path = Path::new(path);
            if let Some(folder) = path.parent() {
                written.make_folder(folder)?;
            }
            write_secret_file(path, format!("{key}\n").as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
            written.made.push(path.to_owned());
        }
        Ok(written)
    }

    /// Leaves them where they are, and says so.
    pub(super) fn keep(mut self) {
        for path in std::mem::take(&mut self.made).iter().filter(|path| path.is_file()) {
            output::error(&format!("{} holds a key, for its owner alone\n", path.display()));
        }
    }

    fn make_folder(&mut self, folder: &Path) -> anyhow::Result<()> {
        let missing: Vec<&Path> = folder.ancestors().take_while(|one| !one.exists()).collect();
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(
            || format!("cannot make {}; run as root, or name a --key-folder", folder.display()),
        )?;
        self.made.extend(missing.into_iter().rev().map(Path::to_owned));
        Ok(())
    }
}

impl Drop for KeyFiles {
    fn drop(&mut self) {
        for path in self.made.iter().rev() {
            // A folder in which somebody else has put something stays.
            let _ =
                if path.is_dir() { std::fs::remove_dir(path) } else { std::fs::remove_file(path) };
        }
    }
}

/// Where a key belongs that this host does not keep.
fn elsewhere(file: &KeyFile, node: &str) -> String {
    let path = Path::new(&file.path);
    let peer = path.file_stem().unwrap_or_default().to_string_lossy();
    let is_preshared = path.extension().is_some_and(|extension| extension == "psk");
    let what =
        if is_preshared { format!("PresharedKey of `{peer}`") } else { "PrivateKey".to_owned() };
    format!(
        "write the {what} into {} on `{node}`, for root alone to read: this host is another one, and keeps \
         no key\n",
        file.path
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_wg_quick::Imported;

    fn read(folder: &Path, keeps_keys: bool) -> Read {
        let file = |name: &str| KeyFile {
            path: folder.join(name).display().to_string(),
            key: "secret".to_owned(),
        };
        let key_files = vec![file("private.key"), file("phone.psk")];
        let imported = Imported { key_files, ..Imported::default() };
        Read { imported, network: "office".into(), node: "alpha".into(), keeps_keys }
    }

    #[test]
    fn keys_stay_only_if_they_are_kept_and_only_on_their_node() {
        let base = std::env::temp_dir().join(format!("netloom-keys-{}", std::process::id()));
        let folder = base.join("a/b");
        KeyFiles::write(&read(&folder, false)).unwrap().keep();
        assert!(!base.exists(), "another node's keys");
        drop(KeyFiles::write(&read(&folder, true)).unwrap());
        assert!(!base.exists(), "the folders that were made for them are gone as well");
        KeyFiles::write(&read(&folder, true)).unwrap().keep();
        assert_eq!(std::fs::read_to_string(folder.join("phone.psk")).unwrap(), "secret\n");
        drop(KeyFiles::write(&read(&folder, true)).unwrap());
        assert!(folder.join("private.key").exists(), "those that were there stay");
        std::fs::write(folder.join("phone.psk"), "another").unwrap();
        let error = KeyFiles::write(&read(&folder, true)).unwrap_err();
        assert!(error.to_string().contains("another key"), "{error}");
        std::fs::remove_dir_all(base).unwrap();
    }
}
