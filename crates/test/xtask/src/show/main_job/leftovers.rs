//! What a machine holds that a lab could leave behind: processes, namespaces, links, mounts, files.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the kernel may take to clear away what has ended.
const SETTLE_MAX: Duration = Duration::from_secs(10);

/// What is there, one line each.
#[derive(Debug)]
pub(super) struct Snapshot(BTreeSet<String>);

impl Snapshot {
    /// Looks around; `home` is where the lab keeps its files.
    pub(super) fn take(home: &Path) -> std::io::Result<Self> {
        let mut things = BTreeSet::new();
        for entry in std::fs::read_dir("/proc")?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.parse::<u32>().is_ok() {
                // A process may end while it is looked at.
                add_process(&entry.path(), &name, &mut things);
            }
        }
        for entry in std::fs::read_dir("/sys/class/net")?.flatten() {
            things.insert(format!("link {}", entry.file_name().to_string_lossy()));
        }
        for line in std::fs::read_to_string("/proc/self/mounts")?.lines() {
            things.insert(format!("mount {line}"));
        }
        add_files(home, &mut things)?;
        Ok(Self(things))
    }

    /// What is there and was not before, once it does not change any more.
    pub(super) fn settled(home: &Path, before: &Self) -> std::io::Result<Vec<String>> {
        let deadline = Instant::now() + SETTLE_MAX;
        loop {
            let now = Self::take(home)?;
            let left: Vec<String> = now.0.difference(&before.0).cloned().collect();
            if left.is_empty() || Instant::now() > deadline {
                return Ok(left);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A process of ours, by its name, and the namespaces that it keeps alive.
fn add_process(folder: &Path, id: &str, things: &mut BTreeSet<String>) {
    let name = std::fs::read_to_string(folder.join("comm")).unwrap_or_default();
    if name.trim() != "netloom" {
        return;
    }
    things.insert(format!("process {id}"));
    for kind in ["net", "mnt", "pid", "user"] {
        if let Ok(target) = std::fs::read_link(folder.join("ns").join(kind)) {
            things.insert(format!("namespace {}", target.display()));
        }
    }
}

fn add_files(folder: &Path, things: &mut BTreeSet<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)?.flatten() {
        things.insert(format!("file {}", entry.path().display()));
        if entry.file_type()?.is_dir() {
            add_files(&entry.path(), things)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_noticed() {
        let home = std::env::temp_dir().join(format!("netloom-leftovers-{}", std::process::id()));
        std::fs::create_dir_all(&home).unwrap();
        let before = Snapshot::take(&home).unwrap();
        std::fs::write(home.join("x"), "").unwrap();
        let now = Snapshot::take(&home).unwrap();
        assert!(now.0.difference(&before.0).any(|thing| thing.ends_with("/x")));
        std::fs::remove_dir_all(&home).unwrap();
    }
}
