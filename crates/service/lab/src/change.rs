//! A change of a lab: declared to control, then the ground, then the machines that come and go.

use crate::asker::Asker;
use crate::control::{Applied, Control, Standing, words_of};
use crate::machine::Machine;
use crate::protocol::{Report, Sources};
use crate::seat::Seat;
use crate::supervisor::{Lab, State};
use crate::underlay::{self, NodePlace, Underlay};
use crate::{LabError, sources};
use netloom_model::Fabric;
use netloom_model::fabric::Name;
use netloom_model::lease::Leases;
use netloom_model::words::counted;
use netloom_plan::membership::Memberships;
use netloom_state::{Namespace, diff};
use netloom_sys::clock::monotonic_now;
use netloom_sys::namespace::NamespaceHandle;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// Most machines that join at a time.
const JOINS_MAX: usize = 16;
/// How long nodes that have come may take to hold what is declared.
const STANDING_TIMEOUT: Duration = Duration::from_secs(30);
/// Wait between two looks at how the fabric is.
const LOOK: Duration = Duration::from_millis(50);

impl Lab {
    /// Changes the lab; if that fails half-way, goes back to what it was.
    pub(crate) fn change_or_go_back(
        &mut self,
        sources: &Sources,
        asker: Asker<'_>,
    ) -> Result<Report, LabError> {
        let before = self.state.as_ref().map(|state| state.sources.clone());
        // Control keeps what was declared over its API beside the files, whatever these say.
        let api = before.as_ref().and_then(|before| before.api.clone());
        let sources = Sources { api, ..sources.clone() };
        let result = self.change(&sources, "netloom lab apply", asker);
        let (Err(error), Some(before)) = (&result, before) else { return result };
        if error.is_before_change() {
            return result;
        }
        let back = self.change(&before, "back, since netloom lab apply failed", Asker::nobody());
        Err(match back {
            Ok(_) => LabError::TakenBack(error.to_string()),
            Err(second) => LabError::Mixed(error.to_string(), second.to_string()),
        })
    }

    /// Makes the lab what `sources` declare, and tries it.
    pub(crate) fn change(
        &mut self,
        sources: &Sources,
        message: &str,
        asker: Asker<'_>,
    ) -> Result<Report, LabError> {
        let (fabric, underlay) = self.planned(sources)?;
        asker.tell(format!(
            "ground: {}, {}, {}",
            counted(fabric.regions.len(), "region"),
            counted(fabric.nodes.len(), "node"),
            counted(underlay.links.len(), "emulated link")
        ))?;
        if self.control.is_none() {
            self.lay_ground(&underlay)?;
            self.start_control(&fabric, &underlay, asker)?;
        }
        // Those that stay hear of it first; if one refuses, nothing else has changed.
        let mut applied = self.declare(sources, message, asker)?;
        let is_first = self.state.is_none();
        for node in fabric.nodes.keys() {
            applied.operations.entry(node.clone()).or_default();
        }
        self.follow(sources.clone(), fabric, underlay, asker)?;
        asker.tell("tests: real packets".to_owned())?;
        let report = self.tried(asker)?;
        if is_first {
            return Ok(report);
        }
        Ok(Report { operations: applied.operations, flows: applied.flows, ..report })
    }

    /// Follows what somebody else has declared to control, as with `netloom rollback` on its machine, or a
    /// program over its API.
    pub(crate) fn catch_up(&mut self, asker: Asker<'_>) -> Result<(), LabError> {
        let (Some(state), Some(control)) = (&self.state, &mut self.control) else {
            return Err(LabError::NotUp);
        };
        if !control.is_there() {
            // It is started again; nothing changes without it.
            return Ok(());
        }
        let revision = match control.standing(asker) {
            // It has ended while it was asked.
            Err(_) if !control.is_there() => return Ok(()),
            standing => standing?.revision,
        };
        if revision == state.revision {
            return Ok(());
        }
        let sources = control.sources(revision, asker)?;
        let (fabric, underlay) = self.planned(&sources)?;
        asker.tell(format!("ground: as revision {revision} declares"))?;
        self.follow(sources, fabric, underlay, asker)
    }

    /// The fabric of `sources`, and the ground for it.
    fn planned(&self, sources: &Sources) -> Result<(Fabric, Underlay), LabError> {
        let fabric = sources::read(sources)?;
        let before = self.state.as_ref().map(|state| state.underlay.numbers.clone());
        let underlay = underlay::plan(&fabric, &before.unwrap_or_default())?;
        match &self.control {
            Some(control) if !control.seat.stays_on(&underlay) => {
                Err(LabError::Unseated { machine: control.seat.machine.clone() })
            }
            Some(_) | None => Ok((fabric, underlay)),
        }
    }

    /// Ground and machines as control's revision declares them.
    fn follow(
        &mut self,
        sources: Sources,
        fabric: Fabric,
        underlay: Underlay,
        asker: Asker<'_>,
    ) -> Result<(), LabError> {
        if self.state.is_some() {
            self.lay_ground(&underlay)?;
        }
        self.change_machines(&fabric, &underlay, asker)?;
        let standing = self.wait_for_nodes(&Memberships::of(&fabric), asker)?;
        self.state = Some(State {
            revision: standing.revision,
            sources,
            fabric,
            fabric_id: standing.fabric_id,
            leases: Leases { workloads: standing.addresses, resting: BTreeSet::new() },
            underlay,
        });
        asker.tell("tunnels: waiting for nodes behind translators to call".to_owned())?;
        self.agents.wait_for_sessions(asker)
    }

