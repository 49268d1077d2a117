//! Hosts behind a workload that forwards: called and answering, and what becomes of their own calls.

use super::inside::{Flow, Place, folder, is_explained, start_again, stream};
use super::*;
use std::net::{IpAddr, SocketAddr, TcpStream};

const FORWARDING: &str = "
version: 1
fabric: forwarding
regions: { here: {} }
networks: { app: { cidr: [10.1.0.0/16, \"fd00:1::/48\"] } }
route_tables:
  boxed:
    network: app
    routes:
      - { to: 10.99.0.0/24, via: { workload: box } }
      - { to: \"fd00:99::/64\", via: { workload: box } }
subnets:
  web: { network: app, cidr: [10.1.1.0/24, \"fd00:1:0:1::/64\"], route_table: boxed }
nodes: { one: { region: here }, two: { region: here } }
security_groups:
  open: { ingress: [{ from: all }], egress: [{ to: all }] }
workloads:
  a: { node: one, subnet: web, security_groups: [open], address: [10.1.1.10, \"fd00:1:0:1::10\"], attach: { serve: { tcp: 80 } } }
  b: { node: two, subnet: web, security_groups: [open], address: [10.1.1.11, \"fd00:1:0:1::11\"], attach: { serve: { tcp: 80 } } }
  box: { node: two, subnet: web, security_groups: [open], address: [10.1.1.12, \"fd00:1:0:1::12\"], attach: { serve: { tcp: 80 } } }
";

fn calls(from: &Place, to: IpAddr) -> bool {
    let target = SocketAddr::new(to, 80);
    from.run(|| TcpStream::connect_timeout(&target, Duration::from_secs(2))).is_ok()
}

#[test]
fn inside() {
    let Some(lab) = folder() else { return };
    let workload = |name, node, addresses: &[&str]| {
        Place::of_workload(&lab, ("forwarding", node, name), addresses)
    };
    let a = workload("a", "one", &["10.1.1.10", "fd00:1:0:1::10"]);
    let b = workload("b", "two", &["10.1.1.11", "fd00:1:0:1::11"]);
    let router = workload("box", "two", &["10.1.1.12", "fd00:1:0:1::12"]);
    router.run(|| {
        for switch in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
            std::fs::write(format!("/proc/sys/net/{switch}"), "1").unwrap();
        }
    });
    let pair = [["10.99.0.1/24", "10.99.0.10/24"], ["fd00:99::1/64", "fd00:99::10/64"]];
    let behind = router.host_behind(&lab, "behind", 1300, &pair);
    for ipv6 in [false, true] {
        let at = behind.address(ipv6);
        for caller in [&a, &b] {
            stream(caller, &behind, at);
            Flow::begin(caller, &behind, at).takes_all_or_tells(&[1280, 1300, 1400, 1420]);
            let asked = SocketAddr::new(at, 80).to_string();
            assert!(is_explained(&lab, "forwarding", &caller.name, &asked), "{at}");
            let own = caller.address(ipv6);
            let back = format!("{}:80/tcp", caller.name);
            assert!(!calls(&behind, own), "{at} calls {own}");
            assert!(!is_explained(&lab, "forwarding", &at.to_string(), &back), "{at} calls {own}");
        }
        // Its router does not stop it.
        assert!(calls(&behind, router.address(ipv6)), "{at} calls its router");
    }
}

#[test]
fn hosts_behind_a_workload_are_called_and_answer_and_begin_nothing() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let file = home.write("forwarding.yaml", FORWARDING);
    home.succeed(&["lab", "up", &file]);
    start_again(&home, "forwarding", "forwarder::inside");
    home.succeed(&["lab", "down"]);
    for from in ["10.99.0.10", "fd00:99::10"] {
        let said = home.run(&["explain", from, "a:80/tcp", "-f", &file]);
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let reason = format!("{from} is behind `box`: what is there is called and answers");
        assert!(said.contains(&reason) && !said.contains("publish"), "{said}");
    }
}
