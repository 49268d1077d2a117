//! `netloom network test-connectivity`: real packets between two ends, compared with what `explain` says.

use super::place::Host;
use super::wait_for;
use crate::output;
use netloom::api;
use std::process::ExitCode;

/// Sends real packets from a workload's own namespace, on whichever node it is, and compares what they find with
/// what `netloom explain` says. The exit code is 1 if the two disagree, or if something could not be tried.
#[derive(Debug, clap::Args)]
pub(crate) struct TestConnectivity {
    #[command(flatten)]
    host: Host,
    /// Who sends: a workload or a node.
    from: String,
    /// Who is called: a workload, a node, or an address.
    to: String,
    /// What is tried: `5432/tcp`, `53/udp`, `icmp`, or a name of the service port table; an echo request and
    /// what the other end is known to serve if none are given.
    #[arg(value_name = "PORT/PROTOCOL")]
    flows: Vec<String>,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(asked: &TestConnectivity) -> anyhow::Result<ExitCode> {
    let place = asked.host.chosen()?;
    anyhow::ensure!(
        place.has_control() || !place.node().exists(),
        "this is asked of control, which has the sender's node send, and control of `{}` is not on this host; \
         run it where `netloom up` was run",
        place.fabric
    );
    let wanted = api::TestConnectivity {
        from: asked.from.clone(),
        to: asked.to.clone(),
        flows: asked.flows.clone(),
    };
    let found = wait_for(place.client().test_connectivity(&wanted))?;
    if asked.json {
        output::print(&format!("{}\n", serde_json::to_string_pretty(&found)?));
    } else {
        output::print(&shown(&found));
    }
    Ok(if is_as_explained(&found) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_as_explained(found: &api::Connectivity) -> bool {
    found.flows.iter().all(|flow| flow.agrees != Some(false) && flow.seen != "untried")
}

fn shown(found: &api::Connectivity) -> String {
    let mut text = format!("{} -> {}, sent by node {}\n", found.from, found.to, found.node);
    for flow in &found.flows {
        text.push_str(&one(flow));
    }
    let agreeing = found.flows.iter().filter(|flow| flow.agrees == Some(true)).count();
    let all = found.flows.len();
    text.push_str(&format!("  {agreeing} of {all} did as explain says\n"));
    if agreeing < all {
        text.push_str(
            "  `netloom status` says whether both nodes are connected, current and without drift; `netloom doctor` on \
             each looks for what is wrong there\n",
        );
    }
    text
}

fn one(flow: &api::FlowTried) -> String {
    let (mark, verdict) = match (flow.agrees, flow.seen.as_str()) {
        (Some(true), _) => (output::mark(true), "agrees"),
        (Some(false), _) => (output::mark(false), "DISAGREES"),
        (None, "untried") => (output::mark(false), "could not be tried"),
        (None, _) => ("?", "cannot be told: nobody has to answer this"),
    };
    let explained = match &flow.obstacle {
        Some(obstacle) => format!("denied: {obstacle}"),
        None => "allowed".to_owned(),
    };
    format!(
        "  {mark} {} {} -> {}: {verdict}\n      explain  {explained}\n      packets  {}\n",
        flow.flow, flow.source, flow.destination, flow.detail
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(seen: &str, agrees: Option<bool>) -> api::FlowTried {
        let detail = format!("it was {seen}");
        api::FlowTried { seen: seen.to_owned(), detail, agrees, ..api::FlowTried::default() }
    }

    #[test]
    fn only_what_agrees_or_cannot_be_told_is_well() {
        let of = |flows: &[api::FlowTried]| api::Connectivity {
            flows: flows.to_vec(),
            ..api::Connectivity::default()
        };
        let (good, unknown) = (flow("answered", Some(true)), flow("silent", None));
        let fine = of(&[good.clone(), unknown.clone()]);
        assert!(is_as_explained(&fine));
        let text = shown(&fine);
        assert!(text.contains("1 of 2") && text.contains("cannot be told"), "{text}");
        assert!(text.contains("netloom doctor"), "{text}");
        let text = shown(&of(std::slice::from_ref(&good)));
        assert!(text.contains("1 of 1") && !text.contains("doctor"), "{text}");
        for bad in [flow("answered", Some(false)), flow("untried", None)] {
            let found = of(&[good.clone(), unknown.clone(), bad]);
            assert!(!is_as_explained(&found));
            let text = shown(&found);
            assert!(text.contains("DISAGREES") || text.contains("could not be tried"), "{text}");
            assert!(text.contains("netloom doctor"), "{text}");
        }
    }
}
