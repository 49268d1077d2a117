//! The names of a lab's workloads, asked of the resolvers of their networks.

use crate::protocol::{Report, WorkloadReport};
use crate::trial::{Probe, Prober};
use netloom_model::Fabric;
use netloom_model::fabric::Attach;
use serde_json::Value;
use std::path::{Path, PathBuf};

impl Prober {
    /// Looks up the name of every workload from one place of its network; gives how many were answered rightly,
    /// how many were asked for, and what was wrong.
    pub fn look_up_all(&self, fabric: &Fabric, report: &Report) -> ((usize, usize), Vec<String>) {
        let looked_up: Vec<Option<String>> = std::thread::scope(|scope| {
            let lookups: Vec<_> = report
                .workloads
                .values()
                .filter_map(|workload| {
                    let asker = asker(fabric, report, &workload.network)?;
                    Some(scope.spawn(move || self.look_up(workload, &asker)))
                })
                .collect();
            let lost = || Some("a name could not be looked up".to_owned());
            lookups.into_iter().map(|lookup| lookup.join().unwrap_or_else(|_| lost())).collect()
        });
        let all = looked_up.len();
        let errors: Vec<String> = looked_up.into_iter().flatten().collect();
        ((all - errors.len(), all), errors)
    }

    /// What is wrong with the answer for a workload's name, if anything is.
    fn look_up(&self, workload: &WorkloadReport, asker: &Asker<'_>) -> Option<String> {
        let short = workload.name.split('.').next().unwrap_or_default().to_owned();
        let probe = Probe {
            namespace: asker.namespace.clone(),
            resolv_conf: Some(asker.resolv_conf.to_owned()),
            arguments: vec!["lookup".into(), short.clone(), "--json".into()],
        };
        let (found, text) = match self.output(&probe) {
            Ok(output) => output,
            Err(error) => return Some(format!("{short}: {error}")),
        };
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        let given = answer.to_string();
        let complete = workload.addresses.iter().all(|a| given.contains(&format!("\"{a}\"")));
        (!found || !complete).then(|| format!("{short}: {}", text.trim()))
    }
}

/// Who asks for the names of a network.
struct Asker<'a> {
    namespace: PathBuf,
    resolv_conf: &'a Path,
}

/// A workload that is in the network first of all. Who has only a further interface there reaches its resolver by
/// that one or, over a peering, by none: there the network's own namespace asks, on the interface's node.
fn asker<'a>(fabric: &Fabric, report: &'a Report, network: &str) -> Option<Asker<'a>> {
    let members = report.workloads.iter().filter(|(_, one)| one.network == network);
    let askers: Vec<_> = members
        .filter_map(|(name, one)| {
            let attach = &fabric.workloads.get(name)?.attach;
            let is_further = matches!(attach, Attach::Interface { .. });
            Some((is_further, one, Path::new(one.resolv_conf.as_deref()?)))
        })
        .collect();
    let (is_further, one, resolv_conf) =
        askers.into_iter().min_by_key(|(is_further, ..)| *is_further)?;
    let namespace = if is_further {
        let run = Path::new(&report.nodes.get(&one.node)?.run_folder);
        run.join(&report.fabric).join(format!("netns/network-{network}"))
    } else {
        PathBuf::from(&one.namespace)
    };
    Some(Asker { namespace, resolv_conf })
}
