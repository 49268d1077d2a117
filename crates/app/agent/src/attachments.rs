//! Where workloads are that others make: containers by name, namespaces by path.

use netloom_containers::Engine;
use netloom_model::Fabric;
use netloom_model::fabric::{Attach, Workload};
use netloom_plan::input::Attachment;
use netloom_state::Namespace;
use netloom_sys::namespace::NamespaceHandle;
use std::collections::BTreeMap;
use std::path::Path;

/// What was found of a node's foreign workloads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attachments {
    /// For the planner.
    pub(crate) places: BTreeMap<String, Attachment>,
    /// Why something is not there, by workload.
    pub(crate) absent: BTreeMap<String, String>,
    /// What identifies each place: a container that was made anew under its name has another.
    identities: BTreeMap<String, String>,
}

/// Looks for the foreign workloads of `node`. With `stand_ins`, each gets an empty namespace.
pub(crate) fn find(fabric: &Fabric, node: &str, stand_ins: bool) -> Attachments {
    let engine = Engine::find(std::env::var("DOCKER_HOST").ok().as_deref());
    let mut found = Attachments::default();
    for (name, workload) in fabric.workloads.iter().filter(|(_, workload)| workload.node == node) {
        if !is_foreign(workload) {
            continue;
        }
        if stand_ins {
            let stand_in = Namespace::Own(format!("workload-{name}"));
            found.places.insert(name.clone(), Attachment::At(stand_in));
            continue;
        }
        match place(&engine, workload) {
            Ok((path, identity)) => {
                found.identities.insert(name.clone(), identity);
                found.places.insert(name.clone(), Attachment::At(Namespace::Path(path)));
            }
            Err(why) => {
                found.absent.insert(name.clone(), why);
                found.places.insert(name.clone(), Attachment::Absent);
            }
        }
    }
    found
}

/// Whether somebody else makes a workload's namespace.
pub(crate) fn is_foreign(workload: &Workload) -> bool {
    matches!(workload.attach, Attach::Container { .. } | Attach::Netns { .. })
}

/// A workload's namespace and what identifies it, or why it cannot be had.
fn place(engine: &Engine, workload: &Workload) -> Result<(String, String), String> {
    let path = match &workload.attach {
        Attach::Container { name } => {
            engine.container(name).map_err(|error| error.to_string())?.netns
        }
        Attach::Netns { path } => path.clone(),
        Attach::Host
        | Attach::Process { .. }
        | Attach::Serve(_)
        | Attach::Wireguard(_)
        | Attach::Interface { .. } => {
            return Err(String::new());
        }
    };
    let handle = NamespaceHandle::open(Path::new(&path)).map_err(|error| error.to_string())?;
    Ok((path, format!("{:?}", handle.identity())))
}
