//! Control as users run it, with folders of its own.

use crate::fabric::FABRIC;
use anyhow::{Context as _, ensure};
use netloom::Client;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the kernel counts processor time in, on every platform that Linux shows to programs.
const TICKS_PER_SECOND: u64 = 100;

/// A control that runs, ended with its folders.
pub(super) struct Control {
    folder: PathBuf,
    process: Child,
}

impl Control {
    /// Begins a fabric and starts its control.
    pub(super) fn start(netloom: &Path) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("netloom-scale-{}", std::process::id()));
        let control = folder.join("state").join(FABRIC).join("control");
        netloom_control::keys::found(&control, FABRIC)?;
        // A port that is free now.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let settings = serde_json::json!({
            "listen": format!("127.0.0.1:{port}"),
            "dashboard": null,
            "endpoints": [format!("127.0.0.1:{port}")],
        });
        std::fs::write(control.join("control.json"), settings.to_string())?;
        let process = Command::new(netloom)
            .arg("control")
            .arg("--state")
            .arg(folder.join("state"))
            .arg("--run")
            .arg(folder.join("run"))
            .args(["--fabric", FABRIC])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start control")?;
        let running = Self { folder, process };
        let start = Instant::now();
        while !running.socket().exists() {
            ensure!(start.elapsed() < Duration::from_secs(20), "control does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(running)
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("run").join(FABRIC).join("control.sock")
    }

    pub(super) fn client(&self) -> Client {
        Client::unix(self.socket())
    }

    /// The processor time that it has used, in milliseconds.
    pub(super) fn cpu_ms(&self) -> anyhow::Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // After the name in parentheses come the fields from the third on (proc(5)).
        let fields = stat.rsplit(") ").next().context("no fields")?;
        let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>);
        Ok(ticks.sum::<Result<u64, _>>()? * 1000 / TICKS_PER_SECOND)
    }

    /// The most memory that it has had.
    pub(super) fn peak_mib(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("no VmHWM")?;
        let kib: u64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
        Ok(kib / 1024)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
