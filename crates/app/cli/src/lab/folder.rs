//! The folder of a lab: its socket, its log, and the process id of its supervisor.

use anyhow::Context as _;
use netloom_lab::supervisor::SOCKET;
use netloom_sys::process::{PidFd, effective_user};
use netloom_sys::unix_socket;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A lab's folder begins so; the fabric's name follows.
const PREFIX: &str = "lab-";
/// How long an ending lab may take before it is killed.
const END_TIMEOUT: Duration = Duration::from_secs(5);
const SIGKILL: i32 = 9;

/// A lab's folder.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

/// Where this user's labs are: the runtime folder of the session, or one below the temporary one.
fn base() -> anyhow::Result<PathBuf> {
    let base = match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(folder) if Path::new(&folder).is_dir() => PathBuf::from(folder).join("netloom"),
        Some(_) | None => std::env::temp_dir().join(format!("netloom-{}", effective_user())),
    };
    match std::fs::DirBuilder::new().mode(0o700).create(&base) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let owner = std::fs::metadata(&base).map(|found| found.uid()).ok();
            // A folder in a public place that somebody else made could be a trap.
            anyhow::ensure!(
                owner == Some(effective_user()),
                "{} belongs to somebody else; set XDG_RUNTIME_DIR to a folder of your own",
                base.display()
            );
        }
        Err(error) => {
            return Err(error)
                .with_context(|| format!("cannot make {}; set XDG_RUNTIME_DIR", base.display()));
        }
    }
    Ok(base)
}

/// The labs that are up.
pub(super) fn alive() -> anyhow::Result<Vec<Folder>> {
    let mut folders: Vec<Folder> = std::fs::read_dir(base()?)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| Folder(entry.path()))
        .filter(|folder| folder.is_alive())
        .collect();
    folders.sort_by_key(Folder::name);
    Ok(folders)
}

impl Folder {
    /// What `--lab` has to say; the only lab need not be named.
    pub(super) fn name_if_needed(&self) -> anyhow::Result<Option<String>> {
        Ok((alive()?.len() > 1).then(|| self.name()))
    }

    pub(super) fn of(fabric: &str) -> anyhow::Result<Self> {
        Ok(Self(base()?.join(format!("{PREFIX}{fabric}"))))
    }

    pub(super) fn name(&self) -> String {
        let name = self.0.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.strip_prefix(PREFIX).unwrap_or(&name).to_owned()
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.0.join(SOCKET)
    }

    /// A folder that is not there, for those who are to find nothing.
    pub(super) fn nothing(&self) -> PathBuf {
        self.0.join("nothing")
    }

    fn log_file(&self) -> PathBuf {
        self.0.join("log")
    }

    /// Whether a supervisor answers.
    pub(super) fn is_alive(&self) -> bool {
        unix_socket::connect(&self.socket()).is_ok()
    }

    /// Makes the folder anew; what a dead lab left there is removed.
    pub(super) fn make(&self) -> anyhow::Result<()> {
        self.clear();
        std::fs::create_dir_all(self.0.join(netloom_lab::supervisor::RUN))
            .with_context(|| format!("cannot make {}", self.0.display()))
    }

    pub(super) fn make_log(&self) -> anyhow::Result<std::fs::File> {
        let path = self.log_file();
        std::fs::File::create(&path).with_context(|| format!("cannot make {}", path.display()))
    }

    /// The end of the supervisor's log, as a paragraph.
    pub(super) fn log(&self) -> String {
        let text = std::fs::read_to_string(self.log_file()).unwrap_or_default();
        if text.trim().is_empty() { String::new() } else { format!("\n{}", text.trim_end()) }
    }

    pub(super) fn keep_process_id(&self, init: u32) -> anyhow::Result<()> {
        std::fs::write(self.0.join("pid"), init.to_string()).context("cannot keep the process id")
    }

    /// The supervisor's process id, as seen from here.
    pub(super) fn process_id(&self) -> Option<u32> {
        std::fs::read_to_string(self.0.join("pid")).ok()?.trim().parse().ok()
    }

    /// Ends the lab: asks it to, kills it if it does not, and removes the folder.
    pub(super) fn end(&self) {
        let supervisor = self.process_id().and_then(|pid| PidFd::open(pid).ok());
        if let Ok(mut stream) = unix_socket::connect(&self.socket()) {
            use std::io::{Read as _, Write as _};
            let _ = stream.set_read_timeout(Some(END_TIMEOUT));
            let _ = stream.write_all(b"\"down\"\n");
            // The stream ends with the supervisor.
            let _ = stream.read_to_end(&mut Vec::new());
        }
        if let Some(supervisor) = supervisor
            && !wait(&supervisor, END_TIMEOUT)
        {
            let _ = supervisor.signal(SIGKILL);
            wait(&supervisor, END_TIMEOUT);
        }
        self.clear();
    }

    fn clear(&self) {
        // What is not there needs no removal.
        let _ = std::fs::remove_dir_all(&self.0);
        if let Some(base) = self.0.parent() {
            // Stays if other labs are there.
            let _ = std::fs::remove_dir(base);
        }
    }
}

/// Waits for a process to end; whether it has.
fn wait(process: &PidFd, timeout: Duration) -> bool {
    use netloom_sys::poll::{Interest, PollSet};
    use std::os::fd::AsFd as _;
    let mut set = PollSet::new();
    set.add(process.as_fd(), Interest::Read);
    set.wait(Some(timeout)).is_ok_and(|ready| ready > 0)
}
