//! Workloads that the agent runs: started, watched, started again when they end.

mod log;
mod restarts;

use crate::agent::Options;
use crate::enforce::Applied;
use crate::protocol::WorkloadStatus;
use anyhow::Context as _;
use netloom_base::Time;
use netloom_model::fabric::{Attach, Serve, ServeKind};
use netloom_plan::{NodePlan, WorkloadPlan};
use netloom_state::Namespace;
use netloom_sys::Executor;
use netloom_sys::clock::monotonic_now;
use netloom_sys::namespace::{SpawnOptions, spawn_in};
use netloom_sys::process::signal_group;
use netloom_sys::signal::Signal;
use restarts::Restarts;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a workload may take to end when asked to.
const STOP_TIME_MAX: Duration = Duration::from_secs(3);
const SIGKILL: i32 = 9;

/// The workloads of a node.
pub(crate) struct Workloads {
    executable: PathBuf,
    run: PathBuf,
    namespaces: PathBuf,
    running: BTreeMap<String, Workload>,
}

struct Workload {
    plan: WorkloadPlan,
    child: Option<Child>,
    started: Time,
    /// When it is to be started again.
    due: Option<Time>,
    restarts: u64,
    in_vain: Restarts,
    detail: Option<String>,
}

impl Workloads {
    pub(crate) fn new(options: &Options) -> anyhow::Result<Self> {
        let run = options.run.clone();
        for folder in ["resolv", "logs"] {
            let path = run.join(folder);
            std::fs::create_dir_all(&path)
                .with_context(|| format!("cannot make {}", path.display()))?;
        }
        let executable = std::env::current_exe().context("cannot find the netloom executable")?;
        Ok(Self { executable, namespaces: run.join("netns"), run, running: BTreeMap::new() })
    }

    /// Starts what is new, stops what is gone, and leaves alone what did not change.
    pub(crate) fn set(
        &mut self,
        plan: &NodePlan,
        executor: &mut Executor,
        applied: &mut Applied,
    ) -> anyhow::Result<()> {
        let stale: Vec<String> = self
            .running
            .iter()
            .filter(|(name, workload)| plan.workloads.get(*name) != Some(&workload.plan))
            .map(|(name, _)| name.clone())
            .collect();
        for name in stale {
            if let Some(mut workload) = self.running.remove(&name) {
                workload.stop();
            }
        }
        for (name, wanted) in &plan.workloads {
            if self.running.contains_key(name) {
                continue;
            }
            let path = self.resolv_conf(name);
            std::fs::write(&path, &wanted.resolv_conf)
                .with_context(|| format!("cannot write {}", path.display()))?;
            let mut workload = Workload::new(wanted.clone());
            self.start(name, &mut workload, executor);
            self.running.insert(name.clone(), workload);
            applied.started.push(name.clone());
        }
        Ok(())
    }

    /// Stops what runs in these namespaces; [`Self::set`] starts it again.
    pub(crate) fn stop_in(&mut self, namespaces: &BTreeSet<&Namespace>) {
        self.running.retain(|_, workload| {
            let stays = !namespaces.contains(&workload.plan.namespace);
            if !stays {
                workload.stop();
            }
            stays
        });
    }

    fn resolv_conf(&self, name: &str) -> PathBuf {
        self.run.join("resolv").join(name)
    }

    /// Starts a workload's process, if it has one; a failure is kept and tried again later.
    fn start(&self, name: &str, workload: &mut Workload, executor: &mut Executor) {
        let Some(command) = self.command(name, &workload.plan.attach) else { return };
        workload.due = None;
        workload.started = monotonic_now();
        match self.spawn(name, command, &workload.plan.namespace, executor) {
            Ok(child) => workload.child = Some(child),
            Err(error) => workload.failed(format!("{error:#}")),
        }
    }

    fn command(&self, name: &str, attach: &Attach) -> Option<Command> {
        match attach {
            Attach::Process { run, environment } => {
                let mut command = Command::new(run.first()?);
                command.args(&run[1..]).envs(environment);
                Some(command)
            }
            Attach::Serve(servers) => {
                let mut command = Command::new(&self.executable);
                command.arg("serve").args(["--name", name]);
                for Serve { kind, port } in servers {
                    let flag = match kind {
                        ServeKind::Http => "--http",
                        ServeKind::Tcp => "--tcp",
                        ServeKind::Udp => "--udp",
                    };
                    command.arg(flag).arg(port.to_string());
                }
                Some(command)
            }
            Attach::Container { .. }
            | Attach::Host
            | Attach::Netns { .. }
            | Attach::Wireguard(_)
            | Attach::Interface { .. } => None,
        }
    }

