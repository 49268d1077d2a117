//! Hosts: network namespaces with one link each to a common bridge, folders of their own, and the executable.

mod routed;
pub(crate) mod wired;

use anyhow::{Context as _, ensure};
use netloom_sys::namespace::NamespaceHandle;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for anything that works.
const PATIENCE: Duration = Duration::from_secs(30);

/// The ground, removed with all that stands on it.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) folder: PathBuf,
    bridge: String,
    pub(crate) hosts: Vec<Host>,
}

/// One host.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    /// Its network namespace's name below `/run/netns`.
    pub(crate) namespace: String,
    /// Its own folder: `state` and `run`.
    pub(crate) folder: PathBuf,
    /// Its address on the ground.
    pub(crate) address: String,
    pub(crate) netloom: PathBuf,
    /// Variables of its commands.
    pub(crate) environment: Vec<(String, String)>,
}

impl Ground {
    /// Makes hosts on one bridge.
    pub(crate) fn make(netloom: &Path, count: usize) -> anyhow::Result<Self> {
        let id = std::process::id();
        let folder = std::env::temp_dir().join(format!("netloom-hosts-{id}"));
        std::fs::create_dir_all(&folder)?;
        let bridge = format!("nlt{id}-b");
        let mut ground = Self { folder: folder.clone(), bridge: bridge.clone(), hosts: Vec::new() };
        ip(&["netns", "add", &bridge])?;
        ip(&["-n", &bridge, "link", "add", "br0", "type", "bridge"])?;
        ip(&["-n", &bridge, "link", "set", "br0", "up"])?;
        for number in 1..=count {
            let namespace = format!("nlt{id}-{number}");
            let host = Host {
                namespace: namespace.clone(),
                folder: folder.join(format!("host-{number}")),
                address: format!("192.0.2.{number}"),
                netloom: netloom.to_owned(),
                environment: Vec::new(),
            };
            std::fs::create_dir_all(&host.folder)?;
            ip(&["netns", "add", &namespace])?;
            let port = format!("p{number}");
            let pair = ["type", "veth", "peer", "name", "eth0", "netns", &namespace];
            ip(&[&["-n", &bridge, "link", "add", &port][..], &pair].concat())?;
            ip(&["-n", &bridge, "link", "set", &port, "master", "br0", "up"])?;
            let address = format!("{}/24", host.address);
            ip(&["-n", &namespace, "addr", "add", &address, "dev", "eth0"])?;
            for link in ["eth0", "lo"] {
                ip(&["-n", &namespace, "link", "set", link, "up"])?;
            }
            ip(&["-n", &namespace, "route", "add", "default", "via", "192.0.2.254"])?;
            ground.hosts.push(host);
        }
        // Addresses that the kernel makes by itself are there after duplicate detection.
        std::thread::sleep(Duration::from_secs(2));
        Ok(ground)
    }
}

impl Ground {
    /// The namespace of the bridge, where all that the hosts send can be seen.
    pub(crate) fn bridge(&self) -> &str {
        &self.bridge
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for host in &self.hosts {
            host.kill_all();
            unmount_below(&host.folder);
            let _ = ip(&["netns", "del", &host.namespace]);
        }
        let _ = ip(&["netns", "del", &self.bridge]);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Takes away what a failed trial has left mounted.
fn unmount_below(folder: &Path) {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let inside = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    for mount in inside.filter(|mount| Path::new(mount).starts_with(folder)) {
        let _ = Command::new("umount").arg("-l").arg(mount).status();
    }
}

/// Runs `ip`, which must succeed.
pub(crate) fn ip(arguments: &[&str]) -> anyhow::Result<String> {
    let output =
        Command::new("ip").args(arguments).output().context("cannot run `ip` (iproute2)")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {}: {errors}", arguments.join(" "));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

impl Host {
    /// A command in the host's network namespace.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.namespace)).arg(program);
        command.stdin(Stdio::null());
        command
    }

    /// The executable with the host's folders.
    pub(crate) fn netloom(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&self.netloom);
        command.args(arguments);
        command.env("NETLOOM_STATE", self.state()).env("NETLOOM_RUN", self.run());
        command.envs(self.environment.iter().cloned());
        command
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.folder.join("run")
    }

    /// Runs the executable; gives what it printed.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.output(arguments)?;
        let (text, errors) = texts(&output);
        if output.status.success() {
            return Ok(text);
        }
        Err(format!("netloom {} failed: {errors}{text}", arguments.join(" ")))
    }

    /// Runs the executable, which must fail; gives its errors and what else it printed.
    pub(crate) fn fail(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.output(arguments)?;
        let (text, errors) = texts(&output);
        if output.status.success() {
            return Err(format!("netloom {} succeeded: {text}", arguments.join(" ")));
        }
        Ok(errors + &text)
    }

    /// Runs the executable, whether it succeeds or not.
    pub(crate) fn output(&self, arguments: &[&str]) -> Result<Output, String> {
        self.netloom(arguments).output().map_err(|error| error.to_string())
    }

    /// The fabric's status, by the command line.
    pub(crate) fn status(&self) -> Result<Value, String> {
        let text = self.succeed(&["status", "--json"])?;
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }

    /// Ids of daemons of the executable in this host, by their first argument.
    pub(crate) fn daemons(&self, kind: &str) -> Vec<u32> {
        let run = self.run();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        ids.filter(|id| {
            let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
            let here = words.iter().any(|word| *word == run.as_os_str().as_encoded_bytes());
            here && words.get(1).is_some_and(|word| *word == kind.as_bytes())
        })
        .collect()
    }

    /// Kills (-9) daemons of a kind; gives how many.
    pub(crate) fn kill(&self, kind: &str) -> usize {
        let ids = self.daemons(kind);
        for id in &ids {
            let _ = Command::new("kill").args(["-9", &id.to_string()]).status();
        }
        ids.len()
    }

    fn kill_all(&self) {
        for kind in ["supervise", "control", "node"] {
            self.kill(kind);
        }
    }

    /// The namespace of a workload or network of fabric `fabric`.
    pub(crate) fn inside(&self, fabric: &str, name: &str) -> anyhow::Result<NamespaceHandle> {
        let path = self.run().join(fabric).join("netns").join(name);
        NamespaceHandle::open(&path).with_context(|| format!("{} is not there", path.display()))
    }
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// Waits until something holds, for as long as anything that works could take.
pub(crate) fn wait_until(
    what: &str,
    mut holds: impl FnMut() -> Result<(), String>,
) -> Result<Duration, String> {
    let start = Instant::now();
    loop {
        match holds() {
            Ok(()) => return Ok(start.elapsed()),
            Err(why) if start.elapsed() > PATIENCE => {
                return Err(format!("{what}: still not after {PATIENCE:?}: {why}"));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
