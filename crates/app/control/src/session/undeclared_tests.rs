//! Who takes part no more gives up what it held before it is told so.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::expired_tests::{Desk, office};
use super::*;
use crate::declared::Declared;
use crate::proposal::Origin;
use netloom_control_protocol::{AgentConfig, AgentEvent, AgentSession, End, ResourceSet};
use tokio::io::duplex;

/// Runs a node's session to its end; gives how many resources it held after each change, and what it was
/// told in the end.
async fn held(
    office: &Arc<Office>,
    before: ResourceSet,
    changed: &watch::Sender<u64>,
) -> (Vec<usize>, ResourceSet, String) {
    let (mut stream, far) = duplex(1 << 20);
    let caller =
        Caller { node: "pi".to_owned(), from: None, is_expired: false, seed: Seed([3; 32]) };
    let desk = Arc::new(Desk);
    let serving = tokio::spawn(serve(far, caller, Arc::clone(office), desk, changed.subscribe()));
    let config = AgentConfig {
        fabric: office.world().identity.id,
        node: "pi".to_owned(),
        software: "test".to_owned(),
        features: BTreeSet::new(),
        versions: Versions::OURS,
        timing: Timing::default(),
    };
    let mut machine = AgentSession::new(config, before, 0, Seed([5; 32]), Time::ZERO);
    let (mut counts, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        while let Some(event) = machine.poll_event() {
            match event {
                AgentEvent::Delta(delta) => {
                    machine.acknowledge(Time::ZERO, delta.sequence, Vec::new()).unwrap();
                    counts.push(machine.held().len());
                    if counts.len() == 1 && !machine.held().is_empty() {
                        withdraw(office);
                        changed.send(1).unwrap();
                    }
                }
                AgentEvent::Ended(End::Failed(failure) | End::Refused(failure)) => {
                    serving.abort();
                    return (counts, machine.held().clone(), failure.text);
                }
                _ => {}
            }
        }
        while let Some(frame) = machine.poll_transmit() {
            // Control may have hung up already; what it said before is read all the same.
            let _ = stream.write_all(&frame).await;
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return (counts, machine.held().clone(), "hung up".to_owned()),
            Ok(count) => machine.handle_input(Time::ZERO, &buffer[..count]),
        }
    }
}

/// Takes the node out of the file.
fn withdraw(office: &Office) {
    let text = "version: 1\nfabric: shop\nregions: { here: {} }\n".to_owned();
    let declared = Declared {
        roots: vec!["shop.yaml".to_owned()],
        texts: BTreeMap::from([("shop.yaml".to_owned(), text)]),
        api: None,
    };
    office.apply(|_| declared.clone(), &Origin::default(), None).unwrap();
}

#[test]
fn a_node_that_is_declared_no_more_gives_up_what_it_held_and_is_told_why() {
    let folder = std::env::temp_dir().join(format!("netloom-undeclared-{}", std::process::id()));
    let office = office(&folder);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let all = async {
        let (changed, _keep) = watch::channel(0);
        let (counts, set, why) = held(&office, ResourceSet::new(), &changed).await;
        assert!(counts[0] > 0, "what it is to have while it takes part");
        assert_eq!((counts.last(), set.len()), (Some(&0), 0));
        assert!(why.contains("is not declared"), "{why}");
        // When it calls again with nothing, it is told at once.
        let (counts, _, why) = held(&office, set, &changed).await;
        assert_eq!(counts, [0; 0]);
        assert!(why.contains("is not declared"), "{why}");
    };
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), all).await }).unwrap();
    drop(runtime);
    std::fs::remove_dir_all(folder).unwrap();
}
