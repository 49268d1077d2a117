//! What is printed of flows: all changes that open one, and what closes one.

use super::*;
use netloom_model::fabric::Party;
use netloom_plan::assumed::Assumed;

/// A question as it is typed.
fn asked(from: &str, to: &str) -> Explain {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        asked: Explain,
    }
    <Line as clap::Parser>::parse_from(["explain", from, to]).asked
}

const FABRIC: &str = "version: 1\nfabric: f\nregions: { r: { zones: [a] } }\n\
    nodes: { n: { region: r }, m: { region: r } }\n\
    networks: { app: { cidr: [10.1.0.0/16] }, ops: { cidr: [10.2.0.0/16] } }\n\
    subnets: { one: { network: app, cidr: [10.1.1.0/24] }, two: { network: ops, cidr: [10.2.1.0/24] } }\n\
    security_groups:\n  shut: { ingress: [{ protocol: icmp, from: all }] }\n  \
    calls: { ingress: [{ protocol: tcp, ports: 81, from: all }], egress: [{ to: all }] }\n  \
    twice: { egress: [{ protocol: tcp, to: 10.1.0.0/16 }, { to: 10.1.1.0/24 }] }\n\
    workloads:\n  a: { node: n, subnet: one, security_groups: [calls], attach: &s { serve: { tcp: 80 } } }\n  \
    b: { node: m, subnet: two, security_groups: [shut], attach: *s }\n  \
    c: { node: m, subnet: two, attach: *s }\n  \
    d: { node: m, subnet: one, security_groups: [calls], attach: *s }\n  \
    e: { node: n, subnet: one, security_groups: [twice], attach: *s }\n";

/// What is printed of a flow, and as JSON.
fn told(from: &str, to: &str) -> (String, serde_json::Value) {
    let fabric = netloom_testkit::fabric(FABRIC);
    let world = Assumed::of(&fabric);
    let input = world.input(&fabric);
    let flow = flow::parse(&fabric, from, to).unwrap().remove(0);
    let answers = reach::reach(&input, &flow).unwrap();
    let answer = &answers[0];
    let changes = altering(&input, &flow, answer);
    let arguments = asked(from, to);
    (render(answer, changes.as_deref(), &arguments), answer_json(answer, changes.as_deref()))
}

