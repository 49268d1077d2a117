//! systemd as the first process of its own namespaces, which sees this machine's programs and none of its units.

use anyhow::{Context as _, ensure};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(super) const FABRIC: &str = "booted";
pub(super) const UNIT: &str = "netloom-booted.service";

/// Longest wait until systemd answers.
const BOOT_TIMEOUT: Duration = Duration::from_secs(30);
const SYSTEMD: &str = "/lib/systemd/systemd";

/// Units of this machine that would change what all namespaces share, or have no use here.
const MASKED: [&str; 30] = [
    "systemd-sysctl.service",
    "systemd-binfmt.service",
    "proc-sys-fs-binfmt_misc.automount",
    "systemd-modules-load.service",
    "kmod-static-nodes.service",
    "systemd-remount-fs.service",
    "systemd-tmpfiles-setup.service",
    "systemd-tmpfiles-setup-dev.service",
    "systemd-tmpfiles-clean.timer",
    "systemd-udevd.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "systemd-udev-trigger.service",
    "systemd-random-seed.service",
    "systemd-sysusers.service",
    "systemd-firstboot.service",
    "systemd-machine-id-commit.service",
    "systemd-update-utmp.service",
    "systemd-update-utmp-runlevel.service",
    "systemd-repart.service",
    "systemd-networkd.service",
    "networking.service",
    "docker.service",
    "docker.socket",
    "containerd.service",
    "dev-hugepages.mount",
    "sys-kernel-config.mount",
    "getty.target",
    "timers.target",
    "network-online.target",
];

/// What becomes of the namespaces before systemd starts in them: folders of its own where the
/// machine's would be written to. `$1` is the trial's folder.
const ENTER: &str = "
set -e
mount --make-rprivate /
mount --bind \"$1/units\" /etc/systemd/system
mount -t tmpfs tmpfs /var/log
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/trial
mount --bind \"$1\" /run/trial
mount -t tmpfs tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec env -i container=other PATH=/run/trial/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=multi-user.target --log-target=null
";

const FILE: &str = "version: 1
fabric: booted
regions: { here: {} }
networks: { app: { cidr: 10.1.0.0/16 } }
subnets: { s: { network: app, cidr: 10.1.1.0/24 } }
nodes: { alpha: { region: here, roles: [control] } }
security_groups: { web: { ingress: [{ from: all }], egress: [{ to: all }] } }
workloads:
  a: { node: alpha, subnet: s, security_groups: [web], attach: { serve: { http: 80 } } }
";

/// A host that systemd runs. Its folder stays when it is booted again.
pub(super) struct Machine {
    folder: PathBuf,
    unshare: Child,
    /// systemd, as this machine numbers it.
    first: u32,
}

impl Machine {
    pub(super) fn boot(netloom: &Path) -> anyhow::Result<Self> {
        ensure!(Path::new(SYSTEMD).exists(), "{SYSTEMD} is missing (Debian package systemd)");
        let folder = std::env::temp_dir().join(format!("netloom-systemd-{}", std::process::id()));
        for inside in ["bin", "units", "state"] {
            std::fs::create_dir_all(folder.join(inside))?;
        }
        std::fs::copy(netloom, folder.join("bin/netloom")).context("cannot copy the executable")?;
        std::fs::write(folder.join("fabric.yaml"), FILE)?;
        for unit in MASKED {
            symlink("/dev/null", folder.join("units").join(unit))?;
        }
        let (unshare, first) = enter(&folder)?;
        let machine = Self { folder, unshare, first };
        machine.wait()?;
        Ok(machine)
    }

    /// Ends all processes at once, as a loss of power does, and boots again.
    pub(super) fn reboot(&mut self) -> anyhow::Result<()> {
        self.end();
        (self.unshare, self.first) = enter(&self.folder)?;
        self.wait()
    }

    fn wait(&self) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            let state = self.run(&["systemctl", "is-system-running"]);
            let said = state.unwrap_or_else(|said| said);
            // Of a failure, the command's own words stand before what it printed.
            let printed = said.trim_end();
            if printed.ends_with("running") || printed.ends_with("degraded") {
                return Ok(());
            }
            ensure!(start.elapsed() < BOOT_TIMEOUT, "systemd does not come up: {said}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Runs a command on the host; gives what it printed, or its failure.
    pub(super) fn run(&self, words: &[&str]) -> Result<String, String> {
        let output = Command::new("nsenter")
            .args(["--target", &self.first.to_string(), "--all"])
            .args(["env", "-i", "PATH=/run/trial/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
            .arg("NETLOOM_STATE=/run/trial/state")
            .args(words)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(text) } else { Err(format!("{words:?}: {errors}{text}")) }
    }

    fn end(&mut self) {
        // With its first process all others of the namespace end.
        let _ = Command::new("kill").args(["-9", &self.first.to_string()]).status();
        let _ = self.unshare.wait();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.end();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn enter(folder: &Path) -> anyhow::Result<(Child, u32)> {
    let unshare = Command::new("unshare")
        .args(["--fork", "--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup", "--mount-proc"])
        .args(["sh", "-c", ENTER, "sh"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("cannot run `unshare` (util-linux)")?;
    let id = unshare.id();
    let children = format!("/proc/{id}/task/{id}/children");
    let start = Instant::now();
    loop {
        let first = std::fs::read_to_string(&children).unwrap_or_default();
        if let Ok(first) = first.trim().parse() {
            return Ok((unshare, first));
        }
        ensure!(start.elapsed() < BOOT_TIMEOUT, "unshare has started nothing");
        std::thread::sleep(Duration::from_millis(10));
    }
}
