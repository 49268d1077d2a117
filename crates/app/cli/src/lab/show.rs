//! A lab's report for people.

use crate::output::{mark, table};
use netloom_lab::protocol::{Report, TestReport};

/// Nodes and workloads; tests too, if they were run.
pub(super) fn report(report: &Report, with_tests: bool) -> String {
    let mut text = format!("\nfabric {}\n\nnodes\n", report.fabric);
    text.push_str(&nodes(report));
    text.push_str("\nworkloads\n");
    text.push_str(&workloads(report));
    if with_tests {
        text.push_str(&tests(report));
    }
    text
}

fn nodes(report: &Report) -> String {
    let rows: Vec<Vec<String>> = report
        .nodes
        .iter()
        .map(|(name, node)| {
            let behind = if node.nat { "behind NAT" } else { "" };
            let (up, peers) = node.sessions;
            let address = node.address.map(|address| address.to_string()).unwrap_or_default();
            let sessions = format!("{up}/{peers} sessions ({})", node.tunnel);
            let region = format!("{} {behind}", node.region).trim_end().to_owned();
            vec![name.clone(), region, address, sessions, node.state.clone()]
        })
        .collect();
    table(&rows)
}

fn workloads(report: &Report) -> String {
    let rows: Vec<Vec<String>> = report
        .workloads
        .iter()
        .map(|(name, workload)| {
            let addresses: Vec<String> =
                workload.addresses.iter().map(ToString::to_string).collect();
            vec![
                name.clone(),
                workload.node.clone(),
                workload.name.clone(),
                addresses.join(" "),
                workload.attach.clone(),
                workload.state.clone(),
            ]
        })
        .collect();
    table(&rows)
}

/// The results of the file's tests, and of looking up every name.
pub(super) fn tests(report: &Report) -> String {
    let mut text = String::from("\ntests on real packets\n");
    for test in &report.tests {
        text.push_str(&line(test));
    }
    let (right, all) = report.names;
    text.push_str(&format!("  {} {right} of {all} names resolve\n", mark(right == all)));
    for error in &report.name_errors {
        text.push_str(&format!("      {error}\n"));
    }
    let holding = report.tests.iter().filter(|test| test.holds()).count();
    text.push_str(&format!("  {holding} of {} tests hold\n", report.tests.len()));
    text
}

fn line(test: &TestReport) -> String {
    let expected = if test.expected { "allowed" } else { "denied" };
    let mut text = format!("  {} {:<38} {expected}\n", mark(test.holds()), test.what);
    if !test.holds() {
        let seen = match (test.arrived, test.as_said) {
            (true, true) => "packets arrived",
            (false, true) => "no packet arrived",
            (_, false) => "packets did not all do what the engine says",
        };
        let engine = if test.engine { "allowed" } else { "denied" };
        text.push_str(&format!(
            "      {seen}, the engine says {engine}: {} [{}]\n",
            test.detail, test.place
        ));
    }
    text
}

/// What an apply changed, by node.
pub(super) fn operations(report: &Report) -> String {
    let mut text = String::from("\nchanges\n");
    for (node, operations) in &report.operations {
        text.push_str(&format!("  {node}: {} operations\n", operations.len()));
        for operation in operations {
            text.push_str(&format!("    {operation}\n"));
        }
    }
    if !report.flows.is_empty() {
        text.push_str("\nflows\n");
    }
    for flow in &report.flows {
        text.push_str(&format!("  {flow}\n"));
    }
    text
}

/// Where a browser on this host finds the dashboard.
pub(super) fn dashboard(report: &Report) -> String {
    match &report.dashboard {
        Some(address) => format!("\ndashboard  {address}\n"),
        None => "\ndashboard  none: nothing can listen on 127.0.0.1 here\n".to_owned(),
    }
}

/// Commands to try next, with names of this fabric.
pub(super) fn next_steps(report: &Report, files: &[String]) -> String {
    let Some(first) = report.workloads.keys().next() else { return String::new() };
    let pair = report.tests.iter().find(|test| test.expected && test.what.ends_with("/tcp"));
    let (from, target) = match pair.map(|test| test.what.replace(" -> ", " ")) {
        Some(words) => {
            let words: Vec<&str> = words.split(' ').collect();
            let port = words.get(2).map_or("80", |flow| flow.trim_end_matches("/tcp"));
            (words[0].to_owned(), format!("{}:{port}", words.get(1).unwrap_or(&"")))
        }
        None => (first.clone(), format!("{first}:80")),
    };
    let (netloom, file) = (program(), files.join(" -f "));
    let history = format!("{netloom} lab exec {} -- netloom history\n  ", report.control);
    format!(
        "\ntry\n  {netloom} lab exec {from} -- netloom connect {target}\n  \
         {netloom} lab shell {from}\n  {netloom} lab status\n  \
         {netloom} explain {from} {target} -f {file}\n  \
         edit {file}, then: {netloom} lab apply {}\n  {history}{netloom} lab down\n\n",
        files.join(" ")
    )
}

/// How this program was called, so that the commands shown can be typed as they are.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "netloom".to_owned())
}
