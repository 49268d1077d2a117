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
    /// What is not there, by workload.
    pub(crate) absent: BTreeMap<String, Absence>,
    /// What identifies each place: a container that was made anew under its name has another.
    identities: BTreeMap<String, String>,
}

/// Why something is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Absence {
    /// Cause and solution.
    pub(crate) why: String,
    /// The command that brings it, or shows more.
    pub(crate) command: String,
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
            Err(absence) => {
                found.absent.insert(name.clone(), absence);
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
fn place(engine: &Engine, workload: &Workload) -> Result<(String, String), Absence> {
    let path = match &workload.attach {
        Attach::Container { name } => {
            let found = engine
                .container(name)
                .map_err(|error| Absence { why: error.to_string(), command: error.command() });
            found?.netns
        }
        Attach::Netns { path } => path.clone(),
        Attach::Host
        | Attach::Process { .. }
        | Attach::Serve(_)
        | Attach::Wireguard(_)
        | Attach::Interface { .. } => {
            return Err(Absence { why: String::new(), command: String::new() });
        }
    };
    match NamespaceHandle::open(Path::new(&path)) {
        Ok(handle) => Ok((path, format!("{:?}", handle.identity()))),
        Err(error) => Err(Absence { why: error.to_string(), command: making(&path) }),
    }
}

/// What makes a namespace, where that is known of its path.
fn making(path: &str) -> String {
    let name = ["/run/netns/", "/var/run/netns/"].iter().find_map(|root| path.strip_prefix(root));
    match name.filter(|name| !name.contains('/') && !Path::new(path).exists()) {
        Some(name) => format!("ip netns add {name}"),
        None => format!("ls -l {path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_namespace_is_made_where_those_of_ip_are() {
        assert_eq!(making("/run/netns/no-such-blue"), "ip netns add no-such-blue");
        assert_eq!(making("/proc/1234567/ns/net"), "ls -l /proc/1234567/ns/net");
        assert_eq!(making("/run/netns/a/b"), "ls -l /run/netns/a/b");
    }
}
