//! Starting programs: in a network namespace, in a sandbox of their own, beside another process.

use super::child::{self, Step};
use super::{NamespaceHandle, UserNamespaceRefusal};
use crate::process::{self, ProcessError};
use crate::system;
use std::ffi::CString;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

const RESOLV_CONF: &std::ffi::CStr = c"/etc/resolv.conf";

/// Why a program was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The program could not be executed.
    #[error("cannot run {program}: {why}; check its path and permissions")]
    Execute {
        /// The program.
        program: String,
        /// Why. It is in the text, so that it is no source: who prints all sources told it twice.
        why: io::Error,
    },
    /// User namespaces are refused.
    #[error(transparent)]
    UserNamespace(UserNamespaceRefusal),
    /// A step between fork and exec failed.
    #[error("cannot {step} for {program}: {why}{remedy}")]
    Prepare {
        /// The program.
        program: String,
        /// What was being done.
        step: &'static str,
        /// Why, as with `Execute`.
        why: io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// The process to join cannot be reached.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A path that cannot be passed to the kernel.
    #[error("{} holds a NUL byte; use another path", .path.display())]
    Path {
        /// The path.
        path: PathBuf,
    },
}

/// What a program in a namespace gets besides.
#[derive(Clone, Debug, Default)]
pub struct SpawnOptions {
    /// A file that the program sees as `/etc/resolv.conf`, in a mount namespace of its own.
    pub resolv_conf: Option<PathBuf>,
    /// Kill the program when the thread that starts it ends.
    pub die_with_parent: bool,
}

/// What a sandbox is made of.
#[derive(Clone, Debug)]
pub struct SandboxOptions {
    /// A user namespace in which the caller is root: what an unprivileged caller needs.
    pub user_namespace: bool,
    /// Folders over which an empty file system of its own is mounted.
    pub tmpfs: Vec<PathBuf>,
    /// Kill the sandbox when the thread that starts it ends.
    pub die_with_parent: bool,
}

impl Default for SandboxOptions {
    /// A user namespace unless the caller is root already.
    fn default() -> Self {
        let user_namespace = process::effective_user() != 0;
        Self { user_namespace, tmpfs: Vec::new(), die_with_parent: false }
    }
}

/// A program in namespaces of its own.
#[derive(Debug)]
pub struct Sandbox {
    /// The process that stands for the program outside: it ends as the program ends.
    pub child: Child,
    /// The program's process id as seen here, by which [`spawn_beside`] joins it. Inside it is 1.
    pub init: u32,
}

/// Starts `command` in a network namespace.
pub fn spawn_in(
    namespace: &NamespaceHandle,
    mut command: Command,
    options: &SpawnOptions,
) -> Result<Child, SpawnError> {
    let program = program(&command);
    let namespace = namespace.as_fd().try_clone_to_owned();
    let namespace = namespace.map_err(|source| failed(&program, source))?;
    let resolv_conf = options.resolv_conf.as_deref().map(c_path).transpose()?;
    let die = options.die_with_parent;
    let prepare = move || {
        child::unblock_signals();
        if die {
            process::die_with_parent()?;
        }
        let entered = child::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET);
        Step::EnterNamespace.of(entered)?;
        if let Some(file) = &resolv_conf {
            Step::OtherNamespaces.of(child::unshare(libc::CLONE_NEWNS))?;
            // Slave, not private: what is unmounted outside must not stay pinned in here.
            let flags = libc::MS_REC | libc::MS_SLAVE;
            Step::PrivateMounts.of(child::mount(None, c"/", None, flags, None))?;
            let bound = child::mount(Some(file), RESOLV_CONF, None, libc::MS_BIND, None);
            Step::ResolvConf.of(bound)?;
        }
        Ok(())
    };
    // SAFETY: `prepare` only makes system calls on what was allocated before the fork.
    unsafe { command.pre_exec(prepare) };
    command.spawn().map_err(|source| failed(&program, source))
}

/// Starts `command` as process 1 of user, mount, network and process id namespaces of its own.
pub fn spawn_sandbox(
    mut command: Command,
    options: &SandboxOptions,
) -> Result<Sandbox, SpawnError> {
    let program = program(&command);
    let pipe = process::pipe().map_err(|source| failed(&program, source))?;
    let (reader, writer) = pipe;
    let report = writer.as_raw_fd();
    let (user, group) = (process::effective_user(), process::effective_group());
    let maps = options
        .user_namespace
        .then(|| (format!("0 {user} 1").into_bytes(), format!("0 {group} 1").into_bytes()));
    let tmpfs = options.tmpfs.iter().map(|folder| c_path(folder)).collect::<Result<Vec<_>, _>>()?;
    let die = options.die_with_parent;
    let prepare = move || {
        child::unblock_signals();
        if die {
            process::die_with_parent()?;
        }
        if let Some((users, groups)) = &maps {
            Step::UserNamespace.of(child::unshare(libc::CLONE_NEWUSER))?;
            // Without this an unprivileged process may not map its group.
            let denied = child::write_file(c"/proc/self/setgroups", b"deny");
            Step::UserMap.of(denied)?;
            Step::UserMap.of(child::write_file(c"/proc/self/uid_map", users))?;
            Step::UserMap.of(child::write_file(c"/proc/self/gid_map", groups))?;
        }
        let flags = libc::CLONE_NEWNS | libc::CLONE_NEWNET | libc::CLONE_NEWPID;
        Step::OtherNamespaces.of(child::unshare(flags))?;
        // Nothing mounted inside gets out; inside, new mount namespaces follow this one.
        for propagation in [libc::MS_PRIVATE, libc::MS_SHARED] {
            let flags = libc::MS_REC | propagation;
            Step::PrivateMounts.of(child::mount(None, c"/", None, flags, None))?;
        }
        Step::Fork.of(child::fork_into_namespace(Some(report)))?;
        furnish(&tmpfs)
    };
    // SAFETY: `prepare` only makes system calls on what was allocated before the fork; `report`
    // stays open until after the only spawn of this command.
    unsafe { command.pre_exec(prepare) };
    let child = command.spawn().map_err(|source| failed(&program, source))?;
    drop(writer);
    let init = read_process_id(reader).map_err(|source| failed(&program, source))?;
    Ok(Sandbox { child, init })
}

