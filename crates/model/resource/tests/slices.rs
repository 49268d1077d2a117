//! A node's slice is enough: planning from it gives what planning from the whole fabric gives.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use netloom_base::Seed;
use netloom_model::Fabric;
use netloom_model::lease::{self, Leases};
use netloom_plan::input::{Directory, NodeEntry, PlanInput};
use netloom_plan::membership::Memberships;
use netloom_plan::{NodePlan, refresh};
use netloom_resource::{Entry, Key, Kind, Topic, Whole, assemble, resources, topics};
use netloom_testkit::random_fabric::{Size, yaml};
use netloom_testkit::random_networks;
use rand_core::RngCore as _;
use std::collections::BTreeMap;

#[derive(Clone)]
struct World {
    fabric: Fabric,
    leases: Leases,
    directory: Directory,
    memberships: Memberships,
}

impl World {
    fn random(seed: u64) -> Self {
        Self::of(netloom_testkit::fabric(&yaml(seed, Size { peers_max: 3, ..Size::default() })))
    }

    fn of(fabric: Fabric) -> Self {
        let (leases, _) = lease::assign(&fabric, &Leases::default());
        let entry = |(number, name): (usize, &String)| {
            let key = |network: &String| (network.clone(), [number as u8 + 1; 32]);
            let entry = NodeEntry {
                public_keys: fabric.networks.keys().map(key).collect(),
                endpoint: Some(([192, 0, 2, number as u8], 51820).into()),
                local_endpoint: Some(([10, 200, 0, number as u8], 51820).into()),
                has_aes_gcm: number % 2 == 0,
            };
            (name.clone(), entry)
        };
        let nodes = fabric.nodes.keys().enumerate().map(entry).collect();
        let memberships = Memberships::of(&fabric);
        Self { leases, directory: Directory { nodes }, memberships, fabric }
    }

    fn whole(&self) -> Whole<'_> {
        Whole {
            fabric: &self.fabric,
            fabric_id: 0xabcd << 112,
            leases: &self.leases,
            directory: &self.directory,
            memberships: &self.memberships,
            control: &[],
        }
    }

    fn plan(&self, node: &str) -> NodePlan {
        let input = PlanInput {
            fabric: &self.fabric,
            fabric_id: 0xabcd << 112,
            leases: &self.leases,
            directory: &self.directory,
            memberships: &self.memberships,
            attachments: &BTreeMap::new(),
        };
        netloom_plan::plan(&input, node).unwrap()
    }

    /// The resources that a node gets.
    fn of_node(&self, node: &str) -> BTreeMap<Key, Entry> {
        let follows = topics(&self.whole(), node);
        let mut all = resources(&self.whole());
        all.retain(|_, entry| entry.topics.iter().any(|topic| follows.contains(topic)));
        all
    }
}

fn parts(entries: &BTreeMap<Key, Entry>) -> impl Iterator<Item = (u16, &str, &[u8])> {
    entries
        .iter()
        .map(|((kind, name), entry)| (*kind as u16, name.as_str(), entry.payload.as_slice()))
}

#[test]
fn planning_from_a_slice_gives_what_planning_from_the_whole_gives() {
    let (mut nodes, mut left_out, mut peered) = (0, 0, 0);
    let networks = |seed| World::of(netloom_testkit::fabric(&random_networks::yaml(seed)));
    let worlds = (0..150).map(|seed| (seed, World::random(seed)));
    for (seed, world) in worlds.chain((0..100).map(|seed| (seed, networks(seed)))) {
        for node in world.fabric.nodes.keys() {
            let entries = world.of_node(node);
            let (slice, refused) = assemble(parts(&entries));
            assert_eq!(refused, [], "seed {seed}, {node}");
            let input = PlanInput {
                fabric: &slice.fabric,
                fabric_id: slice.fabric_id,
                leases: &slice.leases,
                directory: &slice.directory,
                memberships: &slice.memberships,
                attachments: &BTreeMap::new(),
            };
            let plan = netloom_plan::plan(&input, node).unwrap();
            assert!(plan == world.plan(node), "seed {seed}, {node}");
            let views = plan.networks.values().flat_map(|network| &network.views);
            peered += views.map(|view| view.peered.len()).sum::<usize>();
            nodes += 1;
            left_out += resources(&world.whole()).len() - entries.len();
        }
    }
    assert!(nodes >= 300 && left_out > nodes, "{nodes} nodes, {left_out} resources left out");
    assert!(peered > 300, "{peered} views of peered networks");
}

