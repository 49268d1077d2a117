//! A lab, run by the executable as users run it, and what can be done to it from outside.

use anyhow::{Context as _, bail, ensure};
use netloom_lab::protocol::Report;
use netloom_sys::namespace::spawn_beside;
use netloom_sys::process::PidFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long an agent may take to be back.
const BACK_TIMEOUT: Duration = Duration::from_secs(20);
const SIGKILL: i32 = 9;

/// A running lab.
#[derive(Debug)]
pub struct Lab {
    executable: PathBuf,
    /// The lab's own folder.
    folder: PathBuf,
    /// The fabric's name.
    fabric: String,
    /// Where it may leave things, for the check that it does not.
    home: PathBuf,
}

impl Lab {
    /// Brings up a fabric.
    ///
    /// # Errors
    /// The lab does not come up.
    pub fn up(executable: &Path, file: &Path, home: &Path) -> anyhow::Result<Self> {
        let mut lab = Self {
            executable: executable.into(),
            folder: PathBuf::new(),
            fabric: String::new(),
            home: home.into(),
        };
        let output = lab.run(&["lab", "up", &file.to_string_lossy()])?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report = lab.status()?;
        let node = report.nodes.values().next().context("the fabric has no node")?;
        // FOLDER/run/ground/netns/NAME
        let folder = Path::new(&node.namespace).ancestors().nth(4).context("an odd path")?;
        lab.folder = folder.to_owned();
        lab.fabric = report.fabric;
        Ok(lab)
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(&self.executable);
        command.args(arguments).env_remove("XDG_RUNTIME_DIR").env("TMPDIR", &self.home);
        command.stdin(Stdio::null()).output().context("cannot run netloom")
    }

    /// What is there.
    ///
    /// # Errors
    /// The lab does not answer.
    pub fn status(&self) -> anyhow::Result<Report> {
        let output = self.run(&["lab", "status", "--json"])?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Changes to another file; its tests need not hold meanwhile.
    ///
    /// # Errors
    /// The change was refused.
    pub fn apply(&self, file: &Path) -> anyhow::Result<()> {
        let output = self.run(&["lab", "apply", &file.to_string_lossy()])?;
        let text = String::from_utf8_lossy(&output.stderr);
        ensure!(!text.contains("error:"), "{text}");
        Ok(())
    }

    /// Whether all tests of the file hold on real packets.
    ///
    /// # Errors
    /// The lab does not answer.
    pub fn tests_hold(&self) -> anyhow::Result<bool> {
        Ok(self.failing_tests()?.is_none())
    }

    /// What is said of the file's tests if they do not all hold.
    ///
    /// # Errors
    /// The executable cannot be run.
    pub fn failing_tests(&self) -> anyhow::Result<Option<String>> {
        let output = self.run(&["lab", "test"])?;
        let said = || String::from_utf8_lossy(&output.stdout).into_owned();
        Ok((!output.status.success()).then(said))
    }

    /// What is said of the tests once they do not all hold although they had time to: a handshake of which a message
    /// is lost is repeated after 5 s.
    ///
    /// # Errors
    /// The executable cannot be run.
    pub fn still_failing_tests(&self) -> anyhow::Result<Option<String>> {
        let deadline = Instant::now() + BACK_TIMEOUT;
        loop {
            let failing = self.failing_tests()?;
            if failing.is_none() || Instant::now() >= deadline {
                return Ok(failing);
            }
        }
    }

    /// Ends it.
    ///
    /// # Errors
    /// The executable cannot be run.
    pub fn down(&self) -> anyhow::Result<()> {
        self.run(&["lab", "down"]).map(drop)
    }

    /// The process in whose namespaces the lab lives.
    ///
    /// # Errors
    /// Its id is not known.
    pub fn init(&self) -> anyhow::Result<u32> {
        let text = std::fs::read_to_string(self.folder.join("pid"))?;
        text.trim().parse().context("the lab's process id")
    }

    /// Runs this program again, inside the lab.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn beside(&self, arguments: &[String]) -> anyhow::Result<Child> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(spawn_beside(self.init()?, command)?)
    }

    /// The namespaces on the ground: of routers and of the internet.
    pub fn ground(&self, report: &Report) -> Vec<String> {
        let netns = self.folder.join("run/ground/netns");
        let regions: std::collections::BTreeSet<&String> =
            report.nodes.values().map(|node| &node.region).collect();
        let routers = regions.into_iter().map(|region| format!("router-{region}"));
        routers
            .chain(["internet".to_owned()])
            .map(|name| netns.join(name).to_string_lossy().into_owned())
            .collect()
    }

    /// A file of a namespace that a node's agent keeps.
    pub fn node_namespace(&self, node: &str, name: &str) -> PathBuf {
        self.machine(node).join("run").join(&self.fabric).join("netns").join(name)
    }

    /// Where a node keeps its files, as a host of its own.
    fn machine(&self, node: &str) -> PathBuf {
        self.folder.join("run/nodes").join(node)
    }

    /// Kills a node's agent, without warning.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill_agent(&self, node: &str) -> anyhow::Result<()> {
        let pid = self.agent(node)?;
        PidFd::open(pid)?.signal(SIGKILL)?;
        Ok(())
    }

    /// The process of a node's agent, recognised by its arguments.
    fn agent(&self, node: &str) -> anyhow::Result<u32> {
        let state = self.machine(node).join("state").join(&self.fabric).join("node");
        let state = state.to_string_lossy().into_owned();
        for entry in std::fs::read_dir("/proc")?.flatten() {
            let Some(pid) = entry.file_name().to_string_lossy().parse::<u32>().ok() else {
                continue;
            };
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
            let is_node = words.get(1).is_some_and(|word| *word == b"node".as_slice());
            if is_node && words.contains(&state.as_bytes()) {
                return Ok(pid);
            }
        }
        bail!("the agent of {node} does not run")
    }

    /// Waits until a node's agent answers again.
    ///
    /// # Errors
    /// It does not, in time.
    pub fn wait_for(&self, node: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + BACK_TIMEOUT;
        while Instant::now() < deadline {
            let report = self.status()?;
            if report.nodes.get(node).is_some_and(|node| node.state == "running") {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("{node} is not back within {} s", BACK_TIMEOUT.as_secs())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Down already, if all went well.
        let _ = self.down();
    }
}
