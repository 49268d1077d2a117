//! Ports that are published as others: what a caller outside asks about, and what is told of it.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use netloom_model::fabric::{Party, Protocol};
use netloom_plan::assumed::Assumed;
use netloom_plan::reach::change::altering;
use netloom_plan::reach::{Answer, Flow, reach};

const FABRIC: &str = "version: 1
fabric: shop
regions: { west: {} }
nodes: { edge: { region: west, roles: [gateway] } }
networks: { app: { cidr: 10.0.0.0/16 } }
subnets: { web: { network: app, cidr: 10.0.1.0/24, public: true } }
internet_gateways: { out: { network: app } }
security_groups: { any: { ingress: [{ protocol: tcp, ports: [443, 8080], from: all }] } }
workloads:
  web:
    node: edge
    subnet: web
    security_groups: [any]
    publish: [{ port: 8443, to: 443 }, { port: 8080, to: 80 }, { port: 9090, to: 8080 }]
    attach: { serve: { tcp: 443 } }
";

/// What is said of a call from outside, and the changes that alter it.
fn asked(port: u16) -> (Answer, Vec<String>) {
    let fabric = netloom_testkit::fabric(FABRIC);
    let world = Assumed::of(&fabric);
    let input = world.input(&fabric);
    let to = Party::Workload("web".to_owned());
    let flow = Flow { from: Party::Internet, to, protocol: Protocol::Tcp, port: Some(port) };
    let answer = reach(&input, &flow).unwrap().remove(0);
    let changes = altering(&input, &flow, &answer).unwrap();
    (answer, changes.iter().map(ToString::to_string).collect())
}

#[test]
fn a_port_of_the_gateway_leads_to_the_workloads_own_and_is_told() {
    for (port, words) in [
        (443, "`out`: 8443 outside is 443 of `web`"),
        (8443, "`out`: 8443 outside is 443 of `web`"),
        // Its own port first, where both are meant.
        (8080, "`out`: 9090 outside is 8080 of `web`"),
    ] {
        let (answer, closing) = asked(port);
        assert!(answer.passes(), "{port}: {answer:?}");
        assert!(answer.steps.iter().any(|step| step.finding.ends_with(words)), "{answer:?}");
        assert!(!closing.is_empty(), "{port}");
    }
}

#[test]
fn what_stops_it_is_about_the_workloads_own_port() {
    let fabric = FABRIC.replace("ports: [443, 8080]", "ports: [22]");
    let fabric = netloom_testkit::fabric(&fabric);
    let world = Assumed::of(&fabric);
    let input = world.input(&fabric);
    let to = Party::Workload("web".to_owned());
    let flow = Flow { from: Party::Internet, to, protocol: Protocol::Tcp, port: Some(8443) };
    let answer = reach(&input, &flow).unwrap().remove(0);
    assert!(!answer.passes());
    let changes = altering(&input, &flow, &answer).unwrap();
    let [change] = &changes[..] else { panic!("{changes:?}") };
    assert!(change.to_string().contains("protocol: tcp, ports: 443,"), "{change}");
    let (answer, changes) = asked(22);
    assert!(
        !answer.passes() && changes[0].contains("port: 22, protocol: tcp, to: 22"),
        "{changes:?}"
    );
}
