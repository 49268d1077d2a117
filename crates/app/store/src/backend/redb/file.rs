//! The file of the embedded backend: creating it whole, and opening it.

use super::CACHE_BYTES;
use super::failure::{Failure, caught};
use super::lengths::LastingLengths;
use super::tables;
use redb::backends::FileBackend;
use redb::{Builder, Database, StorageBackend};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// How databases are opened.
fn builder() -> Builder {
    let mut builder = Database::builder();
    // The format that later versions of redb read too.
    builder.create_with_file_format_v3(true).set_cache_size(CACHE_BYTES);
    builder
}

/// Opens a file that must be there.
pub(super) fn open(path: &Path) -> Result<Database, Failure> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    if file.metadata()?.len() == 0 {
        return Err(Failure::damage("it is empty: it was truncated"));
    }
    open_file(file)
}

/// Opens a file, which is locked.
fn open_file(file: File) -> Result<Database, Failure> {
    open_storage(FileBackend::new(file)?)
}

/// Opens storage; what is empty is begun.
pub(super) fn open_storage(storage: impl StorageBackend) -> Result<Database, Failure> {
    let is_empty = storage.len()? == 0;
    let database = builder().create_with_backend(LastingLengths(storage))?;
    if is_empty {
        tables::begin(&database)?;
    } else {
        tables::check(&database)?;
    }
    Ok(database)
}

/// Creates a file under another name, and gives it its own when it is whole. If others do so meanwhile, theirs stays.
pub(super) fn create_if_missing(path: &Path) -> Result<(), Failure> {
    if path.try_exists()? {
        return Ok(());
    }
    let unfinished = unfinished(path);
    let mut options = OpenOptions::new();
    // Only for its owner: what is stored is nobody else's business.
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = file.open(&unfinished)?;
    let linked = create(&file, &unfinished, path);
    match linked {
        // Another process creates it, and will have it open.
        Err(failure) if failure.is_locked() && path.try_exists()? => Ok(()),
        other => other,
    }
}

fn create(file: &File, unfinished: &Path, path: &Path) -> Result<(), Failure> {
    // One of a creation that was broken off begins anew, once the lock on it is ours.
    let database = match caught(|| open_file(file.try_clone()?)) {
        Err(failure) if failure.is_locked() => return Err(failure),
        Err(_) => {
            file.set_len(0)?;
            open_file(file.try_clone()?)?
        }
        Ok(database) => database,
    };
    drop(database);
    file.sync_all()?;
    match std::fs::hard_link(unfinished, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    std::fs::remove_file(unfinished)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok(File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()?)
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".new");
    path.with_file_name(name)
}
