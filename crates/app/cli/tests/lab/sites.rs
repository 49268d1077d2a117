//! Edge sites with one and the same LAN prefix, each mapped to a prefix of its own, at the same time.

use super::inside::{Flow, Place, folder, is_explained, start_again, stream};
use super::*;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};

const SITES: &str = "
version: 1
fabric: sites
regions:
  hub: {}
  home: { nat: true, networks: [192.168.4.0/24, \"fd00:44::/64\"] }
  cabin: { networks: [192.168.4.0/24, \"fd00:44::/64\"] }
networks: { app: { cidr: [10.1.0.0/16, \"fd00:1::/48\"] } }
subnets:
  web: { network: app, cidr: [10.1.1.0/24, \"fd00:1:0:1::/64\"] }
  guarded: { network: app, cidr: [10.1.2.0/24, \"fd00:1:0:2::/64\"], network_acl: no-home }
network_acls:
  no-home:
    network: app
    ingress: [{ rule: 100, action: allow, protocol: all, from: [0.0.0.0/0, \"::/0\"] }]
    egress:
      - { rule: 50, action: deny, protocol: all, to: [10.204.1.0/24, \"fd00:a1::/64\"] }
      - { rule: 100, action: allow, protocol: all, to: [0.0.0.0/0, \"::/0\"] }
nodes:
  one: { region: hub }
  pi-home:
    region: home
    advertise:
      - { cidr: 192.168.4.0/24, as: 10.204.1.0/24, networks: [app] }
      - { cidr: \"fd00:44::/64\", as: \"fd00:a1::/64\", networks: [app] }
  pi-cabin:
    region: cabin
    advertise:
      - { cidr: 192.168.4.0/24, as: 10.204.2.0/24, networks: [app] }
      - { cidr: \"fd00:44::/64\", as: \"fd00:a2::/64\", networks: [app] }
security_groups:
  open: { ingress: [{ from: all }], egress: [{ to: all }] }
  home-only: { ingress: [{ from: all }], egress: [{ to: [10.204.1.0/24, \"fd00:a1::/64\"] }] }
workloads:
  anyone: { node: one, subnet: web, security_groups: [open], address: [10.1.1.10, \"fd00:1:0:1::10\"], attach: { serve: { tcp: 80 } } }
  kept: { node: one, subnet: web, security_groups: [home-only], address: [10.1.1.11, \"fd00:1:0:1::11\"], attach: { serve: { tcp: 80 } } }
  guarded: { node: one, subnet: guarded, security_groups: [open], address: [10.1.2.12, \"fd00:1:0:2::12\"], attach: { serve: { tcp: 80 } } }
  beside: { node: pi-home, subnet: web, security_groups: [open], address: [10.1.1.13, \"fd00:1:0:1::13\"], attach: { serve: { tcp: 80 } } }
";

/// The host of a site's LAN: the same address in each.
fn host(lab: &Path, site: &str) -> Place {
    let node = format!("node-pi-{site}");
    let pi = Place::of_ground(lab, &node, "eth0", &[]);
    let cable = [["192.168.4.254/25", "192.168.4.200/25"], ["fd00:44::1/64", "fd00:44::200/64"]];
    pi.host_behind(lab, site, 1500, &cable)
}

/// Answers each connection with a name until nobody is left to ask.
fn say_name(place: &Place, ipv6: bool) {
    let address = SocketAddr::new(place.address(ipv6), PORT);
    let listener = place.run(|| TcpListener::bind(address)).unwrap();
    let name = place.name.clone();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let _ = connection.and_then(|mut stream| stream.write_all(name.as_bytes()));
        }
    });
}

const PORT: u16 = 7000;

fn call(from: &Place, to: IpAddr, port: u16) -> Option<TcpStream> {
    let target = SocketAddr::new(to, port);
    from.run(|| TcpStream::connect_timeout(&target, Duration::from_secs(2))).ok()
}

fn name_of(mut stream: TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut name = String::new();
    stream.read_to_string(&mut name).unwrap();
    name
}

fn mapped(site: &str, ipv6: bool) -> IpAddr {
    let text = match (site, ipv6) {
        ("home", false) => "10.204.1.200",
        ("home", true) => "fd00:a1::200",
        (_, false) => "10.204.2.200",
        (_, true) => "fd00:a2::200",
    };
    text.parse().unwrap()
}

#[test]
fn inside() {
    let Some(lab) = folder() else { return };
    let workload =
        |name, node, addresses: &[&str]| Place::of_workload(&lab, ("sites", node, name), addresses);
    let callers = [
        (workload("anyone", "one", &["10.1.1.10", "fd00:1:0:1::10"]), [true, true]),
        (workload("kept", "one", &["10.1.1.11", "fd00:1:0:1::11"]), [true, false]),
        (workload("guarded", "one", &["10.1.2.12", "fd00:1:0:2::12"]), [false, true]),
        (workload("beside", "pi-home", &["10.1.1.13", "fd00:1:0:1::13"]), [true, true]),
    ];
    let hosts = ["home", "cabin"].map(|site| host(&lab, site));
    for ipv6 in [false, true] {
        hosts.iter().for_each(|host| say_name(host, ipv6));
        for (caller, passes) in &callers {
            // Both are open before either is read.
            let calls = ["home", "cabin"].map(|site| call(caller, mapped(site, ipv6), PORT));
            for ((site, stream), passes) in ["home", "cabin"].into_iter().zip(calls).zip(*passes) {
                let to = mapped(site, ipv6);
                let said = stream.map(name_of);
                let what = format!("{} calls {to}", caller.name);
                assert_eq!(said.as_deref(), passes.then_some(site), "{what}");
                let asked = SocketAddr::new(to, PORT).to_string();
                assert_eq!(is_explained(&lab, "sites", &caller.name, &asked), passes, "{what}");
            }
        }
        let anyone = &callers[0].0;
        for (host, site) in hosts.iter().zip(["home", "cabin"]) {
            let to = mapped(site, ipv6);
            stream(anyone, host, to);
            Flow::begin(anyone, host, to).takes_all_or_tells(&[1200, 1420, 1500]);
            // What is there is called and answers, and begins nothing.
            let own = anyone.address(ipv6);
            assert!(call(host, own, 80).is_none(), "{site} calls {own}");
            assert!(
                !is_explained(&lab, "sites", &to.to_string(), "anyone:80/tcp"),
                "{site} calls {own}"
            );
            // Its own address is none of the fabric's.
            let bare = host.address(ipv6);
            assert!(call(anyone, bare, PORT).is_none(), "{bare}");
            let asked = SocketAddr::new(bare, PORT).to_string();
            assert!(!is_explained(&lab, "sites", "anyone", &asked), "{bare}");
        }
    }
}

#[test]
fn two_sites_with_one_prefix_are_used_at_once_each_by_its_own() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    home.succeed(&["lab", "up", &home.write("sites.yaml", SITES)]);
    start_again(&home, "sites", "sites::inside");
    home.succeed(&["lab", "down"]);
}
