//! What `check` says about overlapping networks on a node's own stack is what the planner does there.

use netloom_model::lease::{self, Leases};
use netloom_plan::input::{Directory, PlanInput};
use netloom_plan::membership::Memberships;
use netloom_plan::plan;
use netloom_state::Namespace;
use netloom_state::host::RouteKind;
use netloom_testkit::random_fabric::{Size, yaml};
use std::collections::BTreeMap;

#[test]
fn stacks_stay_out_of_exactly_the_networks_that_check_names() {
    let (mut left_out, mut joined) = (0, 0);
    for seed in 0..200 {
        let text = yaml(seed, Size { networks_max: 3, ..Size::default() });
        let loaded = netloom_model::load(&["r.yaml".into()], |_| Ok(text.clone().into_bytes()));
        let fabric = loaded.fabric.unwrap();
        let (leases, _) = lease::assign(&fabric, &Leases::default());
        let input = PlanInput {
            fabric: &fabric,
            fabric_id: 7 << 112,
            leases: &leases,
            directory: &Directory::default(),
            memberships: &Memberships::of(&fabric),
            attachments: &BTreeMap::new(),
        };
        for (name, node) in &fabric.nodes {
            let networks = input.networks_of(name).len();
            let host = plan(&input, name).unwrap().host;
            let links = host.namespaces.get(&Namespace::Host).map_or(0, |host| host.links.len());
            let told = loaded
                .diagnostics
                .iter()
                .filter(|found| found.code.0 == "N0905" && found.span == node.span)
                .count();
            assert_eq!(networks - links, told, "seed {seed}, {name}:\n{text}");
            left_out += told;
            joined += links;
        }
    }
    assert!(left_out > 20 && joined > 100, "{left_out} {joined}: too few cases to tell");
}

#[test]
fn no_other_network_stops_what_is_inside_of_one_that_the_stack_is_in() {
    let fabric = netloom_testkit::fabric(
        "version: 1
fabric: shop
regions: { here: {} }
nodes: { in: { region: here }, out: { region: here } }
networks: { blue: { cidr: 10.5.0.0/16 }, red: { cidr: 10.5.1.0/24 }, wide: { cidr: 10.0.0.0/8 } }
subnets: { blue: { network: blue, cidr: 10.5.1.0/24 } }
security_groups: { open: { egress: [{ to: all }] } }
workloads:
  host: { node: in, subnet: blue, security_groups: [open], attach: host }
",
    );
    let world = netloom_plan::assumed::Assumed::of(&fabric);
    let stopped = |node: &str| {
        let host = plan(&world.input(&fabric), node).unwrap().host;
        let routes = host.namespaces[&Namespace::Host].routes.clone();
        let stops = routes.into_iter().filter(|route| route.kind == RouteKind::Unreachable);
        let v4 = stops.map(|route| route.destination).filter(|to| to.addr().is_ipv4());
        v4.map(|to| to.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(stopped("out"), ["10.0.0.0/8", "10.5.0.0/16", "10.5.1.0/24"]);
    // The longer prefix would win over the way into its own network.
    assert_eq!(stopped("in"), ["10.0.0.0/8", "10.5.0.0/16"]);
}