#[test]
fn a_node_learns_nothing_of_networks_that_it_is_not_in() {
    let fabric = netloom_testkit::fabric(
        "
version: 1
fabric: two
regions: { here: {} }
networks: { red: { cidr: 10.1.0.0/16 }, blue: { cidr: 10.2.0.0/16 } }
subnets: { r: { network: red, cidr: 10.1.1.0/24 }, b: { network: blue, cidr: 10.2.1.0/24 } }
nodes: { one: { region: here }, two: { region: here }, three: { region: here } }
security_groups:
  open: { ingress: [{ from: all }], egress: [{ to: all }] }
  other: { ingress: [{ from: all }], egress: [{ to: all }] }
workloads:
  a: { node: one, subnet: r, security_groups: [open], attach: { process: { run: [secret] } } }
  b: { node: two, subnet: r, security_groups: [open], attach: { serve: { tcp: 80 } } }
  c: { node: three, subnet: b, security_groups: [other], attach: { serve: { tcp: 80 } } }
",
    );
    let world = World::of(fabric);
    let names = |node: &str, kind: Kind| -> Vec<String> {
        let entries = world.of_node(node);
        entries.into_keys().filter(|(of, _)| *of == kind).map(|(_, name)| name).collect()
    };
    assert_eq!(names("two", Kind::Workload), ["a", "b"]);
    assert_eq!(names("two", Kind::Node), ["one", "two"]);
    assert_eq!(names("two", Kind::Attach), ["b"], "how another's workload is run is its own");
    assert_eq!(names("two", Kind::Group), ["open"]);
    assert_eq!(names("three", Kind::Subnet), ["b"]);
    assert_eq!(names("three", Kind::Network), ["blue", "red"], "all prefixes are stopped");
    assert!(topics(&world.whole(), "three").contains(&Topic::Network("blue".into())));
}

#[test]
fn what_refers_to_something_missing_is_left_out_and_named() {
    let world = World::random(3);
    let node = world.fabric.nodes.keys().next().unwrap().clone();
    let mut entries = world.of_node(&node);
    let lost = entries.keys().find(|(kind, _)| *kind == Kind::Subnet).unwrap().clone();
    entries.remove(&lost);
    let (slice, refused) = assemble(parts(&entries));
    assert!(refused.iter().any(|found| found.reason.contains(&lost.1)), "{refused:?}");
    let input = PlanInput {
        fabric: &slice.fabric,
        fabric_id: slice.fabric_id,
        leases: &slice.leases,
        directory: &slice.directory,
        memberships: &slice.memberships,
        attachments: &BTreeMap::new(),
    };
    assert!(netloom_plan::plan(&input, &node).is_some());
}

#[test]
fn damaged_and_newer_resources_are_refused_one_by_one() {
    let world = World::random(5);
    let node = world.fabric.nodes.keys().next().unwrap().clone();
    let mut entries = world.of_node(&node);
    let (key, entry) = entries.iter_mut().find(|((kind, _), _)| *kind == Kind::Fabric).unwrap();
    entry.payload.pop();
    let damaged = key.1.clone();
    let newer = [(4711, "thing", &[0xa0][..])];
    let (_, refused) = assemble(parts(&entries).chain(newer));
    let names: Vec<&str> = refused.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, [damaged.as_str(), "thing"], "{refused:?}");
    assert!(refused[1].reason.contains("newer"));
}

/// Every resource of two random fabrics as it is on the wire, each behind the number of its kind.
fn samples() -> Vec<(String, Vec<u8>)> {
    let named = |seed: u64| {
        let entries = resources(&World::random(seed).whole());
        entries.into_iter().map(move |((kind, name), entry)| {
            let bytes = [&[kind as u8][..], &entry.payload].concat();
            (format!("{}-{name}-{seed}", kind.word().replace(' ', "-")), bytes)
        })
    };
    [5, 8].into_iter().flat_map(named).collect()
}

#[test]
fn the_corpus_replays_without_panic_and_so_do_its_changes() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../fuzz/corpus/resource_payload");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in samples() {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    }
    let mut used = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let (_, refused) = assemble([(u16::from(bytes[0]), "x", &bytes[1..])]);
        used += usize::from(refused.is_empty() || refused[0].reason.contains("refers to"));
        netloom_resource::fuzz::payload(&bytes);
        for at in 0..bytes.len() {
            for changed in [0x00, 0x18, 0x7f, 0xa1, 0xff] {
                let mut mutated = bytes.clone();
                mutated[at] = changed;
                netloom_resource::fuzz::payload(&mutated);
            }
            netloom_resource::fuzz::payload(&bytes[..at]);
        }
    }
    // What the corpus is for would be lost silently if it were all refused one day.
    assert!(used > 10, "{used} of the corpus are understood");
}

