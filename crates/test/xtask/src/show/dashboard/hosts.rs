//! Hosts on one bridge, each a network namespace of its own, with Netloom's folders in a scratch folder.

use crate::output;
use anyhow::{Context as _, ensure};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Hosts, and the bridge between them. All of it is removed in the end.
pub(super) struct Hosts {
    /// Before the names of all namespaces.
    prefix: String,
    folder: PathBuf,
    binary: PathBuf,
    count: usize,
}

impl Hosts {
    /// Makes them. Host `n`, from 1, has the address 192.0.2.`n`.
    pub(super) fn new(count: usize, folder: &Path, binary: PathBuf) -> anyhow::Result<Self> {
        let prefix = format!("nlshow-{}", std::process::id());
        let hosts = Self { prefix, folder: folder.to_owned(), binary, count };
        let switch = hosts.name(0);
        // Made before anything can fail, so that what there is is removed then.
        ip(&format!("netns add {switch}"))?;
        ip(&format!("-n {switch} link add bridge type bridge"))?;
        ip(&format!("-n {switch} link set bridge up"))?;
        for host in 1..=count {
            let name = hosts.name(host);
            ip(&format!("netns add {name}"))?;
            ip(&format!("-n {switch} link add port{host} type veth peer name eth0 netns {name}"))?;
            ip(&format!("-n {switch} link set port{host} master bridge up"))?;
            ip(&format!("-n {name} address add 192.0.2.{host}/24 dev eth0"))?;
            ip(&format!("-n {name} link set eth0 up"))?;
            ip(&format!("-n {name} link set lo up"))?;
            ip(&format!("-n {name} route add default via 192.0.2.254"))?;
        }
        Ok(hosts)
    }

    fn name(&self, host: usize) -> String {
        format!("{}-{host}", self.prefix)
    }

    /// A command that runs its arguments on a host.
    pub(super) fn on(&self, host: usize) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.name(host)));
        let folder = self.folder.join(format!("host-{host}"));
        command.env("NETLOOM_STATE", folder.join("state")).env("NETLOOM_RUN", folder.join("run"));
        command.stdin(Stdio::null());
        command
    }

    /// Runs `netloom` on a host; gives what it prints.
    pub(super) fn netloom(&self, host: usize, arguments: &[&str]) -> anyhow::Result<String> {
        self.start(host, arguments)?.end()
    }

    /// Starts `netloom` on a host.
    pub(super) fn start(&self, host: usize, arguments: &[&str]) -> anyhow::Result<Running> {
        let mut command = self.on(host);
        command.arg(&self.binary).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().context("cannot run netloom")?;
        Ok(Running { child, what: arguments.first().copied().unwrap_or_default().to_owned() })
    }

    /// Runs `netloom` in a workload's namespace on a host.
    pub(super) fn in_workload(
        &self,
        host: usize,
        workload: (&str, &str),
        arguments: &[&str],
    ) -> anyhow::Result<()> {
        self.beside(host, workload, &self.binary, arguments)
    }

    /// Runs any program in a workload's namespace on a host.
    pub(super) fn beside(
        &self,
        host: usize,
        (fabric, workload): (&str, &str),
        program: &Path,
        arguments: &[&str],
    ) -> anyhow::Result<()> {
        let run = self.folder.join(format!("host-{host}/run/{fabric}/netns/workload-{workload}"));
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", run.display())).arg(program).args(arguments);
        let output = command.output().context("cannot run nsenter")?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "in {workload}: {}", printed.trim());
        Ok(())
    }

    /// Cuts a host off from itself, or ends that.
    pub(super) fn set_loopback(&self, host: usize, is_up: bool) -> anyhow::Result<()> {
        let state = if is_up { "up" } else { "down" };
        ip(&format!("-n {} link set lo {state}", self.name(host)))
    }
}

/// A `netloom` that runs.
pub(super) struct Running {
    child: Child,
    what: String,
}

impl Running {
    /// Waits for its end; gives what it prints.
    pub(super) fn end(self) -> anyhow::Result<String> {
        let output = self.child.wait_with_output().context("cannot wait for netloom")?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "netloom {} failed:\n{printed}{errors}", self.what);
        Ok(printed)
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for host in 1..=self.count {
            // A host that Netloom has not begun on has nothing to stop.
            let _ = self.netloom(host, &["stop"]);
        }
        for host in (0..=self.count).rev() {
            end_all(&self.name(host));
            if let Err(error) = ip(&format!("netns delete {}", self.name(host))) {
                output::error(&format!("warning: {error:#}\n"));
            }
        }
    }
}

/// Ends what still runs in a namespace that we have made.
fn end_all(namespace: &str) {
    let Ok(found) = Command::new("ip").args(["netns", "pids", namespace]).output() else { return };
    for id in String::from_utf8_lossy(&found.stdout).split_whitespace() {
        let _ = Command::new("sh").args(["-c", &format!("kill -KILL {id}")]).status();
    }
}

fn ip(arguments: &str) -> anyhow::Result<()> {
    let output = Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .context("cannot run ip (Debian package iproute2)")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {arguments}: {}", errors.trim());
    Ok(())
}
