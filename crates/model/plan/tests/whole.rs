//! A file with every section, whole and with each line missing or moved: what loads is planned, asked and
//! judged, and nothing panics.

use netloom_model::Fabric;
use netloom_model::fabric::{Party, Protocol};
use netloom_plan::assumed::Assumed;
use netloom_plan::reach::matrix::matrix;
use netloom_plan::reach::{self, Flow};
use netloom_plan::{findings, plan, port_audit, promises};

/// The first character of a fuzzer's seed says which language it is in.
const WHOLE: &str = include_str!("../../../../fuzz/corpus/model_file/every_section_yaml");

fn load(lines: &[&str]) -> Option<Fabric> {
    let text = lines.join("\n").into_bytes();
    netloom_model::load(&["whole.yaml".to_owned()], |_| Ok(text.clone())).fabric
}

/// Everything that is done with a fabric before anything runs.
fn exercise(fabric: &Fabric) {
    let world = Assumed::of(fabric);
    let input = world.input(fabric);
    let _ = findings::findings(fabric);
    let _ = port_audit::declared(&input);
    let _ = promises::broken(fabric, &world);
    for node in fabric.nodes.keys() {
        assert!(plan(&input, node).is_some());
    }
    let found = matrix(&input);
    assert!(found.classes.iter().all(|class| !class.members.is_empty()));
    for name in fabric.workloads.keys() {
        for (from, to) in [
            (Party::Workload(name.clone()), Party::Internet),
            (Party::Internet, Party::Workload(name.clone())),
        ] {
            let flow = Flow { from, to, protocol: Protocol::Tcp, port: Some(443) };
            let _ = reach::reach(&input, &flow);
        }
    }
}

#[test]
fn what_is_left_of_a_file_with_every_section_is_planned_and_judged() {
    let lines: Vec<&str> = WHOLE[1..].lines().collect();
    assert!(load(&lines).is_some());
    let mut sound = 0;
    for at in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(at);
        let mut moved = lines.clone();
        moved.swap(at, (at + 1) % lines.len());
        let mut twice = lines.clone();
        twice.insert(at, lines[at]);
        for changed in [without, moved, twice] {
            if let Some(fabric) = load(&changed) {
                exercise(&fabric);
                sound += 1;
            }
        }
    }
    assert!(sound > 50, "{sound} of them load");
}
