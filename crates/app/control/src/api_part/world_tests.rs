//! Edits that depend on addresses that are given, or on what an earlier setup has declared.

use super::*;
use crate::declared::Declared;
use crate::office::Office;
use crate::proposal::{Origin, changes, propose};
use crate::record::FabricRecord;
use crate::world::World;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use netloom_model::tree::Remembered;
use netloom_store::{MemoryBackend, Store};
use std::collections::BTreeSet;

const FILE: &str = "
version: 1
fabric: shop
regions: { here: {} }
networks: { app: { cidr: 10.1.0.0/16 } }
subnets: { app: { network: app, cidr: 10.1.1.0/24 } }
nodes: { alpha: { region: here } }
workloads:
  web: { node: alpha, subnet: app, attach: { serve: { http: 80 } } }
  old: { node: alpha, subnet: app, address: 10.1.1.77, attach: { serve: { http: 80 } } }
";

struct Control {
    store: Store,
    world: World,
}

impl Control {
    fn new() -> Self {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let identity = FabricRecord { id: [7; 16], name: "shop".to_owned(), made_ms: 0 };
        Office::found(&store, &identity).unwrap();
        let world = World::read(&store.snapshot().unwrap(), None, None).unwrap();
        let mut control = Self { store, world };
        control.put(None);
        control
    }

    fn text(&self) -> Option<&str> {
        self.world.accepted.declared.api.as_deref()
    }

    fn put(&mut self, api: Option<String>) {
        let texts = BTreeMap::from([("shop.yaml".to_owned(), FILE.to_owned())]);
        let declared = Declared { roots: vec!["shop.yaml".to_owned()], texts, api };
        let proposal = propose(&self.world, declared, &mut Remembered::default(), None, 0).unwrap();
        let changes = changes(&self.world, &proposal, &Origin::default(), 0);
        let after = self.store.commit(&self.store.snapshot().unwrap(), changes).unwrap();
        self.world = World::read(&after, Some(&self.world), Some(proposal.accepted)).unwrap();
    }

    fn set_up(&mut self, network: &str, peers: &[&str]) -> Result<(), EditError> {
        let objects = setup(network, peers);
        let text = declare_all(&self.world, self.text(), &objects, true, Some(network))?;
        self.put(text);
        Ok(())
    }

    fn add(&mut self, name: &str, declaration: &Value) {
        let (world, place) = (&self.world, ("workloads", name));
        let text = declare(&world.accepted, self.text(), place, declaration, false).unwrap();
        self.put(text);
    }

    fn workloads(&self, network: &str) -> Vec<&str> {
        let fabric = &self.world.accepted.fabric;
        let all = fabric.workloads.iter();
        all.filter(|(_, one)| fabric.network_of(one) == network)
            .map(|(name, _)| name.as_str())
            .collect()
    }

    fn address(&self, workload: &str) -> String {
        self.world.leases.workloads[workload][0].to_string()
    }
}

fn peer(subnet: &str) -> Value {
    json!({ "node": "alpha", "subnet": subnet, "attach": { "wireguard": {} } })
}

/// A peer with the key that goes with its name.
fn keyed(subnet: &str, name: &str) -> Value {
    let mut peer = peer(subnet);
    let mut key = [0; 32];
    key[..name.len()].copy_from_slice(name.as_bytes());
    peer["attach"]["wireguard"]["public_key"] = json!(BASE64_STANDARD.encode(key));
    peer
}

/// What a file of wg-quick becomes.
fn setup(network: &str, peers: &[&str]) -> BTreeMap<String, BTreeMap<String, Value>> {
    let one = |name: &str, object: Value| BTreeMap::from([(name.to_owned(), object)]);
    let cidr = if network == "lan" { "10.8.0.0/24" } else { "10.9.0.0/24" };
    let mut workloads: BTreeMap<String, Value> =
        peers.iter().map(|name| ((*name).to_owned(), keyed(network, name))).collect();
    let host = json!({ "node": "alpha", "subnet": network, "attach": "host" });
    workloads.insert(format!("{network}-host"), host);
    BTreeMap::from([
        ("networks".to_owned(), one(network, json!({ "cidr": cidr }))),
        ("subnets".to_owned(), one(network, json!({ "network": network, "cidr": cidr }))),
        ("security_groups".to_owned(), one(&format!("{network}-peers"), json!({}))),
        ("workloads".to_owned(), workloads),
    ])
}