    // === ground ===

    /// Changes the ground; what stays is not touched.
    fn lay_ground(&mut self, underlay: &Underlay) -> Result<(), LabError> {
        let observed = self.executor.observe(&underlay.host)?;
        let operations = diff(&underlay.host, &observed);
        if operations.is_empty() && self.emulated == underlay.links {
            return Ok(());
        }
        self.executor.execute(&operations)?;
        let links = underlay.links.iter().map(|link| {
            let inner = self.executor.take_tunnel(&link.inner);
            let outer = self.executor.take_tunnel(&link.outer);
            (link.clone(), inner.zip(outer).map(|(inner, outer)| [inner, outer]))
        });
        self.emulator.set(links.collect());
        self.emulated.clone_from(&underlay.links);
        Ok(())
    }

    fn namespace(&mut self, namespace: &Namespace) -> Result<NamespaceHandle, LabError> {
        let found = self.executor.namespace(namespace).map_err(LabError::cause)?;
        Ok(found.try_clone()?)
    }

    // === control ===

    fn start_control(
        &mut self,
        fabric: &Fabric,
        underlay: &Underlay,
        asker: Asker<'_>,
    ) -> Result<(), LabError> {
        let seat = Seat::choose(fabric, underlay);
        asker.tell(format!("control: on {}", seat.machine))?;
        let machine = Machine::new(&self.run, &seat.machine, &fabric.name);
        let namespace = self.namespace(&seat.namespace)?;
        let (executable, dashboard) = (self.executable.clone(), self.dashboard.clone());
        let place = (seat, machine);
        let fabric = (fabric.name.as_str(), namespace);
        self.control = Some(Control::start(&executable, place, fabric, dashboard, asker)?);
        Ok(())
    }

    /// Control, once there is one.
    pub(crate) fn control(&mut self) -> Result<&mut Control, LabError> {
        self.control.as_mut().ok_or(LabError::NotUp)
    }

    fn declare(
        &mut self,
        sources: &Sources,
        message: &str,
        asker: Asker<'_>,
    ) -> Result<Applied, LabError> {
        let file = self.write_sources(sources)?;
        self.control()?.apply((&file, message), asker)
    }

    /// Keeps the texts as they were given: what the user edits later counts when it is applied.
    fn write_sources(&self, sources: &Sources) -> Result<PathBuf, LabError> {
        let file = self.run.join("sources.json");
        let text = serde_json::json!({ "roots": sources.files, "texts": sources.texts });
        std::fs::write(&file, text.to_string())
            .map_err(|source| LabError::io("keep the fabric's files", source))?;
        Ok(file)
    }

    // === machines ===

    /// Ends machines that are gone, and lets new ones join.
    fn change_machines(
        &mut self,
        fabric: &Fabric,
        underlay: &Underlay,
        asker: Asker<'_>,
    ) -> Result<(), LabError> {
        for node in self.agents.gone(&underlay.nodes) {
            self.agents.remove(&node);
            self.control()?.remove(&node, asker)?;
        }
        let new = self.agents.missing(&underlay.nodes);
        if new.is_empty() {
            return Ok(());
        }
        asker.tell(format!("agents: {}", names(fabric)))?;
        let token = self.control()?.token(asker)?;
        for some in new.chunks(JOINS_MAX) {
            self.let_join(&fabric.name, some, &token, asker)?;
        }
        self.agents.wait_until_ready(asker)
    }

    /// Lets machines join at the same time, each as its user would, and starts their agents.
    fn let_join(
        &mut self,
        fabric: &str,
        nodes: &[(&Name, &NodePlace)],
        token: &str,
        asker: Asker<'_>,
    ) -> Result<(), LabError> {
        let mut joining = Vec::new();
        for (node, place) in nodes {
            let machine = Machine::new(&self.run, node, fabric);
            machine.make()?;
            let namespace = self.namespace(&place.namespace)?;
            let port = place.local_endpoint.port();
            let join = self.control()?.join((node, &machine), &namespace, (token, port))?;
            joining.push((node, place, machine, namespace, join));
        }
        for (node, place, machine, namespace, join) in joining {
            let output = asker.wait_for(join)?;
            if !output.status.success() {
                let why = format!("it cannot join: {}", words_of(&output));
                return Err(LabError::Agent { node: (*node).clone(), why, log: String::new() });
            }
            self.agents.start(node, machine, place, namespace)?;
        }
        Ok(())
    }

    /// Waits until all nodes know each other, and hold what is declared.
    fn wait_for_nodes(
        &mut self,
        memberships: &Memberships,
        asker: Asker<'_>,
    ) -> Result<Standing, LabError> {
        let control = self.control.as_mut().ok_or(LabError::NotUp)?;
        let mut ask = || {
            let standing = control.standing(asker)?;
            let refused = standing.refused.join("\n");
            if refused.is_empty() { Ok(standing) } else { Err(LabError::Refused(refused)) }
        };
        self.agents.wait_for_peers(memberships, asker, || ask().map(drop))?;
        let deadline = monotonic_now() + STANDING_TIMEOUT;
        loop {
            let standing = ask()?;
            if standing.behind.is_empty() {
                return Ok(standing);
            }
            if monotonic_now() > deadline {
                return Err(LabError::Behind(standing.behind.join(", ")));
            }
            asker.pause(LOOK)?;
        }
    }
}

fn names(fabric: &Fabric) -> String {
    fabric.nodes.keys().cloned().collect::<Vec<_>>().join(", ")
}
