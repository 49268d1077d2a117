//! What is tried of two ends, and when packets and policy count as of one mind.

use super::*;
use crate::keys::{ControlKeys, found};
use crate::office::Office;
use crate::proposal::Origin;
use netloom_store::{RedbBackend, Store};
use std::sync::Arc;

const FILE: &str = "\
version: 1
fabric: shop
regions: { here: {} }
networks: { app: { cidr: [10.1.0.0/16] }, six: { cidr: [\"fd00:6::/48\"] } }
subnets:
  one: { network: app, cidr: 10.1.1.0/24 }
  far: { network: six, cidr: \"fd00:6:0:1::/64\" }
nodes: { alpha: { region: here, roles: [control] }, beta: { region: here } }
ports: { postgres: { port: 5432, protocol: tcp } }
security_groups:
  web: { egress: [{ to: all, protocol: all }] }
  db: { ingress: [{ from: { security_group: web }, ports: 5432, protocol: tcp }] }
workloads:
  web: { node: beta, subnet: one, security_groups: [web], attach: { serve: { http: 80 } } }
  db: { node: beta, subnet: one, security_groups: [db], attach: { serve: { tcp: 5432, udp: 53 } } }
  six: { node: alpha, subnet: far, security_groups: [web], attach: { serve: { http: 80 } } }
  phone: { node: alpha, subnet: one, security_groups: [web], attach: { wireguard: {} } }
";

/// Asks about the file above, with what an office makes of it.
fn with_world(test: impl FnOnce(&World)) {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("netloom-connectivity-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    found(&folder, "shop").unwrap();
    let keys = ControlKeys::read(&folder).unwrap();
    let store = Store::open(RedbBackend::open(folder.join("store.redb")).unwrap()).unwrap();
    let office =
        Office::open(store, Box::new(move |bytes| keys.signing.sign(bytes)), Box::new(|_| {}));
    let office = office.unwrap();
    let declared = crate::declared::Declared {
        roots: vec!["shop.yaml".to_owned()],
        texts: [("shop.yaml".to_owned(), FILE.to_owned())].into(),
        api: None,
    };
    office.apply(|_| declared.clone(), &Origin::default(), None).unwrap();
    let world: Arc<World> = office.world();
    test(&world);
    drop(office);
    std::fs::remove_dir_all(folder).unwrap();
}

fn asked(from: &str, to: &str, flows: &[&str]) -> TestConnectivity {
    let flows = flows.iter().map(|flow| (*flow).to_owned()).collect();
    TestConnectivity { from: from.to_owned(), to: to.to_owned(), flows }
}

#[test]
fn the_senders_node_tries_what_is_named_or_what_the_other_end_serves() {
    with_world(|world| {
        let question = Question::new(world, &asked("web", "db", &["postgres", "53/udp", "22"]));
        let question = question.unwrap();
        assert_eq!(question.node, "beta");
        let address = world.leases.workloads["db"][0];
        let port = 5432;
        let trials = [
            Trial::Tcp { address, port },
            Trial::Udp { address, port: 53 },
            Trial::Tcp { address, port: 22 },
        ];
        assert_eq!(question.trials, trials);
        let known = Question::new(world, &asked("web", "db", &[])).unwrap();
        let served = [trials[0], trials[1], Trial::Echo { address }];
        assert_eq!(known.trials.iter().collect::<BTreeSet<_>>(), served.iter().collect());
    });
}

#[test]
fn explain_is_compared_flow_by_flow() {
    with_world(|world| {
        let question = Question::new(world, &asked("web", "db", &["5432", "22", "53/udp"]));
        let question = question.unwrap();
        let detail = String::new;
        let compared = question.compare(&[
            Seen::Silent { detail: detail() },
            Seen::Stopped { detail: detail() },
            Seen::Answered { detail: detail() },
        ]);
        let compared = compared.unwrap();
        let agrees: Vec<_> = compared.iter().map(|one| (one.allowed, one.agrees)).collect();
        let (wrong, right) = (Some(false), Some(true));
        assert_eq!(agrees, [(true, wrong), (false, right), (false, wrong)]);
        assert!(compared[1].obstacle.as_ref().unwrap().contains("shop.yaml:"), "{compared:?}");
        assert_eq!(compared[2].flow, "53/udp");
        assert!(question.compare(&[]).is_none(), "an answer to something else");
    });
}

#[test]
fn silence_counts_only_where_somebody_has_to_answer() {
    let detail = String::new;
    let (silent, stopped) = (Seen::Silent { detail: detail() }, Seen::Stopped { detail: detail() });
    let refused = Seen::Refused { detail: detail() };
    let untried = Seen::Untried { detail: detail() };
    for (allowed, seen, protocol, is_outside, expected) in [
        (true, &refused, Protocol::Tcp, false, Some(true)),
        (false, &refused, Protocol::Tcp, false, Some(false)),
        (true, &silent, Protocol::Tcp, false, Some(false)),
        (true, &silent, Protocol::Icmp, false, Some(false)),
        (true, &silent, Protocol::Udp, false, None),
        (true, &stopped, Protocol::Udp, false, Some(false)),
        (true, &silent, Protocol::Tcp, true, None),
        (true, &stopped, Protocol::Tcp, true, None),
        (false, &silent, Protocol::Udp, true, Some(true)),
        (false, &untried, Protocol::Tcp, false, None),
    ] {
        let found = agrees(allowed, seen, protocol, is_outside);
        assert_eq!(found, expected, "{allowed} {seen:?} {protocol:?} {is_outside}");
    }
}

#[test]
fn what_cannot_be_tried_is_refused_with_its_cure() {
    with_world(|world| {
        for (from, to, flows, words) in [
            ("wep", "db", &["icmp"][..], "did you mean `web`"),
            ("web", "nobody", &["icmp"], "no workload or node `nobody`"),
            ("phone", "db", &["icmp"], "no node can send as it"),
            ("internet", "db", &["icmp"], "no node can send as somebody outside"),
            ("web", "internet", &["icmp"], "to the internet as a whole"),
            ("web", "web", &["icmp"], "cannot be called"),
            ("web", "db", &["5432/sctp"], "is not a protocol"),
            ("web", "db", &["0/tcp"], "is not a port"),
            ("web", "six", &["80/tcp"], "no address of a common family"),
        ] {
            let refused = Question::new(world, &asked(from, to, flows)).unwrap_err();
            assert!(refused.message.contains(words), "{refused:?}");
            assert!(!refused.solution.is_empty(), "{refused:?}");
        }
        let outside = Question::new(world, &asked("web", "internet", &["53/udp"])).unwrap_err();
        let instead = "netloom network test-connectivity web 203.0.113.1 53/udp";
        assert!(outside.solution.contains(instead), "{outside:?}");
        let many: Vec<String> = (1..=65).map(|port| format!("{port}/tcp")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let refused = Question::new(world, &asked("web", "db", &many)).unwrap_err();
        assert!(refused.message.contains("65 flows"), "{refused:?}");
        let outside = Question::new(world, &asked("web", "192.0.2.9", &["443"])).unwrap();
        assert!(outside.is_outside);
        assert!(!Question::new(world, &asked("web", "10.1.1.9", &["443"])).unwrap().is_outside);
    });
}

#[test]
fn an_address_that_nobody_has_is_refused_with_the_reason() {
    with_world(|world| {
        for (to, message, solution) in [
            ("127.0.0.1", "loopback", "name the workload"),
            ("ff02::1", "multicast", "name one workload"),
            ("::ffff:10.1.1.4", "IPv4 written as IPv6", "write 10.1.1.4"),
        ] {
            let refused = Question::new(world, &asked("web", to, &["80/tcp"])).unwrap_err();
            assert!(refused.message.contains(message), "{refused:?}");
            assert!(refused.solution.contains(solution), "{refused:?}");
        }
    });
}