/// Mounts a fresh `/proc` and the empty file systems, inside the new namespaces.
fn furnish(tmpfs: &[CString]) -> io::Result<()> {
    let flags = libc::MS_NOSUID | libc::MS_NODEV;
    // In a container that masks parts of /proc this is refused; the outer one still shows this
    // process to itself, only under other numbers.
    let proc_flags = flags | libc::MS_NOEXEC;
    let _ = child::mount(Some(c"proc"), c"/proc", Some(c"proc"), proc_flags, None);
    for folder in tmpfs {
        let mounted =
            child::mount(Some(c"tmpfs"), folder, Some(c"tmpfs"), flags, Some(c"mode=0755"));
        Step::Tmpfs.of(mounted)?;
    }
    Ok(())
}

/// Starts `command` in all namespaces of process `pid` that differ from the caller's.
pub fn spawn_beside(pid: u32, mut command: Command) -> Result<Child, SpawnError> {
    let program = program(&command);
    let target = process::PidFd::open(pid)?;
    let mut flags = 0;
    for (name, flag) in [
        ("user", libc::CLONE_NEWUSER),
        ("mnt", libc::CLONE_NEWNS),
        ("net", libc::CLONE_NEWNET),
        ("pid", libc::CLONE_NEWPID),
    ] {
        // Entering one's own user namespace is refused, so only what differs is entered.
        let theirs = std::fs::metadata(format!("/proc/{pid}/ns/{name}"));
        let theirs = theirs.map_err(|source| ProcessError::Inspect { pid, source })?;
        let ours = std::fs::metadata(format!("/proc/self/ns/{name}"));
        let ours = ours.map_err(|source| ProcessError::Inspect { pid, source })?;
        if (theirs.dev(), theirs.ino()) != (ours.dev(), ours.ino()) {
            flags |= flag;
        }
    }
    let folder = std::env::current_dir().ok().and_then(|folder| c_path(&folder).ok());
    let prepare = move || {
        child::unblock_signals();
        if flags != 0 {
            let entered = child::setns(target.as_fd().as_raw_fd(), flags);
            Step::EnterNamespace.of(entered)?;
        }
        if let Some(folder) = &folder {
            // SAFETY: the path ends in NUL. Where the folder does not exist inside, the root of
            // the mount namespace stays.
            let _ = unsafe { libc::chdir(folder.as_ptr()) };
        }
        if flags & libc::CLONE_NEWPID != 0 {
            Step::Fork.of(child::fork_into_namespace(None))?;
        }
        Ok(())
    };
    // SAFETY: `prepare` only makes system calls on what was allocated before the fork.
    unsafe { command.pre_exec(prepare) };
    command.spawn().map_err(|source| failed(&program, source))
}

fn read_process_id(reader: OwnedFd) -> io::Result<u32> {
    let mut bytes = [0; 4];
    std::fs::File::from(reader).read_exact(&mut bytes)?;
    Ok(u32::from_ne_bytes(bytes))
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn c_path(path: &Path) -> Result<CString, SpawnError> {
    system::c_path(path).map_err(|_| SpawnError::Path { path: path.to_owned() })
}

fn failed(program: &str, error: io::Error) -> SpawnError {
    const PRIVILEGE: &str = "; run as root, or use the rootless lab";
    let (step, source) = Step::decode(error);
    let program = program.to_owned();
    let Some(step) = step else { return SpawnError::Execute { program, why: source } };
    let (step, remedy) = match step {
        Step::UserNamespace | Step::UserMap => {
            return SpawnError::UserNamespace(UserNamespaceRefusal::explain(source));
        }
        Step::OtherNamespaces if source.raw_os_error() == Some(libc::EPERM) => {
            // Where AppArmor restricts them, the user namespace is granted, but without powers.
            return SpawnError::UserNamespace(UserNamespaceRefusal::explain(source));
        }
        Step::OtherNamespaces => ("make namespaces", "; see user.max_*_namespaces in sysctl"),
        Step::EnterNamespace => {
            ("enter the namespaces", "; it takes the same user or root, and Linux 5.8")
        }
        Step::PrivateMounts => ("make mounts private", PRIVILEGE),
        Step::Fork => ("fork", "; raise the limit on processes (ulimit -u)"),
        Step::Tmpfs => ("mount an empty file system", "; the folder must exist"),
        Step::ResolvConf => {
            ("replace /etc/resolv.conf", "; that file and the new one must exist (touch them)")
        }
    };
    SpawnError::Prepare { program, step, why: source, remedy }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn why_a_program_is_not_run_is_told_once() {
        let error = failed("/nope/x", io::Error::from_raw_os_error(libc::ENOENT));
        let text = error.to_string();
        assert!(text.starts_with("cannot run /nope/x: No such file or directory"), "{text}");
        assert!(error.source().is_none(), "its text has it");
    }
}
