//! Sysctls of the host's own stack as they were before: a fabric that goes gives them back.
//!
//! They are kept below the run folder, which a reboot empties as it does the sysctls.

use super::{Cause, Executor};
use netloom_state::Namespace;
use std::path::PathBuf;

impl Executor {
    /// Keeps the value that a sysctl of the host has, before it is first set to another.
    pub(super) fn keep_original(
        &mut self,
        namespace: &Namespace,
        key: &str,
        value: &str,
    ) -> Result<(), Cause> {
        if *namespace != Namespace::Host || !outlives_links(key) || self.original(key).exists() {
            return Ok(());
        }
        let before = self.space(namespace)?.sysctl(key)?;
        let Some(before) = before.filter(|before| before != value) else { return Ok(()) };
        let unkept = |source| Cause::Sysctl { key: key.to_owned(), source };
        std::fs::create_dir_all(self.originals()).map_err(unkept)?;
        std::fs::write(self.original(key), before).map_err(unkept)
    }

    /// Sets the host's sysctls to what they were; gives which.
    ///
    /// # Errors
    /// One cannot be written; the others are set all the same.
    pub fn restore_sysctls(&mut self) -> Result<Vec<String>, Cause> {
        let (mut restored, mut result) = (Vec::new(), Ok(()));
        // Without the folder there is nothing to give back.
        for entry in std::fs::read_dir(self.originals()).into_iter().flatten().flatten() {
            let key = entry.file_name().to_string_lossy().replace('+', "/");
            let Ok(value) = std::fs::read_to_string(entry.path()) else { continue };
            let written = self.space(&Namespace::Host);
            match written.and_then(|space| space.set_sysctl(&key, value.trim())) {
                Ok(()) => {
                    // One that stays is given back again, which is harmless.
                    let _ = std::fs::remove_file(entry.path());
                    restored.push(format!("sysctl {key} = {}", value.trim()));
                }
                Err(error) => result = Err(error),
            }
        }
        let _ = std::fs::remove_dir(self.originals());
        restored.sort();
        result.map(|()| restored)
    }

    fn originals(&self) -> PathBuf {
        self.run_dir.join("sysctls")
    }

    fn original(&self, key: &str) -> PathBuf {
        self.originals().join(key.replace('/', "+"))
    }
}

/// Whether a sysctl is not that of a link, with which it would go.
fn outlives_links(key: &str) -> bool {
    key.split_once("/conf/").is_none_or(|(_, rest)| rest.starts_with("all/"))
}
