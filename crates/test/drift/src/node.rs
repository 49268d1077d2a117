//! A node of a lab, seen from inside the lab: its namespaces, its agent, what that says of drift.

use crate::space::Space;
use anyhow::{Context as _, bail};
use netloom_agent::protocol::{Answer, DriftStatus, Request, Status};
use netloom_sys::namespace::NamespaceRegistry;
use netloom_sys::process::PidFd;
use netloom_sys::unix_socket;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long anything may take before it has failed: far more than is measured.
const PATIENCE: Duration = Duration::from_secs(45);
const SIGKILL: i32 = 9;

/// A node.
#[derive(Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    folder: PathBuf,
    fabric: String,
    own: PathBuf,
    spaces: BTreeMap<String, Space>,
}

/// What the kernel holds of a node, by namespace.
pub type Snapshot = BTreeMap<String, BTreeSet<String>>;

impl Node {
    /// The node `name` of the lab whose files are in `run`.
    pub fn new(run: &Path, fabric: &str, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            folder: run.join("nodes").join(name),
            fabric: fabric.to_owned(),
            own: run.join("ground/netns").join(format!("node-{name}")),
            spaces: BTreeMap::new(),
        }
    }

    /// The namespaces that the agent makes.
    pub fn registry(&self) -> NamespaceRegistry {
        NamespaceRegistry::new(&self.folder.join("run").join(&self.fabric))
    }

    /// All namespaces that are there now.
    ///
    /// # Errors
    /// One cannot be opened.
    pub fn spaces(&mut self) -> anyhow::Result<&mut BTreeMap<String, Space>> {
        let registry = self.registry();
        let mut paths = vec![self.own.clone()];
        for name in registry.list() {
            paths.push(registry.path(&name)?);
        }
        self.spaces
            .retain(|_, space| paths.contains(&space.path) && space.handle.is_at(&space.path));
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !self.spaces.contains_key(&name) {
                self.spaces.insert(name, Space::open(&path, &self.fabric)?);
            }
        }
        Ok(&mut self.spaces)
    }

    /// What the kernel holds of it.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub fn snapshot(&mut self) -> anyhow::Result<Snapshot> {
        let mut snapshot = Snapshot::new();
        for (name, space) in self.spaces()? {
            snapshot.insert(name.clone(), space.lines()?);
        }
        Ok(snapshot)
    }

    /// What the agent keeps over restarts.
    fn state(&self) -> PathBuf {
        self.folder.join("state").join(&self.fabric).join("node")
    }

    /// What its agent says.
    ///
    /// # Errors
    /// It does not answer.
    pub fn status(&self) -> anyhow::Result<Status> {
        let mut stream = unix_socket::connect(&self.state().join("agent.sock"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("{}\n", serde_json::to_string(&Request::Status)?).as_bytes())?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        match serde_json::from_str(&line)? {
            Answer::Status(status) => Ok(*status),
            other => bail!("the agent of {} says {other:?}", self.name),
        }
    }

    /// What its agent says of drift.
    ///
    /// # Errors
    /// It does not answer.
    pub fn drift(&self) -> anyhow::Result<DriftStatus> {
        Ok(self.status()?.drift)
    }

    /// Waits until something holds; gives how long that took.
    ///
    /// # Errors
    /// It never does.
    pub fn wait(
        &mut self,
        what: &str,
        mut holds: impl FnMut(&mut Self) -> anyhow::Result<bool>,
    ) -> anyhow::Result<Duration> {
        let start = Instant::now();
        loop {
            // What is being taken down and made again cannot always be asked.
            let result = holds(self);
            if matches!(result, Ok(true)) {
                return Ok(start.elapsed());
            }
            if start.elapsed() > PATIENCE {
                let drift = self.drift().map(|drift| drift.events.last().cloned());
                result.with_context(|| format!("{what} on {}: {drift:?}", self.name))?;
                bail!("never on {}: {what}; last event: {drift:?}", self.name);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Kills its agent and puts a plain table, as kernels before owner and persist flags have it,
    /// in the place of every network's: the next agent takes that over as it is.
    ///
    /// # Errors
    /// The agent came back before the table was gone.
    pub fn make_tables_plain(&mut self) -> anyhow::Result<()> {
        let agent = PidFd::open(self.agent()?)?;
        agent.signal(SIGKILL)?;
        let mut set = netloom_sys::poll::PollSet::new();
        set.add(std::os::fd::AsFd::as_fd(&agent), netloom_sys::poll::Interest::Read);
        set.wait(Some(PATIENCE))?;
        for (name, space) in self.spaces()? {
            if name.starts_with("network-") {
                space.remove_orphan()?;
                crate::blow::nft(space, &format!("add table inet {}", crate::space::TABLE))?;
            }
        }
        self.wait("the agent is back", |node| Ok(node.status().is_ok())).map(drop)
    }

    /// The process of its agent, recognised by its arguments.
    fn agent(&self) -> anyhow::Result<u32> {
        let state = self.state().to_string_lossy().into_owned();
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
        bail!("the agent of {} does not run", self.name)
    }
}
