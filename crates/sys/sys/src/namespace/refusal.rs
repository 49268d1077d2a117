//! Why user namespaces are refused on this host, and what to do about it.

use std::fmt;
use std::io;

/// A refusal of user namespaces, with the cause as far as the host tells it.
#[derive(Debug)]
pub struct UserNamespaceRefusal {
    /// The kernel's error.
    pub source: io::Error,
    /// What forbids them.
    pub cause: &'static str,
    /// What allows them.
    pub remedy: &'static str,
}

/// Every remedy ends with what always works.
const SUDO: &str = "or run the same command with sudo";

impl UserNamespaceRefusal {
    /// Finds the cause of the kernel's `error`.
    pub fn explain(source: io::Error) -> Self {
        let (cause, remedy) = match source.raw_os_error() {
            Some(libc::ENOSPC | libc::EUSERS) => (
                "the limit user.max_user_namespaces is reached, or is 0",
                "sudo sysctl -w user.max_user_namespaces=65536",
            ),
            Some(libc::EINVAL | libc::ENOSYS) => (
                "this kernel is built without user namespaces (CONFIG_USER_NS)",
                "use another kernel",
            ),
            _ if sysctl("kernel/unprivileged_userns_clone") == Some(0) => (
                "sysctl kernel.unprivileged_userns_clone is 0",
                "sudo sysctl -w kernel.unprivileged_userns_clone=1",
            ),
            _ if sysctl("kernel/apparmor_restrict_unprivileged_userns") == Some(1) => (
                "AppArmor restricts unprivileged user namespaces",
                "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, \
                 or give the program an AppArmor profile with `userns,`",
            ),
            _ if sysctl("user/max_user_namespaces") == Some(0) => (
                "sysctl user.max_user_namespaces is 0",
                "sudo sysctl -w user.max_user_namespaces=65536",
            ),
            _ => (
                "a seccomp filter, a chroot or another security module forbids them, \
                 as container runtimes do by default",
                "in a container, allow them (docker run --security-opt seccomp=unconfined)",
            ),
        };
        Self { source, cause, remedy }
    }
}

fn sysctl(path: &str) -> Option<u64> {
    std::fs::read_to_string(format!("/proc/sys/{path}")).ok()?.trim().parse().ok()
}

impl fmt::Display for UserNamespaceRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, cause, remedy } = self;
        write!(f, "user namespaces are refused ({source}): {cause}; {remedy}, {SUDO}")
    }
}

impl std::error::Error for UserNamespaceRefusal {}