#[test]
fn a_setup_takes_back_what_an_earlier_one_has_declared_and_leaves_what_others_have() {
    let mut control = Control::new();
    control.set_up("srv", &["laptop", "phone"]).unwrap();
    control.add("tablet", &keyed("srv", "tablet"));
    control.set_up("lan", &["desk"]).unwrap();
    control.set_up("srv", &["phone", "watch"]).unwrap();
    assert_eq!(control.workloads("srv"), ["phone", "srv-host", "tablet", "watch"]);
    assert_eq!(control.workloads("lan"), ["desk", "lan-host"]);
    // One that was added by hand stays when it was in a file and is no more.
    control.set_up("srv", &["tablet"]).unwrap();
    control.set_up("srv", &["phone"]).unwrap();
    assert_eq!(control.workloads("srv"), ["phone", "srv-host", "tablet"]);
}

#[test]
fn a_setup_gives_no_other_key_to_a_peer_that_was_added_by_hand() {
    let mut control = Control::new();
    control.set_up("srv", &["laptop"]).unwrap();
    control.add("byhand", &keyed("srv", "another"));
    let error = control.set_up("srv", &["byhand"]).unwrap_err();
    let (name, network) = ("byhand".to_owned(), "srv".to_owned());
    assert_eq!(error, EditError::ByHand { name, network });
    assert_eq!(control.workloads("srv"), ["byhand", "laptop", "srv-host"], "nothing was changed");
}

#[test]
fn a_setup_replaces_nothing_of_another_network_and_no_other_workload() {
    let mut control = Control::new();
    control.set_up("lan", &["phone"]).unwrap();
    let error = control.set_up("srv", &["phone"]).unwrap_err();
    let (name, network) = ("phone".to_owned(), "lan".to_owned());
    assert_eq!(error, EditError::OtherNetwork { what: "workload", name, network });
    control.set_up("srv", &["laptop"]).unwrap();
    let container =
        json!({ "node": "alpha", "subnet": "srv", "attach": { "container": "postgres" } });
    control.add("db", &container);
    let error = control.set_up("srv", &["db"]).unwrap_err();
    assert_eq!(error, EditError::NoPeer { name: "db".to_owned() });
    assert_eq!(control.workloads("srv"), ["db", "laptop", "srv-host"], "nothing was changed");
    let in_file = control.set_up("srv", &["web"]).unwrap_err();
    assert_eq!(in_file, EditError::InFile("web".to_owned()));
}

#[test]
fn an_address_that_another_one_was_given_is_not_taken() {
    let control = Control::new();
    let world = &control.world;
    let asked = |address: &str, more: Value| {
        let mut one = peer("app");
        one["address"] = json!([address]);
        if let (Value::Object(one), Value::Object(more)) = (&mut one, more) {
            one.extend(more);
        }
        refuse_taken(world, &[("phone", &one)], &BTreeSet::new())
    };
    let given = control.address("web");
    let error = asked(&given, json!({})).unwrap_err();
    assert!(error.to_string().contains("`web` has it"), "{error}");
    assert_eq!(asked("10.1.1.99", json!({})), Ok(()));
    assert_eq!(asked("10.1.1.77", json!({})), Ok(()), "the check tells of what is declared");
    assert_eq!(asked(&given, json!({ "was": "web" })), Ok(()), "its own");
    let behind = |prefix: String| asked("10.1.1.99", json!({ "advertise": [prefix] }));
    let error = behind(format!("{given}/32")).unwrap_err();
    assert!(error.to_string().contains("`web` has it"), "{error}");
    assert_eq!(behind("10.1.1.0/25".to_owned()), Ok(()), "of a prefix it keeps its own");
}

#[test]
fn an_address_is_pinned_where_that_is_wanted() {
    let mut control = Control::new();
    let (world, place) = (&control.world, ("workloads", "phone"));
    let text = declare(&world.accepted, None, place, &peer("app"), false).unwrap();
    let text = pinned(world, text, "phone", 0);
    control.put(text);
    let given = control.address("phone");
    let declared = &control.world.accepted.fabric.workloads["phone"].addresses;
    assert_eq!(declared.iter().map(ToString::to_string).collect::<Vec<_>>(), [given]);
    // What is refused is told of what was sent.
    let broken = Some("{ \"workloads\": { \"x\": { \"subnet\": \"nowhere\" } } }".to_owned());
    assert_eq!(pinned(&control.world, broken.clone(), "x", 0), broken);
}
