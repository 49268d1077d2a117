//! Each sample against a real control: what it says, and what is declared and decided afterwards.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use netloom::Client;
use netloom::api::{Apply, Sources};
use netloom::network::{
    Attach, Config, Network, NetworkManager as _, Node, Peering, PortRange, PrefixList, Protocol,
    SecurityGroup, Service, ServicePort, Source, Subnet, VirtualNetwork, Workload,
};
use netloom::vpn::{
    ContainerPeerInfo, NetworkPolicy, PolicyAction, PolicyPort, PolicySelector, WireGuardManager,
    WireGuardPeer, generate_private_key, public_key,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const FILE: &str = include_str!("../clusterdb.yaml");

/// Runs a test beside a control of a new fabric that has the samples' file.
fn with_control<F: Future<Output = ()>>(name: &str, test: impl FnOnce(PathBuf) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = std::env::temp_dir().join(format!("netloom-guides-{name}-{}", std::process::id()));
    netloom_control::keys::found(&folder, "clusterdb").unwrap();
    let socket = folder.join("control.sock");
    let options = netloom_control::server::Options {
        folder: folder.clone(),
        member: "alpha".to_owned(),
        socket: socket.clone(),
        listen: "127.0.0.1:0".parse().unwrap(),
        dashboard: None,
        dashboard_hosts: Vec::new(),
        endpoints: Vec::new(),
    };
    let (sender, ready) = std::sync::mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let control = runtime.spawn(async move {
        let stop = async {
            let _ = stopped.await;
        };
        netloom_control::server::run(options, stop, move || sender.send(()).unwrap()).await
    });
    ready.recv().expect("control starts");
    runtime.block_on(async {
        let path = "clusterdb.yaml".to_owned();
        let texts = BTreeMap::from([(path.clone(), FILE.to_owned())]);
        let apply = Apply { sources: Sources { roots: vec![path], texts }, ..Apply::default() };
        Client::unix(&socket).apply(&apply).await.unwrap();
        test(socket).await;
        stop.send(()).unwrap();
        control.await.unwrap().unwrap();
    });
    runtime.shutdown_background();
    std::fs::remove_dir_all(folder).unwrap();
}

/// Runs a sample; gives what it says.
fn run(sample: &str, socket: &Path) -> String {
    let output = Command::new(sample).arg(socket).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn virtual_networks() {
    with_control("networks", |socket| async move {
        let said = run(env!("CARGO_BIN_EXE_clusterdb-virtual-networks"), &socket);
        assert!(said.contains("network app-network 10.0.0.0/16 app.local\n"), "{said}");
        assert!(said.contains("route table private-routes by nat-1\n"), "{said}");
        assert!(said.contains("subnet app-subnet-1 10.0.1.0/24 in app-network\n"), "{said}");
        let found = Client::unix(&socket).network("app-network").await.unwrap();
        assert_eq!((found.owner.as_str(), found.domain.as_str()), ("api", "app.local"));
        assert_eq!(found.subnets["app-subnet-1"], ["10.0.1.0/24"]);
        // What a subnet uses is not taken away.
        let network = Network::new(Config::unix(&socket)).unwrap();
        for error in [
            network.delete_route_table("private-routes").await.unwrap_err(),
            network.delete_nat_gateway("nat-1").await.unwrap_err(),
        ] {
            assert!(error.to_string().contains("there is no"), "{error}");
        }
    });
}

#[test]
fn network_setup() {
    with_control("setup", |socket| async move {
        let said = run(env!("CARGO_BIN_EXE_clusterdb-network-setup"), &socket);
        assert!(said.contains("subnet app-subnet in app-network\n"), "{said}");
        assert!(said.contains("route table private-routes of app-subnet\n"), "{said}");
        let client = Client::unix(&socket);
        let found = client.network("app-network").await.unwrap();
        let subnet = &found.subnet_details["app-subnet"];
        assert_eq!((subnet.route_table.as_deref(), subnet.public), (Some("private-routes"), false));
        let route = &found.route_tables["private-routes"].routes[0];
        let (to, kind, via) = (route.to.as_str(), route.kind.as_str(), route.via.as_str());
        assert_eq!((to, kind, via), ("0.0.0.0/0", "gateway", "nat-1"));
        let messages: Vec<String> =
            client.history(10).await.unwrap().into_iter().map(|one| one.message).collect();
        assert!(messages.contains(&"declare networks/app-network".to_owned()), "{messages:?}");
        // It is taken back from the outside in: what something uses stays.
        let network = Network::new(Config::unix(&socket)).unwrap();
        assert!(network.delete_route_table("private-routes").await.is_err());
        network.delete_subnet("app-subnet").await.unwrap();
        network.delete_route_table("private-routes").await.unwrap();
        network.delete_nat_gateway("nat-1").await.unwrap();
        network.delete_network("app-network").await.unwrap();
        assert!(client.networks().await.unwrap().is_empty());
    });
}

#[test]
fn network_security() {
    with_control("security", |socket| async move {
        run(env!("CARGO_BIN_EXE_clusterdb-virtual-networks"), &socket);
        let said = run(env!("CARGO_BIN_EXE_clusterdb-network-security"), &socket);
        assert!(said.contains("group web-sg\nnetwork ACL app-acl\n"), "{said}");
        // The file's own tests are decided by them, with a server and a client that files declare.
        let more = "
workloads:
  web: { node: alpha, subnet: app-subnet-1, security_groups: [web-sg], attach: { serve: { tcp: 443 } } }
  lb: { node: alpha, subnet: app-subnet-1, security_groups: [internal-lb-sg], attach: { serve: { tcp: 9 } } }
  app: { node: alpha, subnet: app-subnet-2, security_groups: [web-sg, high], attach: { serve: { tcp: 8080 } } }
security_groups: { high: { ingress: [{ protocol: tcp, ports: 8080, from: 10.0.0.0/16 }] } }
tests:
  - { from: lb, to: web, port: 80/tcp, expect: allow }
  - { from: lb, to: web, port: 443/tcp, expect: deny }
  - { from: web, to: lb, port: 9/tcp, expect: deny }
  - { from: web, to: app, port: 8080/tcp, expect: allow }
  - { from: lb, to: app, port: 80/tcp, expect: deny }
";
        let path = "clusterdb.yaml".to_owned();
        let texts = BTreeMap::from([(path.clone(), format!("{FILE}{more}"))]);
        let apply = Apply { sources: Sources { roots: vec![path], texts }, ..Apply::default() };
        Client::unix(&socket).apply(&apply).await.unwrap();
        // What is used is not taken away.
        let network = Network::new(Config::unix(&socket)).unwrap();
        let error = network.delete_security_group("web-sg").await.unwrap_err().to_string();
        assert!(error.contains("web-sg"), "{error}");
        let error = network.delete_network("app-network").await.unwrap_err().to_string();
        assert!(error.contains("disconnect"), "{error}");
    });
}

#[test]
fn blackroad_peering() {
    with_control("peering", |socket| async move {
        let said = run(env!("CARGO_BIN_EXE_blackroad-peering"), &socket);
        let id = "us-west-vpc-eu-west-vpc";
        let states = format!("peering {id} is pending\npeering {id} is active\n");
        assert!(said.contains(&states), "{said}");
        assert!(said.contains("route 10.1.0.0/16 in us-west-vpc"), "{said}");
        assert!(said.contains("refused: ") && said.contains("10.0.128.0/17"), "{said}");
        let more = "
security_groups:
  open: { ingress: [{ protocol: tcp, ports: 80, from: all }], egress: [{ to: all }] }
workloads:
  us: { node: alpha, subnet: us-west-vpc-public, security_groups: [open], attach: { serve: { tcp: 80 } } }
  eu: { node: alpha, subnet: eu-west-vpc-public, security_groups: [open], attach: { serve: { tcp: 80 } } }
  old: { node: alpha, subnet: legacy-vpc-public, security_groups: [open], attach: { serve: { tcp: 80 } } }
tests:
  - { from: us, to: eu, port: 80/tcp, expect: allow }
  - { from: eu, to: us, port: 80/tcp, expect: allow }
  - { from: eu, to: old, port: 80/tcp, expect: deny }
";
        let path = "clusterdb.yaml".to_owned();
        let texts = BTreeMap::from([(path.clone(), format!("{FILE}{more}"))]);
        let apply = Apply { sources: Sources { roots: vec![path], texts }, ..Apply::default() };
        Client::unix(&socket).apply(&apply).await.unwrap();
    });
}

#[test]
fn peerings_are_asked_for_accepted_rejected_and_ended() {
    with_control("peerings", |socket| async move {
        let network = Network::new(Config::unix(&socket)).unwrap();
        for (name, cidr) in [("a", "10.1.0.0/16"), ("b", "10.2.0.0/16"), ("c", "10.3.0.0/16")] {
            network.create_network(VirtualNetwork::new(name).with_cidr(cidr)).await.unwrap();
        }
        let asked = Peering::new("a", "b").with_id("ab").with_pending(true).with_tag("team", "x");
        let asked = network.request_peering(asked.with_manual_routes(true)).await.unwrap();
        assert_eq!((asked.id.as_str(), asked.status.as_str()), ("ab", "pending"));
        assert_eq!(
            (asked.source_cidr.as_str(), asked.target_cidr.as_str()),
            ("10.1.0.0/16", "10.2.0.0/16")
        );
        assert_eq!(network.accept_peering("ab").await.unwrap().status, "active");
        let declared =
            || async { network.client().network("b").await.unwrap().peerings["ab"].clone() };
        assert_eq!(
            (declared().await.routes.as_str(), declared().await.tags["team"].as_str()),
            ("manual", "x")
        );
        network.update_routes(&asked).await.unwrap();
        assert_eq!(declared().await.routes, "auto");
        network.create_peering("b", "c").await.unwrap();
        assert_eq!(network.reject_peering("b-c").await.unwrap().status, "rejected");
        let all = network.list_peerings().await.unwrap();
        let all: Vec<_> = all.iter().map(|one| (one.id.as_str(), one.status.as_str())).collect();
        assert_eq!(all, [("ab", "active"), ("b-c", "rejected")]);
        network.delete_peering("ab").await.unwrap();
        let gone = network.accept_peering("ab").await.unwrap_err().to_string();
        assert!(gone.contains("no peering `ab`") && gone.contains("inspect"), "{gone}");
    });
}

#[test]
fn prefix_lists_and_named_ports_are_what_rules_say() {
    with_control("named", |socket| async move {
        let network = Network::new(Config::unix(&socket)).unwrap();
        let office = PrefixList::new("office").with_entry("203.0.113.0/24").with_max_entries(4);
        network.create_prefix_list(office.clone()).await.unwrap();
        network.create_service_port(ServicePort::new("web", 8080, Protocol::TCP)).await.unwrap();
        let named = PortRange::Named("web");
        let group = SecurityGroup::new("web-sg").with_ingress(
            Protocol::TCP,
            named,
            Source::PrefixList("office"),
        );
        network.create_security_group(group).await.unwrap();
        network.update_prefix_list(office.with_entry("198.51.100.0/24")).await.unwrap();
        let error = network.delete_prefix_list("office").await.unwrap_err().to_string();
        assert!(error.contains("office"), "{error}");
        let error = network.delete_service_port("web").await.unwrap_err().to_string();
        assert!(error.contains("web"), "{error}");
        network.delete_security_group("web-sg").await.unwrap();
        network.delete_prefix_list("office").await.unwrap();
        network.delete_service_port("web").await.unwrap();
    });
}

#[test]
fn what_is_wrong_is_told_with_its_cure() {
    with_control("wrong", |socket| async move {
        let network = Network::new(Config::unix(&socket)).unwrap();
        let vpc = |name, cidr| VirtualNetwork::new(name).with_cidr(cidr);
        network.create_network(vpc("one", "10.0.0.0/16")).await.unwrap();
        network.create_network(vpc("two", "10.0.0.0/16")).await.unwrap();
        let again = network.create_network(vpc("one", "10.5.0.0/16")).await;
        assert!(again.unwrap_err().to_string().contains("choose another name"));
        let zones = vpc("three", "10.3.0.0/16").with_zones(vec!["us-east-1a"]);
        let error = network.create_network(zones).await.unwrap_err().to_string();
        assert!(error.contains("us-east-1a") && error.contains("in the file"), "{error}");
        let error = network.create_network(vpc("four", "10.0.0/16")).await.unwrap_err().to_string();
        assert!(error.contains("10.0.0/16"), "{error}");
        let subnet = Subnet::new("s").with_cidr("10.0.1.0/24");
        let error = network.create_subnet(subnet.clone()).await.unwrap_err().to_string();
        assert!(error.contains("one, two") && error.contains("name its network"), "{error}");
        let inside = network.create_subnet(subnet.with_network("two")).await.unwrap();
        assert_eq!(inside.network, "two");
        let over = Subnet::new("t").with_network("two").with_cidr("10.0.1.128/25");
        let error = network.create_subnet(over).await.unwrap_err().to_string();
        assert!(error.contains("10.0.1.0/24"), "{error}");
        let elsewhere = Subnet::new("u").with_cidr("172.16.0.0/24");
        let error = network.create_subnet(elsewhere).await.unwrap_err().to_string();
        assert!(error.contains("in none"), "{error}");
        let backwards = SecurityGroup::new("g").with_ingress(
            Protocol::TCP,
            PortRange::Range(9, 1),
            Source::SecurityGroup("nobody"),
        );
        let error = network.create_security_group(backwards).await.unwrap_err().to_string();
        assert!(error.contains("9-1") && error.contains("nobody"), "{error}");
        assert!(network.delete_subnet("nowhere").await.is_err());
        assert_eq!(network.list_networks().await.unwrap().len(), 2, "nothing else was made");
    });
}

#[test]
fn nodes_workloads_and_services_by_builders() {
    with_control("members", |socket| async move {
        run(env!("CARGO_BIN_EXE_clusterdb-virtual-networks"), &socket);
        run(env!("CARGO_BIN_EXE_clusterdb-network-security"), &socket);
        let network = Network::new(Config::unix(&socket)).unwrap();
        let error =
            network.create_node(Node::new("beta", "nowhere")).await.unwrap_err().to_string();
        assert!(error.contains("nowhere"), "{error}");
        network.create_node(Node::new("beta", "us-west").with_tag("edge")).await.unwrap();
        let web = Workload::new("web", "beta", "app-subnet-1", Attach::ServeHttp(443))
            .with_security_group("web-sg")
            .with_label("app", "shop");
        network.create_workload(web.clone()).await.unwrap();
        let again = network.create_workload(web).await.unwrap_err().to_string();
        assert!(again.contains("web"), "{again}");
        let service = Service::new("shop", 443).with_select("app", "shop");
        network.create_service(service).await.unwrap();
        let status = network.client().status().await.unwrap();
        assert_eq!(status.nodes["beta"].state, "not joined");
        assert!(status.workloads.contains_key("web"), "{:?}", status.workloads.keys());
        // A node goes after what it runs.
        assert!(network.delete_node("beta").await.unwrap_err().to_string().contains("beta"));
        network.delete_service("shop").await.unwrap();
        network.delete_workload("web").await.unwrap();
        network.delete_node("beta").await.unwrap();
        let status = network.client().status().await.unwrap();
        assert!(!status.nodes.contains_key("beta") && !status.workloads.contains_key("web"));
    });
}

#[test]
fn bolt_wireguard() {
    with_control("bolt", |socket| async move {
        let keys = socket.with_file_name("keys");
        let output = Command::new(env!("CARGO_BIN_EXE_bolt-wireguard"))
            .args([&socket, &keys])
            .output()
            .unwrap();
        let (said, errors) = (String::from_utf8_lossy(&output.stdout), &output.stderr);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(errors));
        assert!(said.contains("peer peer1 10.0.0.2 by alpha\n"), "{said}");
        // The key is in a file for its owner alone, and not with control.
        let file = keys.join("wg0/private.key");
        let key = std::fs::read_to_string(&file).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
        assert_eq!((key.trim().len(), mode & 0o777), (44, 0o600));
        let client = Client::unix(&socket);
        let peer = client.peer("peer1").await.unwrap();
        assert_eq!(peer.own_endpoint.as_deref(), Some("peer1.example.com:51820"));
        assert_eq!(peer.resolvers, ["10.0.0.253"], "the first addresses are the peers'");
        let status = client.status().await.unwrap();
        assert_eq!(status.workloads["wg0-host"].addresses, ["10.0.0.1"]);
    });
}

/// A container of the frontend, and a key for it.
fn container(
    id: &str,
    last: u8,
    policies: Vec<NetworkPolicy>,
) -> (ContainerPeerInfo, WireGuardPeer) {
    let info = ContainerPeerInfo {
        container_id: id.to_owned(),
        namespace: "frontend".to_owned(),
        assigned_ip: [10, 244, 1, last].into(),
        labels: Default::default(),
        policies,
    };
    let key = public_key(&generate_private_key().unwrap()).unwrap();
    (info, WireGuardPeer { public_key: key, ..WireGuardPeer::default() })
}

#[test]
fn gquic_wireguard() {
    with_control("gquic", |socket| async move {
        let said = run(env!("CARGO_BIN_EXE_gquic-wireguard"), &socket);
        assert!(said.contains("interface gquic-wg0\npeer 10.0.0.2 in gquic-wg0\n"), "{said}");
        assert!(said.contains("refused: there is no session over WireGuard and QUIC"), "{said}");
        assert!(said.contains("container container-abc123 10.244.1.100\n"), "{said}");
        let client = Client::unix(&socket);
        let peer = client.peer("container-abc123").await.unwrap();
        assert_eq!(peer.security_groups, ["container-abc123-policy", "containers-default"]);
        // Another one of a namespace that is known already.
        let manager = WireGuardManager::new(Config::unix(&socket), "alpha");
        let (second, key) = container("second", 101, Vec::new());
        manager.add_container_peer("containers", second, key).await.unwrap();
        // One whose policy names addresses that it may call.
        let block = Some("10.244.1.96/28".to_owned());
        let only = NetworkPolicy {
            name: "only-out".to_owned(),
            from: Vec::new(),
            to: vec![PolicySelector { ip_block: block, ..PolicySelector::default() }],
            ports: vec![PolicyPort { port: 8080, protocol: "TCP".to_owned() }],
            action: PolicyAction::Allow,
        };
        let (third, key) = container("third", 102, vec![only]);
        manager.add_container_peer("containers", third, key).await.unwrap();
        // The policy decides: the frontend's containers at one port, and nobody else.
        let more = "
workloads:
  front: { node: alpha, subnet: containers, security_groups: [containers-frontend, out], attach: { serve: { tcp: 9 } } }
  other: { node: alpha, subnet: containers, security_groups: [out], attach: { serve: { tcp: 9 } } }
  wide: { node: alpha, subnet: containers, address: 10.244.1.120, security_groups: [wide], attach: { serve: { tcp: 8080 } } }
security_groups:
  out: { egress: [{ to: all }] }
  wide: { ingress: [{ from: all }] }
tests:
  - { from: front, to: container-abc123, port: 8080/tcp, expect: allow }
  - { from: second, to: container-abc123, port: 8080/tcp, expect: allow }
  - { from: front, to: container-abc123, port: 8081/tcp, expect: deny }
  - { from: other, to: container-abc123, port: 8080/tcp, expect: deny }
  - { from: third, to: container-abc123, port: 8080/tcp, expect: allow }
  - { from: third, to: wide, port: 8080/tcp, expect: deny }
  - { from: front, to: wide, port: 8080/tcp, expect: allow }
";
        let apply = |more: &str| {
            let path = "clusterdb.yaml".to_owned();
            let texts = BTreeMap::from([(path.clone(), format!("{FILE}{more}"))]);
            Apply { sources: Sources { roots: vec![path], texts }, ..Apply::default() }
        };
        client.apply(&apply(more)).await.unwrap();
        // Its labels are the workload's: a promise about who has them is a promise about it.
        for label in ["app: web-server", "container: container-abc123", "namespace: default"] {
            let to = format!("{{ labels: {{ {label}, version: v1.0 }} }}");
            let of = |expect| {
                format!("{more}  - {{ from: other, to: {to}, port: 8080/tcp, expect: {expect} }}\n")
            };
            let error = client.apply(&apply(&of("allow"))).await.unwrap_err().to_string();
            assert!(error.contains("do not hold"), "{label}: {error}");
            client.apply(&apply(&of("deny"))).await.unwrap();
        }
    });
}
