//! A lab's report for people.

use crate::output::{holding, mark, table};
use crate::shell;
use netloom_lab::protocol::{Report, TestReport};
use netloom_model::words::counted;
use std::net::IpAddr;

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
    let names = counted(all, "name");
    let resolve = if all == 1 { "resolves" } else { "resolve" };
    text.push_str(&format!("  {} {right} of {names} {resolve}\n", mark(right == all)));
    for error in &report.name_errors {
        text.push_str(&format!("      {error}\n"));
    }
    let held = report.tests.iter().filter(|test| test.holds()).count();
    text.push_str(&format!("  {}\n", holding(held, report.tests.len())));
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
        text.push_str(&format!("  {node}: {}\n", counted(operations.len(), "operation")));
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

/// Commands to try next, with names of this fabric; where several labs are up, with that of this one.
pub(super) fn next_steps(report: &Report, files: &[String], lab: Option<&str>) -> String {
    let Some((from, probe, asked)) = to_try(report) else { return String::new() };
    let (netloom, file) = (program(), shell::words(files, " -f "));
    let lab = lab.map_or_else(String::new, |lab| format!(" --lab {lab}"));
    let history = format!("{netloom} lab exec{lab} {} -- netloom history\n  ", report.control);
    format!(
        "\ntry\n  {netloom} lab exec{lab} {from} -- netloom {probe}\n  \
         {netloom} lab shell{lab} {from}\n  {netloom} lab status{lab}\n  \
         {netloom} explain {from} {asked} -f {file}\n  \
         edit {file}, then: {netloom} lab apply {}\n  {history}{netloom} lab down{lab}\n\n",
        shell::words(files, " ")
    )
}

/// A sender, what it can run with success, and the same as a question: the first test over TCP, or else by another
/// protocol, whose sender finds the other end by itself; else a workload's call of itself.
fn to_try(report: &Report) -> Option<(&str, String, String)> {
    let passing = || report.tests.iter().filter(|test| test.expected && test.arrived);
    let is_tcp = |test: &&TestReport| test.what.ends_with("/tcp");
    let all = passing().filter(is_tcp).chain(passing().filter(|test| !is_tcp(test)));
    let tested = all.filter_map(|test| tested(report, test)).next();
    tested.or_else(|| {
        let mut inside = report.workloads.iter().filter(|(_, one)| one.resolv_conf.is_some());
        let (name, _) = inside.find(|(_, one)| !one.namespace.is_empty())?;
        Some((name, format!("ping {name}"), format!("{name}:icmp")))
    })
}

/// The same of one test.
fn tested<'a>(report: &Report, test: &'a TestReport) -> Option<(&'a str, String, String)> {
    let (from, rest) = test.what.split_once(" -> ")?;
    let (to, flow) = rest.split_once(' ')?;
    let target = target(report, from, to)?;
    let (probe, asked) = match flow.split_once('/') {
        Some((port, "tcp")) => (format!("connect {target}:{port}"), format!("{target}:{port}")),
        Some((port, "udp")) => {
            (format!("connect {target}:{port} --udp"), format!("{target}:{port}/udp"))
        }
        _ if flow == "icmp" => {
            let host = target.trim_start_matches('[').trim_end_matches(']');
            (format!("ping {host}"), format!("{target}:icmp"))
        }
        _ => return None,
    };
    Some((from, probe, asked))
}

/// How a sender that commands can be run in names another end: by address where no resolver of its own knows it.
fn target(report: &Report, from: &str, to: &str) -> Option<String> {
    let sender = report.workloads.get(from);
    let is_inside = match sender {
        Some(workload) => !workload.namespace.is_empty(),
        None => report.nodes.contains_key(from),
    };
    let literal = |address: &IpAddr| match address {
        IpAddr::V4(_) => address.to_string(),
        IpAddr::V6(_) => format!("[{address}]"),
    };
    let Some(other) = report.workloads.get(to).filter(|_| is_inside) else {
        return to.parse().ok().filter(|_| is_inside).as_ref().map(literal);
    };
    if sender.is_some_and(|one| one.resolv_conf.is_some() && one.network == other.network) {
        return Some(to.to_owned());
    }
    // A node has an IPv6 address in its networks, and no other.
    let has_family = |address: &&IpAddr| match sender {
        Some(sender) => sender.addresses.iter().any(|own| own.is_ipv4() == address.is_ipv4()),
        None => address.is_ipv6(),
    };
    other.addresses.iter().find(has_family).map(literal)
}

/// How this program was called, so that the commands shown can be typed as they are.
fn program() -> String {
    shell::word(&std::env::args().next().unwrap_or_else(|| "netloom".to_owned())).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_lab::protocol::WorkloadReport;

    #[test]
    fn what_is_suggested_can_be_run_where_it_is_suggested() {
        let workload = |network: &str, address: &str| WorkloadReport {
            namespace: "/run/w".to_owned(),
            resolv_conf: Some("/run/r".to_owned()),
            network: network.to_owned(),
            addresses: vec![address.parse().unwrap()],
            ..WorkloadReport::default()
        };
        let all = [("db", workload("app", "10.0.0.5")), ("far", workload("ops", "10.1.0.5"))];
        let mut workloads: std::collections::BTreeMap<_, _> =
            all.into_iter().map(|(name, one)| (name.to_owned(), one)).collect();
        workloads.insert("web".to_owned(), workload("app", "10.0.0.6"));
        let mut report = Report { workloads, ..Report::default() };
        let mut tried = |tests: &[&str]| {
            let test = |what: &&str| TestReport {
                what: (*what).to_owned(),
                expected: true,
                arrived: true,
                ..TestReport::default()
            };
            report.tests = tests.iter().map(test).collect();
            let (from, probe, asked) = to_try(&report).unwrap();
            format!("{from} {probe} {asked}")
        };
        let internet = "internet -> web 443/tcp";
        assert_eq!(tried(&[internet, "web -> db 80/tcp"]), "web connect db:80 db:80");
        assert_eq!(tried(&["web -> internet 443/tcp"]), "db ping db db:icmp");
        assert_eq!(tried(&["db -> far 80/tcp"]), "db connect 10.1.0.5:80 10.1.0.5:80");
        assert_eq!(
            tried(&["web -> 203.0.113.9 443/tcp"]),
            "web connect 203.0.113.9:443 203.0.113.9:443"
        );
        assert_eq!(tried(&["db -> web icmp", internet]), "db ping web web:icmp");
        let udp = "db -> web 53/udp";
        assert_eq!(tried(&[udp, "web -> db 80/tcp"]), "web connect db:80 db:80");
        assert_eq!(tried(&[udp]), "db connect web:53 --udp web:53/udp");
    }
}