#[test]
fn a_flow_that_is_denied_is_told_with_all_changes_that_open_it() {
    let (text, json) = told("a", "b:80/tcp");
    let end = text.split_once("  to open it, all of:\n").unwrap().1;
    assert_eq!(
        end,
        "    - add to `peerings`: app-ops: { networks: [app, ops] }\n    \
         - add to ingress of `shut`: { protocol: tcp, ports: 80, from: 10.1.1.4/32 }\n"
    );
    assert_eq!(json["changes"].as_array().unwrap().len(), 2);
    let (text, _) = told("a", "c:80/tcp");
    assert!(text.contains("add to `security_groups`: c: { ingress: [{ protocol: tcp"), "{text}");
    let (text, _) = told("a", "203.0.113.9:443/tcp");
    assert!(
        text.contains("add to `nat_gateways`: app-nat: { network: app, nodes: [n] }"),
        "{text}"
    );
    assert!(text.contains("routes: [{ to: 203.0.113.9/32, via: { nat_gateway: app-nat } }]"));
    let (text, _) = told("internet", "a:80/tcp");
    for part in [
        "add to `internet_gateways`: app-internet",
        "routes: [{ to: 0.0.0.0/0, via: { internet_gateway: app-internet } }]",
        "add to `publish` of `a`: { port: 80, protocol: tcp, to: 80 }",
        "add to ingress of `calls`",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_flow_that_is_allowed_is_told_with_what_closes_it() {
    let (text, json) = told("a", "d:81/tcp");
    assert!(text.contains("allowed"), "{text}");
    assert!(text.ends_with("from egress of `calls`\n"), "{text}");
    assert!(text.contains("  to close it: remove the rule at"), "{text}");
    assert_eq!(json["changes"].as_array().unwrap().len(), 1);
}

#[test]
fn of_the_two_sides_of_an_allowed_flow_the_one_with_fewer_rules_is_named() {
    let (text, json) = told("e", "d:81/tcp");
    assert!(text.contains("allowed") && text.ends_with("from ingress of `calls`\n"), "{text}");
    assert_eq!(json["changes"].as_array().unwrap().len(), 1);
}

#[test]
fn what_no_change_can_do_is_told_in_words() {
    let (text, json) = told("a", "10.1.1.2:80/tcp");
    assert!(text.ends_with("  to open it: call a workload\n"), "{text}");
    assert!(json["changes"].is_null());
}

#[test]
fn everything_that_may_pass_is_listed_for_the_internet_too() {
    let fabric = netloom_testkit::fabric(include_str!("../../../../../examples/app-network.yaml"));
    let world = Assumed::of(&fabric);
    let list = |from: &str, to: &str| {
        let (from, to) = (from.to_owned(), to.to_owned());
        let arguments = asked(&from, &to);
        let [from, to] =
            [&arguments.from, &arguments.to].map(|name| flow::party(&fabric, name).unwrap());
        let all = allowed::allowed(&world.input(&fabric), &from, &to).unwrap();
        listed(&all, &arguments)
    };
    assert!(list("web-1", "internet").ends_with("-> internet (203.0.113.1): tcp\n"));
    assert!(list("internet", "lb-1").ends_with(": tcp 443\n"));
    assert!(list("internet", "web-1").contains(": nothing: no way leads from outside to `web-1`"));
    assert!(list("node-1", "internet").contains(": nothing: the fabric leads nothing of"));
}

#[test]
fn names_that_resolvers_answer_and_services_can_be_asked_about() {
    let fabric = netloom_testkit::fabric(&FABRIC.replace(
        "a: { node: n,",
        "f: { node: n, subnet: two, labels: { k: v }, attach: { serve: { tcp: 80 } } }\n  a: { labels: { k: v }, node: n,",
    ).replace("workloads:", "services: { s: { port: 80, select: { k: v } } }\nworkloads:"));
    let called = |to: &str| -> Vec<Party> {
        flow::parse(&fabric, "d", to).unwrap().into_iter().map(|flow| flow.to).collect()
    };
    let workload = |name: &str| Party::Workload(name.to_owned());
    assert_eq!(called("a.app.internal:80"), [workload("a")]);
    assert_eq!(called("A.app.internal.:80"), [workload("a")]);
    assert_eq!(called("m.nodes.ops.internal:icmp"), [Party::Node("m".to_owned())]);
    assert_eq!(called("s:80"), [workload("a"), workload("f")]);
    assert_eq!(called("s.services.ops.internal:80"), [workload("f")]);
    // `a` is of the other network.
    for nobody in ["a.ops.internal:80", "s.other.app.internal:80", "x.nodes.app.internal:80"] {
        let why = format!("{:#}", flow::parse(&fabric, "d", nobody).unwrap_err());
        assert!(why.contains("there is no workload, node or service"), "{nobody}: {why}");
    }
    let why = flow::party(&fabric, "s").unwrap_err().to_string();
    assert_eq!(why, "`s` is a service of several workloads: ask about one of them, a, f");
}

/// Why a question is refused.
fn refusal(to: &str) -> String {
    let fabric = netloom_testkit::fabric(&format!(
        "{FABRIC}ports: {{ web: {{ port: 80, protocol: tcp }} }}\n"
    ));
    format!("{:#}", flow::parse(&fabric, "a", to).unwrap_err())
}

#[test]
fn an_address_that_nobody_has_is_refused_with_the_reason() {
    for (to, reason) in [
        ("127.0.0.1:80", "127.0.0.1 is loopback"),
        ("0.0.0.0:80", "0.0.0.0 is no address"),
        ("224.0.0.1:80/udp", "224.0.0.1 is multicast"),
        ("255.255.255.255:80", "255.255.255.255 is the broadcast address"),
        ("[::1]:80", "::1 is loopback"),
        ("[ff02::1]:80", "ff02::1 is multicast"),
        ("[fe80::1]:icmp", "fe80::1 is link-local"),
        ("[::ffff:10.0.2.4]:8080", "which packets never carry; write 10.0.2.4"),
    ] {
        let text = refusal(to);
        assert!(text.contains(reason), "{to}: {text}");
    }
    assert!(flow::possible("::1").is_err() && flow::possible("d").is_ok());
    let fabric = netloom_testkit::fabric(FABRIC);
    assert!(flow::party(&fabric, "127.0.0.1").is_err());
    assert!(flow::party(&fabric, "169.254.169.254").is_ok());
}

#[test]
fn a_port_is_a_number_or_a_name_of_the_file_and_icmp_has_none() {
    for (to, reason) in [
        ("d:8080/icmp", "d:8080/icmp: icmp has no ports; write icmp alone"),
        ("d/icmp", "without a port: write d:icmp"),
        ("d:0", "`0` is not a port"),
        ("d:70000/udp", "`70000/udp` is not a port"),
        (
            "d:http",
            "`http` is not a port; write a number from 1 to 65535 as in 443/tcp, or icmp; or a name of the file's `ports`, such as web",
        ),
        ("d:80/sctp", "`sctp` is not a protocol"),
    ] {
        let text = refusal(to);
        assert!(text.contains(reason) && !text.contains("digit"), "{to}: {text}");
    }
    let ports = "ports: { web: { port: 80, protocol: tcp } }\n";
    let fabric = netloom_testkit::fabric(&format!("{FABRIC}{ports}"));
    let [named, number] = ["d:web", "d:80/tcp"].map(|to| flow::parse(&fabric, "a", to).unwrap());
    assert_eq!(named, number);
}