    fn spawn(
        &self,
        name: &str,
        mut command: Command,
        namespace: &Namespace,
        executor: &mut Executor,
    ) -> anyhow::Result<Child> {
        let path = self.run.join("logs").join(name);
        let log = log::open(&path).with_context(|| format!("cannot write {}", path.display()))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // What the workload starts is stopped with it.
        command.process_group(0);
        let resolv_conf = Some(self.resolv_conf(name));
        let options = SpawnOptions { resolv_conf, die_with_parent: true };
        let namespace = executor.namespace(namespace)?;
        Ok(spawn_in(namespace, command, &options)?)
    }

    /// Notices what has ended and starts what is due; gives when to look again.
    pub(crate) fn tend(&mut self, executor: &mut Executor) -> Option<Time> {
        let now = monotonic_now();
        for (name, workload) in &mut self.running {
            workload.notice_end();
            if workload.child.is_some() {
                // What cannot be set aside goes on growing, and is tried again.
                let _ = log::bound(&self.run.join("logs").join(name));
            }
        }
        let due: Vec<String> = self
            .running
            .iter()
            .filter(|(_, workload)| workload.due.is_some_and(|due| due <= now))
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            if let Some(mut workload) = self.running.remove(&name) {
                workload.restarts += 1;
                self.start(&name, &mut workload, executor);
                self.running.insert(name, workload);
            }
        }
        self.running.values().filter_map(|workload| workload.due).min()
    }

    pub(crate) fn status(&self) -> BTreeMap<String, WorkloadStatus> {
        self.running
            .iter()
            .map(|(name, workload)| (name.clone(), self.workload_status(name, workload)))
            .collect()
    }

    fn workload_status(&self, name: &str, workload: &Workload) -> WorkloadStatus {
        let namespace = match &workload.plan.namespace {
            Namespace::Host => None,
            Namespace::Own(own) => Some(self.namespaces.join(own).to_string_lossy().into_owned()),
            Namespace::Path(path) => Some(path.clone()),
        };
        WorkloadStatus {
            namespace,
            resolv_conf: self.resolv_conf(name).to_string_lossy().into_owned(),
            addresses: workload.plan.addresses.clone(),
            state: workload.state().to_owned(),
            detail: workload.detail.clone(),
            processes: workload.child.iter().map(Child::id).collect(),
            restarts: workload.restarts,
            in_vain: workload.in_vain.in_vain(workload.running()),
            ..WorkloadStatus::default()
        }
    }

    pub(crate) fn stop_all(&mut self) {
        self.running.values_mut().for_each(Workload::stop);
        self.running.clear();
    }
}

impl Workload {
    fn new(plan: WorkloadPlan) -> Self {
        Self {
            plan,
            child: None,
            started: monotonic_now(),
            due: None,
            restarts: 0,
            in_vain: Restarts::new(),
            detail: None,
        }
    }

    /// How long its process has been running, if it is.
    fn running(&self) -> Option<Duration> {
        self.child.as_ref().map(|_| monotonic_now() - self.started)
    }

    fn state(&self) -> &'static str {
        let runs = self.child.is_some() && self.in_vain.may_hold(self.running());
        match &self.plan.attach {
            Attach::Process { .. } | Attach::Serve(_) if runs => "running",
            Attach::Process { .. } | Attach::Serve(_) => "restarting",
            // Nothing of theirs is here: an empty namespace holds their place.
            Attach::Container { .. } | Attach::Netns { .. }
                if matches!(self.plan.namespace, Namespace::Own(_)) =>
            {
                "an empty namespace in its place"
            }
            Attach::Container { .. }
            | Attach::Netns { .. }
            | Attach::Host
            | Attach::Wireguard(_)
            | Attach::Interface { .. } => "attached",
        }
    }

    fn notice_end(&mut self) {
        let holds = self.in_vain.in_vain(self.running()) == 0;
        let Some(child) = &mut self.child else { return };
        match child.try_wait() {
            // Why it ended once is of no interest when it has stayed up since.
            Ok(None) if holds => self.detail = None,
            Ok(None) => {}
            Ok(Some(status)) => {
                // What it started and left behind would be in its successor's way.
                signal_group(child.id(), SIGKILL);
                self.child = None;
                self.failed(format!("it ended: {status}"));
            }
            Err(error) => self.detail = Some(format!("it cannot be watched: {error}")),
        }
    }

    fn failed(&mut self, why: String) {
        let now = monotonic_now();
        self.detail = Some(why);
        self.due = Some(now + self.in_vain.ended(now - self.started));
    }

    /// Asks the workload and all that it started to end, and ends them if they do not.
    fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        signal_group(child.id(), Signal::Terminate.number());
        let deadline = monotonic_now() + STOP_TIME_MAX;
        while matches!(child.try_wait(), Ok(None)) && monotonic_now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        signal_group(child.id(), SIGKILL);
        let _ = child.wait();
    }
}
