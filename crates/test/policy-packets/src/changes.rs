//! The smallest changes that the engine suggests: made, each does alter the answer, and so do packets.

use crate::Tally;
use crate::flow::{Trial, flow_of};
use crate::world::World;
use netloom_lab::underlay::{INTERNET_ADDRESS, INTERNET_ADDRESS_V6};
use netloom_model::Fabric;
use netloom_model::fabric::Party;
use netloom_plan::input::PlanInput;
use netloom_plan::membership::Memberships;
use netloom_plan::reach::change::{Change, to_close, to_open};
use netloom_plan::reach::{self, Answer};
use std::net::IpAddr;
use std::path::Path;

/// Every so many fabrics, one change is tried with packets too: that takes a world of its own.
const WORLDS_EACH: u64 = 5;

/// Asks for the changes that would alter the answer of each trial, and makes them.
///
/// # Errors
/// A changed fabric cannot be built.
pub fn check(
    world: &World,
    trials: &[Trial],
    seed: u64,
    folder: &Path,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let mut tried = false;
    for trial in trials {
        if trial.spoofed {
            // Who forges an address is to be stopped, whatever is declared.
            continue;
        }
        let changes = suggested(world, trial);
        let (some, all) = &mut tally.suggested[usize::from(!trial.answer_expected)];
        (*some, *all) = (*some + u64::from(changes.is_some()), *all + 1);
        let Some(changes) = changes else { continue };
        tally.changes[0] += 1;
        let changed = with(&world.fabric, &changes);
        let is_altered = passes(world, &changed, trial) != trial.answer_expected;
        // Each is needed: without it, the answer stays as it is.
        let all_needed = (0..changes.len()).all(|without| {
            let mut fewer = changes.clone();
            fewer.remove(without);
            passes(world, &with(&world.fabric, &fewer), trial) == trial.answer_expected
        });
        if !is_altered || !all_needed {
            let words: Vec<String> = changes.iter().map(ToString::to_string).collect();
            let what = if is_altered { "not all needed" } else { "alter nothing" };
            tally.disagreements.push(format!("seed {seed}: {what}: {words:?} for {trial}"));
        }
        // What leaves by a gateway for a local network elsewhere is nobody's out there.
        let is_somewhere = match trial.receiver {
            Party::Address(address) => {
                address == IpAddr::from(INTERNET_ADDRESS) || address == INTERNET_ADDRESS_V6
            }
            _ => true,
        };
        if !tried && is_altered && is_somewhere && seed.is_multiple_of(WORLDS_EACH) {
            tried = true;
            try_packets(changed, trial, seed, folder, tally)?;
        }
    }
    Ok(())
}

fn suggested(world: &World, trial: &Trial) -> Option<Vec<Change>> {
    let flow = flow_of(trial);
    let (source, destination) = (trial.source, trial.destination);
    world.with_input(|input| match trial.answer_expected {
        true => to_close(input, &flow, source, destination),
        false => to_open(input, &flow, source, destination),
    })
}

fn with(fabric: &Fabric, changes: &[Change]) -> Fabric {
    let mut changed = fabric.clone();
    changes.iter().for_each(|change| change.apply(&mut changed));
    changed
}

fn passes(world: &World, fabric: &Fabric, trial: &Trial) -> bool {
    let memberships = Memberships::of(fabric);
    let answers = world.with_input(|input| {
        let input = PlanInput { fabric, memberships: &memberships, ..*input };
        reach::reach(&input, &flow_of(trial)).unwrap_or_default()
    });
    let same =
        |answer: &&Answer| answer.source == trial.source && answer.destination == trial.destination;
    answers.iter().find(same).is_some_and(Answer::passes)
}

/// Builds the changed fabric and sends the packet again.
fn try_packets(
    changed: Fabric,
    trial: &Trial,
    seed: u64,
    folder: &Path,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let mut world = World::build(changed, &folder.join("changed"), None)?;
    let is_there = !trial.answer_expected;
    let mut again = Trial {
        expected: is_there,
        answer_expected: is_there,
        obstacle: None,
        arrived: false,
        answered: false,
        seen: None,
        ..trial.clone()
    };
    world.converse(std::slice::from_mut(&mut again))?;
    tally.changes[1] += 1;
    tally.sent_again += world.sent_again;
    if (again.arrived && again.answered) != is_there {
        tally.disagreements.push(format!("seed {seed}: after the change: {again}"));
    }
    world.remove()
}
