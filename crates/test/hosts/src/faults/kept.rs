//! What a node has kept of control's word is damaged while control is away.

use super::fabric::{FABRIC, Trial, expect};
use super::{doctor, expect_not};
use crate::ground::{Host, wait_until};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A node that starts with a damaged file, and without control, takes nothing away and says why; control
/// sends it all again, and what was there is still the same.
pub(super) fn damaged(trial: &Trial) -> Result<(), String> {
    let (alpha, beta) = (&trial.hosts[0], &trial.hosts[1]);
    let before = namespaces(beta)?;
    alpha.succeed(&["stop"])?;
    // Killed, as by a crash: `netloom stop` takes away what the node holds.
    for kind in ["supervise", "node"] {
        if beta.kill(kind) == 0 {
            return Err(format!("no {kind} ran on beta"));
        }
    }
    let kept = beta.state().join(FABRIC).join("node").join("resources.cbor");
    let mut bytes = std::fs::read(&kept).map_err(at(&kept))?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&kept, bytes).map_err(at(&kept))?;
    beta.succeed(&["start"])?;
    wait_until("status says that it is damaged", || {
        expect(&beta.succeed(&["status"])?, "resources.cbor")
    })?;
    let said = doctor(beta)?;
    expect(&said, "resources.cbor")?;
    expect(&said, "see that control can be reached")?;
    let after = namespaces(beta)?;
    if after != before {
        return Err(format!("namespaces {before:?} became {after:?}"));
    }
    alpha.succeed(&["start"])?;
    trial.all_connected()?;
    wait_until("it has all of it again", || {
        expect_not(&beta.succeed(&["status"])?, "resources.cbor")
    })?;
    trial.answers(beta, "b", "g")?;
    let after = namespaces(beta)?;
    if after == before { Ok(()) } else { Err(format!("namespaces {before:?} became {after:?}")) }
}

/// The fabric's namespaces on a host, each with what tells it from a later one of its name.
fn namespaces(host: &Host) -> Result<Vec<(PathBuf, u64)>, String> {
    let folder = host.run().join(FABRIC).join("netns");
    let entries = std::fs::read_dir(&folder).map_err(at(&folder))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(at(&folder))?.path();
        let inode = std::fs::metadata(&path).map_err(at(&path))?.ino();
        found.push((path, inode));
    }
    found.sort();
    if found.is_empty() { Err(format!("{} is empty", folder.display())) } else { Ok(found) }
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}
