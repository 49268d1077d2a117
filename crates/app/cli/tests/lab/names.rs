//! Names of other networks, and of others.

use super::*;

const PEERED: &str = "
version: 1
fabric: peered
regions: { here: {} }
networks:
  app: { cidr: [10.1.0.0/16, \"fd00:1::/48\"] }
  ops: { cidr: [10.2.0.0/16, \"fd00:2::/48\"] }
  legacy: { cidr: 10.3.0.0/16, dns: { domain: old.example } }
peerings:
  app-ops: { networks: [app, ops] }
  app-legacy: { networks: [app, legacy], status: pending }
subnets:
  web: { network: app, cidr: [10.1.1.0/24, \"fd00:1:0:1::/64\"] }
  jobs: { network: ops, cidr: [10.2.1.0/24, \"fd00:2:0:1::/64\"] }
  small: { network: ops, cidr: 10.2.2.0/24 }
  old: { network: legacy, cidr: 10.3.1.0/24 }
nodes: { one: { region: here }, two: { region: here } }
security_groups:
  open: { ingress: [{ from: all }], egress: [{ to: all }] }
workloads:
  web-1: { node: one, subnet: web, security_groups: [open], labels: { app: web }, attach: { serve: { tcp: 80 } } }
  cron-1: { node: two, subnet: jobs, security_groups: [open], attach: { serve: { tcp: 80 } } }
  tiny-1: { node: two, subnet: small, security_groups: [open], attach: { serve: { tcp: 80 } } }
  old-1: { node: one, subnet: old, security_groups: [open], attach: { serve: { tcp: 80 } } }
services:
  web: { namespace: svc, port: 80, select: { app: web } }
";

#[test]
fn names_of_peered_networks_resolve_and_others_do_not() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let file = home.write("peered.yaml", PEERED);
    home.succeed(&["lab", "up", &file]);
    let inside = |workload: &str, arguments: &[&str]| {
        home.run(&[&["lab", "exec", workload, "--", NETLOOM], arguments].concat())
    };
    let records = |workload: &str, name: &str| -> Vec<String> {
        let output = inside(workload, &["lookup", name, "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let answers = report["answers"].as_array().into_iter().flatten();
        let records = answers.flat_map(|answer| answer["records"].as_array().unwrap());
        records.map(|record| record["data"].as_str().unwrap().to_owned()).collect()
    };
    let own = records("web-1", "web-1");
    assert_eq!(own.len(), 2, "{own:?}");
    assert_eq!(records("cron-1", "web-1.app.internal"), own);
    // Who has no IPv6 is not sent there.
    assert_eq!(records("tiny-1", "web-1.app.internal"), own[..1]);
    assert_eq!(records("cron-1", "web.svc.app.internal"), own);
    assert_eq!(records("cron-1", "_web._tcp.svc.app.internal"), ["0 1 80 web-1.app.internal"]);
    assert_eq!(records("cron-1", &own[0]), ["web-1.app.internal"]);
    assert_eq!(records("web-1", "tiny-1.ops.internal").len(), 1);
    // By the name, with the C library's own resolver.
    let output =
        home.run(&["lab", "exec", "cron-1", "--", "getent", "ahosts", "web-1.app.internal"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(own.iter().all(|address| text.contains(address)), "{text}");
    assert!(inside("cron-1", &["connect", "web-1.app.internal:80"]).status.success());
    // A peering that waits carries neither packets nor names, and no third network's.
    assert_eq!(records("web-1", "old-1.old.example"), Vec::<String>::new());
    home.write("peered.yaml", &PEERED.replace(", status: pending", ""));
    home.succeed(&["lab", "apply", &file]);
    assert_eq!(records("web-1", "old-1.old.example").len(), 1);
    assert_eq!(records("cron-1", "old-1.old.example"), Vec::<String>::new());
    home.succeed(&["lab", "down"]);
}

const ASKING: &str = "
version: 1
fabric: asking
regions: { here: {} }
networks:
  app: { cidr: 10.1.0.0/16, dns: { resolvers: [203.0.113.1] } }
  ops: { cidr: [10.2.0.0/16, \"fd00:2::/48\"], dns: { resolvers: [\"fd00:2:0:1::53\"] } }
subnets:
  web: { network: app, cidr: 10.1.1.0/24 }
  jobs: { network: ops, cidr: [10.2.1.0/24, \"fd00:2:0:1::/64\"] }
nodes: { one: { region: here, security_groups: [asks] }, two: { region: here, security_groups: [asks] } }
security_groups:
  asks: { egress: [{ protocol: udp, ports: 53, to: { security_group: names } }] }
  names: { ingress: [{ protocol: udp, ports: 53, from: { security_group: asks } }] }
workloads:
  web-1: { node: one, subnet: web, security_groups: [], attach: { serve: { tcp: 80 } } }
  cron-1: { node: one, subnet: jobs, security_groups: [], attach: { serve: { tcp: 80 } } }
  names: { node: two, subnet: jobs, address: [10.2.1.53, \"fd00:2:0:1::53\"], security_groups: [names], attach: { process: { run: RUN } } }
";

/// The resolver of somebody else, where the tests below start this program again.
#[test]
fn serve_other_names() {
    if let Ok(address) = std::env::var("NETLOOM_OTHER_NAMES") {
        netloom_testkit::other_resolver::serve(address.parse().unwrap()).unwrap();
    }
}

#[test]
fn other_names_are_asked_of_the_resolvers_that_a_network_names() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let own = std::env::current_exe().unwrap();
    let serve = |address: &str| {
        let own = own.to_string_lossy();
        let line =
            format!("NETLOOM_OTHER_NAMES={address} exec {own} --exact names::serve_other_names");
        ["/bin/sh".to_owned(), "-c".to_owned(), line]
    };
    let inside = ASKING.replace("RUN", &format!("{:?}", serve("192.0.2.2")));
    home.succeed(&["lab", "up", &home.write("asking.yaml", &inside)]);
    let outside = serve("192.0.2.1");
    let outside = ["lab", "exec", "internet", "--", &outside[0], &outside[1], &outside[2]];
    let mut outside = home.command(&outside).stdout(Stdio::null()).spawn().unwrap();
    for (workload, expected) in [("web-1", "192.0.2.1"), ("cron-1", "192.0.2.2")] {
        let lookup = ["lab", "exec", workload, "--", NETLOOM, "lookup", "shop.example", "--json"];
        wait_until(&format!("{workload} is answered {expected}"), || {
            String::from_utf8_lossy(&home.run(&lookup).stdout).contains(expected)
        });
    }
    // Policy is asked, as of everybody who calls the resolver inside.
    let shut = inside.replace("from: { security_group: asks }", "from: 10.9.0.0/16");
    home.run(&["lab", "apply", &home.write("shut.yaml", &shut)]);
    let lookup = ["lab", "exec", "cron-1", "--", NETLOOM, "lookup", "other.example", "--json"];
    let said = String::from_utf8_lossy(&home.run(&lookup).stdout).into_owned();
    assert!(!said.contains("192.0.2.2"), "{said}");
    outside.kill().unwrap();
    outside.wait().unwrap();
    home.succeed(&["lab", "down"]);
}

/// A workload in two more networks, both peered with its first: in one of them it is alone.
const JOINED: &str = "
version: 1
fabric: joined
regions: { here: {} }
networks:
  app: { cidr: [10.1.0.0/16, \"fd00:1::/48\"] }
  ops: { cidr: [10.2.0.0/16, \"fd00:2::/48\"] }
  lab: { cidr: [10.3.0.0/16, \"fd00:3::/48\"] }
peerings:
  app-ops: { networks: [app, ops] }
  app-lab: { networks: [app, lab] }
subnets:
  web: { network: app, cidr: [10.1.1.0/24, \"fd00:1:0:1::/64\"] }
  jobs: { network: ops, cidr: [10.2.1.0/24, \"fd00:2:0:1::/64\"] }
  benches: { network: lab, cidr: [10.3.1.0/24, \"fd00:3:0:1::/64\"] }
nodes: { one: { region: here }, two: { region: here } }
security_groups:
  open: { ingress: [{ from: all }], egress: [{ to: all }] }
workloads:
  a:
    node: one
    subnet: web
    security_groups: [open]
    interfaces:
      ops: { subnet: jobs, security_groups: [open] }
      lab: { subnet: benches, security_groups: [open] }
    attach: { serve: { tcp: 80 } }
  z: { node: two, subnet: jobs, security_groups: [open], attach: { serve: { tcp: 80 } } }
tests:
  - { from: a, to: z, port: 80/tcp, expect: allow }
  - { from: z, to: a, port: 80/tcp, expect: allow }
  - { from: z, to: a-ops, port: 80/tcp, expect: allow }
";

#[test]
fn names_are_tried_rightly_of_a_workload_in_networks_that_are_peered() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let text = home.succeed(&["lab", "up", &home.write("joined.yaml", JOINED)]);
    assert!(text.contains("4 of 4 names resolve") && text.contains("3 of 3 tests"), "{text}");
    home.succeed(&["lab", "down"]);
}
