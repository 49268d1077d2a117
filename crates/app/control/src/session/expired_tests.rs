//! Who has shown an expired certificate gets a new one, and nothing else.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::declared::Declared;
use crate::keys::{ControlKeys, found};
use crate::office::put;
use crate::proposal::Origin;
use crate::record::{NodeRecord, node_name};
use crate::store_place;
use netloom_cbor::Bytes;
use netloom_control_protocol::{AgentConfig, AgentEvent, AgentSession, ResourceSet};
use std::collections::BTreeMap;
use tokio::io::duplex;

const FILE: &str =
    "version: 1\nfabric: shop\nregions: { here: {} }\nnodes: { pi: { region: here } }\n";

pub(super) struct Desk;

impl NodeDesk for Desk {
    fn answer(&self, _: &str, _: Option<SocketAddr>, call: NodeCall) -> Answer {
        match call {
            NodeCall::Renew {} => Answer::Certificate { certificate: Bytes(vec![7]) },
            NodeCall::Keys { .. } => Answer::Done {},
        }
    }
}

/// An office with a node that is declared and approved.
pub(super) fn office(folder: &std::path::Path) -> Arc<Office> {
    found(folder, "shop").unwrap();
    let keys = ControlKeys::read(folder).unwrap();
    let store = store_place::open(folder, keys.authority.fabric()).unwrap();
    let office =
        Office::open(store, Box::new(move |bytes| keys.signing.sign(bytes)), Box::new(|_| {}));
    let office = office.unwrap();
    let record = NodeRecord::approved();
    let texts = BTreeMap::from([("shop.yaml".to_owned(), FILE.to_owned())]);
    let declared = Declared { roots: vec!["shop.yaml".to_owned()], texts, api: None };
    office.apply(|_| declared.clone(), &Origin::default(), None).unwrap();
    let put_node = |_: &_, _: &_| {
        Ok::<_, crate::office::OfficeError>(vec![put(node_name("pi"), to_bytes(&record))])
    };
    office.update(put_node).unwrap();
    Arc::new(office)
}

/// What a node hears that says hello and asks for what nodes ask for: resources, answers, and whether
/// the other end hung up.
async fn heard(office: &Arc<Office>, is_expired: bool) -> (usize, Vec<Answer>, bool) {
    let (mut stream, far) = duplex(1 << 20);
    let (_keep, published) = watch::channel(0);
    let caller = Caller { node: "pi".to_owned(), from: None, is_expired, seed: Seed([3; 32]) };
    let serving = tokio::spawn(serve(far, caller, Arc::clone(office), Arc::new(Desk), published));
    let config = AgentConfig {
        fabric: office.world().identity.id,
        node: "pi".to_owned(),
        software: "test".to_owned(),
        features: BTreeSet::new(),
        versions: Versions::OURS,
        timing: Timing::default(),
    };
    let mut machine = AgentSession::new(config, ResourceSet::new(), 0, Seed([5; 32]), Time::ZERO);
    let (mut resources, mut answers, mut buffer) = (0, Vec::new(), vec![0; 1 << 16]);
    let hung_up = loop {
        while let Some(event) = machine.poll_event() {
            match event {
                AgentEvent::Welcomed(_) => {
                    let keys = NodeCall::Keys {
                        public_keys: BTreeMap::new(),
                        listen_port: 1,
                        addresses: Vec::new(),
                        generation: 1,
                        signature: [0; 64],
                        ciphers: None,
                    };
                    machine.request(Time::ZERO, to_bytes(&keys)).unwrap();
                    machine.request(Time::ZERO, to_bytes(&NodeCall::Renew {})).unwrap();
                }
                AgentEvent::Delta(delta) => {
                    resources += delta.changes.len();
                    machine.acknowledge(Time::ZERO, delta.sequence, Vec::new()).unwrap();
                }
                AgentEvent::Call(Call::Answered { body, .. }) => {
                    answers.push(from_bytes(&body).unwrap());
                }
                AgentEvent::Call(_) | AgentEvent::Ended(_) => {}
            }
        }
        while let Some(frame) = machine.poll_transmit() {
            // An end that has hung up takes no more.
            let _ = stream.write_all(&frame).await;
        }
        if !is_expired && answers.len() == 2 && resources > 0 {
            break false;
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break true,
            Ok(count) => machine.handle_input(Time::ZERO, &buffer[..count]),
        }
    };
    serving.abort();
    (resources, answers, hung_up)
}

#[test]
fn an_expired_certificate_gets_a_new_one_and_nothing_else() {
    let folder = std::env::temp_dir().join(format!("netloom-session-{}", std::process::id()));
    let office = office(&folder);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let certificate = Answer::Certificate { certificate: Bytes(vec![7]) };
        let (resources, answers, hung_up) = heard(&office, true).await;
        assert_eq!((resources, answers, hung_up), (0, vec![certificate.clone()], true));
        assert!(!office.observed().contains_key("pi"), "it does not count as connected");
        // The same node with a valid one gets what it shall have.
        let (resources, answers, hung_up) = heard(&office, false).await;
        assert!(resources > 0 && !hung_up, "{resources}");
        assert_eq!(answers, [Answer::Done {}, certificate]);
    });
    drop(runtime);
    std::fs::remove_dir_all(folder).unwrap();
}
