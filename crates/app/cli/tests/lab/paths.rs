//! What the ways take out of a network, into another and behind a node: found, told, and nothing lost.

use super::inside::{Flow, Place, folder, start_again, stream};
use super::*;

const PATHS: &str = "
version: 1
fabric: paths
regions: { here: {} }
networks:
  app: { cidr: [10.1.0.0/16, \"fd00:1::/48\"], mtu: 8920 }
  ops: { cidr: [10.2.0.0/16, \"fd00:2::/48\"], mtu: 8000 }
  far: { cidr: [10.3.0.0/16, \"fd00:3::/48\"], mtu: 1420 }
peerings:
  app-ops: { networks: [app, ops] }
  app-far: { networks: [app, far] }
internet_gateways: { out: { network: app, nodes: [edge] } }
nat_gateways: { nat: { network: app, nodes: [edge] } }
route_tables:
  out:
    network: app
    routes:
      - { to: \"::/0\", via: { internet_gateway: out } }
      - { to: 0.0.0.0/0, via: { nat_gateway: nat } }
      - { to: 192.168.4.0/24, via: { node: pi } }
      - { to: \"fd00:44::/48\", via: { node: pi } }
subnets:
  web: { network: app, cidr: [10.1.1.0/24, \"fd00:1:0:1::/64\"], route_table: out }
  jobs: { network: ops, cidr: [10.2.1.0/24, \"fd00:2:0:1::/64\"] }
  old: { network: far, cidr: [10.3.1.0/24, \"fd00:3:0:1::/64\"] }
nodes:
  one: { region: here }
  two: { region: here }
  edge: { region: here }
  pi: { region: here, advertise: [{ cidr: 192.168.4.0/24, networks: [app] }, { cidr: \"fd00:44::/48\", networks: [app] }] }
security_groups:
  open: { ingress: [{ from: all }], egress: [{ to: all }] }
workloads:
  a: { node: one, subnet: web, security_groups: [open], attach: { serve: { tcp: 80 } } }
  b: { node: two, subnet: web, security_groups: [open], attach: { serve: { tcp: 80 } } }
  c: { node: two, subnet: jobs, security_groups: [open], attach: { serve: { tcp: 80 } } }
  d: { node: two, subnet: old, security_groups: [open], attach: { serve: { tcp: 80 } } }
";

const SIZES: [usize; 8] = [1200, 1280, 1400, 1420, 1500, 3000, 8000, 8900];

/// The places of the lab, as this program finds them inside.
struct World {
    lab: PathBuf,
    a: Place,
    b: Place,
    c: Place,
    d: Place,
    internet: Place,
}

impl World {
    fn found() -> Option<Self> {
        let lab = folder()?;
        let workload = |name, node, addresses: &[&str]| {
            Place::of_workload(&lab, ("paths", node, name), addresses)
        };
        let internet = ["203.0.113.1", "2001:db8::1"];
        Some(Self {
            a: workload("a", "one", &["10.1.1.4", "fd00:1:0:1::4"]),
            b: workload("b", "two", &["10.1.1.5", "fd00:1:0:1::5"]),
            c: workload("c", "two", &["10.2.1.4", "fd00:2:0:1::4"]),
            d: workload("d", "two", &["10.3.1.4", "fd00:3:0:1::4"]),
            internet: Place::of_ground(&lab, "internet", "r-here", &internet),
            lab,
        })
    }

    fn node(&self, name: &str) -> Place {
        Place::of_ground(&self.lab, &format!("node-{name}"), "eth0", &[])
    }

    /// Hosts in the LAN of the node `pi`, each at a cable that takes other packets.
    fn lan(&self) -> [Place; 3] {
        let pi = self.node("pi");
        let cables = [
            (
                "small",
                1280,
                ["192.168.4.1/26", "192.168.4.10/26"],
                ["fd00:44::1/64", "fd00:44::10/64"],
            ),
            (
                "usual",
                1500,
                ["192.168.4.65/26", "192.168.4.70/26"],
                ["fd00:44:0:1::1/64", "fd00:44:0:1::10/64"],
            ),
            (
                "jumbo",
                9000,
                ["192.168.4.129/26", "192.168.4.140/26"],
                ["fd00:44:0:2::1/64", "fd00:44:0:2::10/64"],
            ),
        ];
        cables.map(|(name, mtu, v4, v6)| pi.host_behind(&self.lab, name, mtu, &[v4, v6]))
    }

    /// The places that the workload `a` calls over each of the ways that there are.
    fn all_ways(&self, lan: &[Place; 3]) {
        for to in [&self.b, &self.internet, &self.c, &self.d].into_iter().chain(lan) {
            self.way(&self.a, to);
        }
    }

    /// Streams and datagrams of all sizes between two places, over both families.
    fn way(&self, from: &Place, to: &Place) {
        for ipv6 in [false, true] {
            let at = to.address(ipv6);
            stream(from, to, at);
            Flow::begin(from, to, at).takes_all_or_tells(&SIZES);
            stream(from, to, at);
        }
    }
}

#[test]
fn inside_large() {
    let Some(world) = World::found() else { return };
    world.all_ways(&world.lan());
    let far = world.internet.host_behind(
        &world.lab,
        "far",
        9000,
        &[["198.51.100.1/24", "198.51.100.10/24"], ["2001:db8:9::1/64", "2001:db8:9::10/64"]],
    );
    world.way(&world.a, &far);
    // Who calls from outside is told as well.
    let at = world.a.address(true);
    stream(&far, &world.a, at);
    Flow::begin(&far, &world.a, at).takes_all_or_tells(&SIZES);
}

const BESIDE: &str = "
  e: { node: edge, subnet: web, security_groups: [open], address: [10.1.1.20, \"fd00:1:0:1::20\"], attach: { serve: { tcp: 80 } } }
  p: { node: pi, subnet: web, security_groups: [open], address: [10.1.1.21, \"fd00:1:0:1::21\"], attach: { serve: { tcp: 80 } } }
";

/// Both ends, or an end and the way out, are on one node.
#[test]
fn inside_beside() {
    let Some(world) = World::found() else { return };
    let workload = |name, node, addresses: &[&str]| {
        Place::of_workload(&world.lab, ("paths", node, name), addresses)
    };
    let at_gateway = workload("e", "edge", &["10.1.1.20", "fd00:1:0:1::20"]);
    world.way(&at_gateway, &world.internet);
    let at_site = workload("p", "pi", &["10.1.1.21", "fd00:1:0:1::21"]);
    for host in &world.lan() {
        world.way(&at_site, host);
        world.way(&at_gateway, host);
    }
    for peered in [&world.c, &world.d] {
        world.way(&world.b, peered);
        world.way(peered, &at_gateway);
    }
}

/// The underlay of three nodes is narrower than the networks are, and says nothing.
#[test]
fn inside_narrow() {
    let Some(world) = World::found() else { return };
    for node in ["two", "edge", "pi"] {
        world.node(node).takes("eth0", 1400);
        Place::of_ground(&world.lab, "router-here", "wan0", &[]).takes(&format!("n-{node}"), 1400);
    }
    world.all_ways(&world.lan());
}

/// The gateway's node has a narrower link to the internet than to other nodes.
#[test]
fn inside_outside() {
    let Some(mut world) = World::found() else { return };
    let edge = world.node("edge");
    edge.cable(
        &world.internet,
        "wan1",
        1360,
        &[["198.51.100.1/24", "198.51.100.2/24"], ["2001:db8:9::1/64", "2001:db8:9::2/64"]],
    );
    edge.route("203.0.113.1/32", "wan1", "198.51.100.2");
    edge.route("2001:db8::1/128", "wan1", "2001:db8:9::2");
    world.internet.route("fd00:1:0:1::/64", "wan1", "2001:db8:9::1");
    world.internet.link = "wan1".to_owned();
    world.way(&world.a, &world.internet);
}

fn try_inside(text: &str, test: &str) {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    home.succeed(&["lab", "up", &home.write("paths.yaml", text)]);
    start_again(&home, "paths", test);
    home.succeed(&["lab", "down"]);
}

/// The same networks with packets of the usual size.
fn usual() -> String {
    PATHS.replace(", mtu: 8920", "").replace(", mtu: 8000", "").replace(", mtu: 1420", "")
}

#[test]
fn large_packets_arrive_on_every_way_or_their_senders_are_told() {
    try_inside(PATHS, "paths::inside_large");
}

#[test]
fn packets_that_stay_on_a_node_or_leave_there_arrive_or_their_senders_are_told() {
    try_inside(&format!("{PATHS}{BESIDE}"), "paths::inside_beside");
}

#[test]
fn packets_arrive_over_a_narrow_underlay_on_every_way_or_their_senders_are_told() {
    try_inside(&usual(), "paths::inside_narrow");
}

#[test]
fn what_a_gateways_link_outside_does_not_take_is_told() {
    try_inside(PATHS, "paths::inside_outside");
    try_inside(&usual(), "paths::inside_outside");
}

#[test]
fn a_gateways_node_tells_too_where_its_own_stack_is_in_a_network() {
    for subnet in ["web", "jobs", "old"] {
        let stack = "s: { node: edge, security_groups: [open], attach: host, subnet:";
        try_inside(&format!("{}  {stack} {subnet} }}\n", usual()), "paths::inside_outside");
    }
}
