//! What is proposed where a flow has no way: nothing that would not help.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use netloom_model::fabric::Protocol;
use netloom_plan::assumed::Assumed;
use netloom_plan::reach::{Flow, Step, reach};

const FABRIC: &str = "version: 1
fabric: shop
regions: { west: {}, home: { networks: [192.168.4.0/24] } }
nodes:
  edge: { region: west, roles: [gateway] }
  pi: { region: home, advertise: [192.168.4.0/24] }
networks: { app: { cidr: 10.0.0.0/16 }, ops: { cidr: 10.1.0.0/16 } }
subnets:
  web: { network: app, cidr: 10.0.1.0/24, public: true }
  far: { network: ops, cidr: 10.1.1.0/24 }
  own: { network: app, cidr: 10.0.2.0/24 }
internet_gateways: { out: { network: app } }
security_groups: { any: { ingress: [{ from: all }], egress: [{ to: all }] } }
workloads:
  web: { node: edge, subnet: web, security_groups: [any], attach: &s { serve: { tcp: 80 } } }
  own: { node: edge, subnet: own, security_groups: [any], attach: *s }
  far: { node: pi, subnet: far, security_groups: [any], attach: *s }
";

/// The step that stops a flow.
fn obstacle(from: &str, to: &str) -> Step {
    way(FABRIC, from, to).into_iter().find(|step| !step.passes).unwrap()
}

/// The steps of a flow in a fabric.
fn way(text: &str, from: &str, to: &str) -> Vec<Step> {
    let fabric = netloom_testkit::fabric(text);
    let world = Assumed::of(&fabric);
    let [from, to] = [from, to].map(|name| fabric.party(name).unwrap());
    let flow = Flow { from, to, protocol: Protocol::Tcp, port: Some(80) };
    reach(&world.input(&fabric), &flow).unwrap()[0].steps.clone()
}

#[test]
fn an_address_of_nobody_in_the_own_network_is_to_be_corrected() {
    for from in ["web", "own"] {
        let step = obstacle(from, "10.0.9.9");
        assert_eq!(step.finding, "10.0.9.9 is in `app`, and nobody's");
        assert_eq!(step.remedy.unwrap(), "correct the address, or give it to a workload");
        assert!(step.change.is_none());
    }
    // Of another network, with a gateway or without.
    assert!(obstacle("web", "10.1.9.9").remedy.unwrap().starts_with("peer the networks"));
    assert_eq!(obstacle("own", "10.1.9.9").finding, "10.1.9.9 is in the fabric, and nobody's");
}

#[test]
fn what_is_behind_a_node_begins_nothing_and_no_gateway_would_help() {
    for to in ["own", "far"] {
        let step = obstacle("192.168.4.9", to);
        assert!(step.finding.starts_with("192.168.4.9 is behind node `pi`"), "{step:?}");
        assert!(step.change.is_none(), "{step:?}");
        assert!(step.remedy.unwrap().contains("a workload on `pi`"));
    }
}

#[test]
fn answers_of_which_some_ports_are_denied_are_told_with_those_ports() {
    let acl = |answers: &str| {
        let more = format!(
            "network_acls:\n  a: {{ network: app, ingress: [{{ rule: 100, action: allow, protocol: tcp, \
             ports: 80, from: all }}], egress: [{{ rule: 100, action: allow, protocol: tcp, \
             ports: {answers}, to: all }}] }}\n"
        );
        let bound = FABRIC.replace("10.0.2.0/24 }", "10.0.2.0/24, network_acl: a }");
        way(&format!("{bound}{more}"), "web", "own").pop().unwrap().finding
    };
    let whole = acl("1024-65535");
    assert!(whole.contains("lets answers to ports 32768-60999 leave"), "{whole}");
    let none = acl("443");
    assert!(none.contains("does not let answers to ports 32768-60999 leave"), "{none}");
    let some = acl("32768-50000");
    assert!(some.contains("answers to ports 50001-60999, where calls come from too"), "{some}");
    let gap = acl("[32768-40000, 40002-60999]");
    assert!(gap.contains("answers to ports 40001, where calls come from too"), "{gap}");
}

#[test]
fn a_gateway_on_several_nodes_is_told_with_those_that_may_have_taken_over() {
    let more = "nat_gateways: { nat: { network: ops, nodes: [edge, spare] } }\n";
    let more = format!(
        "{more}route_tables: {{ far: {{ network: ops, routes: [{{ to: 0.0.0.0/0, via: {{ nat_gateway: nat }} }}] }} }}\n"
    );
    let nodes = "  pi: { region: home, advertise: [192.168.4.0/24] }\n";
    let spare = format!("{nodes}  spare: {{ region: west, roles: [gateway] }}\n");
    let text = FABRIC.replace(nodes, &spare);
    let text = text.replace("10.1.1.0/24 }", "10.1.1.0/24, route_table: far }");
    let steps = way(&format!("{text}{more}"), "far", "internet");
    let told = steps.iter().any(|step| {
        step.finding.contains("at node `edge` (or `spare`, where it has not answered since)")
    });
    assert!(told, "{steps:#?}");
}