/// Something that happens all the time, to groups, nodes and workloads.
fn happening(world: &World, seed: u64) -> World {
    let mut rng = Seed::from_number(seed).rng();
    let mut below = |bound: usize| rng.next_u64() as usize % bound;
    let mut after = world.clone();
    for _ in 0..=below(3) {
        let node = after.fabric.nodes.keys().nth(below(after.fabric.nodes.len())).unwrap().clone();
        let workloads: Vec<String> = after.fabric.workloads.keys().cloned().collect();
        let workload = workloads.get(below(workloads.len().max(1))).cloned();
        match (below(8), workload) {
            (0, _) => {
                let entry = after.directory.nodes.get_mut(&node).unwrap();
                entry.endpoint =
                    Some(([198, 51, 100, below(250) as u8], 1 + below(9) as u16).into());
            }
            (1, _) => {
                let entry = after.directory.nodes.get_mut(&node).unwrap();
                entry.public_keys.values_mut().for_each(|key| key[1] = below(250) as u8);
                entry.has_aes_gcm ^= below(2) == 0;
            }
            (2, Some(workload)) => drop(after.fabric.workloads.remove(&workload)),
            (3, Some(workload)) => {
                let twin = after.fabric.workloads[&workload].clone();
                after.fabric.workloads.insert(format!("twin{}", below(9)), twin);
            }
            (4, Some(workload)) => {
                let groups: Vec<String> = after.fabric.security_groups.keys().cloned().collect();
                let workload = after.fabric.workloads.get_mut(&workload).unwrap();
                workload.security_groups = [groups[below(groups.len())].clone()].into();
            }
            (5, _) => {
                let groups = &mut after.fabric.security_groups;
                let [from, to] = [below(groups.len()), below(groups.len())];
                let other = groups.values().nth(from).unwrap().clone();
                *groups.values_mut().nth(to).unwrap() = other;
            }
            (6, _) => {
                let mut lone = after.fabric.networks.values().next().unwrap().clone();
                lone.cidrs = vec![format!("172.16.{}.0/24", below(9)).parse().unwrap()];
                after.fabric.networks.insert("lone".to_owned(), lone);
            }
            (_, Some(workload)) => after.fabric.workloads.get_mut(&workload).unwrap().node = node,
            (_, None) => {}
        }
    }
    after.leases = lease::assign(&after.fabric, &world.leases).0;
    after.memberships = Memberships::of(&after.fabric);
    after
}

#[test]
fn a_revised_slice_and_a_refreshed_plan_are_what_making_them_again_gives() {
    let (mut revised, mut made_again, mut tables) = (0, 0, 0);
    let size = Size { nodes_max: 5, workloads_max: 12, peers_max: 3, ..Size::default() };
    let texts = (0..400).map(|seed| (seed, yaml(seed, size)));
    for (seed, text) in texts.chain((0..200).map(|seed| (seed, random_networks::yaml(seed)))) {
        let world = World::of(netloom_testkit::fabric(&text));
        let after = happening(&world, seed);
        for node in world.fabric.nodes.keys() {
            let (held, wanted) = (world.of_node(node), after.of_node(node));
            let payload = |key: &Key| wanted.get(key).map(|entry| entry.payload.as_slice());
            let changes = held.keys().chain(wanted.keys().filter(|key| !held.contains_key(*key)));
            let changes = changes
                .filter(|key| held.get(*key).map(|entry| entry.payload.as_slice()) != payload(key));
            let (mut slice, _) = assemble(parts(&held));
            let changes = changes.map(|key| (key.0 as u16, key.1.as_str(), payload(key)));
            let Some(stale) = slice.revise(node, changes) else {
                let (unchanged, _) = assemble(parts(&held));
                assert_eq!(format!("{slice:?}"), format!("{unchanged:?}"), "seed {seed}, {node}");
                made_again += 1;
                continue;
            };
            let (expected, refused) = assemble(parts(&wanted));
            assert_eq!(refused, [], "seed {seed}, {node}");
            assert_eq!(format!("{slice:?}"), format!("{expected:?}"), "seed {seed}, {node}");
            let mut plan = world.plan(node);
            let namespaces = refresh(&mut plan, &slice_input(&slice), node, &stale);
            assert!(plan == after.plan(node), "seed {seed}, {node}");
            let before = world.plan(node);
            for (namespace, state) in &plan.host.namespaces {
                let differs = before.host.namespaces.get(namespace) != Some(state);
                assert_eq!(differs, namespaces.contains(namespace), "seed {seed}, {namespace}");
            }
            tables += namespaces.len();
            revised += 1;
        }
    }
    assert!(revised > 200 && made_again > 200 && tables > 50, "{revised} {made_again} {tables}");
}

fn slice_input(slice: &netloom_resource::Slice) -> PlanInput<'_> {
    static NOWHERE: BTreeMap<String, netloom_plan::input::Attachment> = BTreeMap::new();
    PlanInput {
        fabric: &slice.fabric,
        fabric_id: slice.fabric_id,
        leases: &slice.leases,
        directory: &slice.directory,
        memberships: &slice.memberships,
        attachments: &NOWHERE,
    }
}
