//! What `check` says about overlapping networks on a node's own stack is what the planner does there.

use netloom_model::lease::{self, Leases};
use netloom_plan::input::{Directory, PlanInput};
use netloom_plan::membership::Memberships;
use netloom_plan::plan;
use netloom_state::Namespace;
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
