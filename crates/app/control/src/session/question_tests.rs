//! A node is asked in its session if it has said that it can be, and its answer comes back to who asked.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::expired_tests::{Desk, office};
use super::*;
use crate::questions::Unanswered;
use netloom_control_protocol::{AgentConfig, AgentEvent, AgentSession, ResourceSet};
use tokio::io::duplex;

/// A node with these features that answers what it is asked with the question itself; its session ends with
/// the returned task.
fn node(office: &Arc<Office>, features: &[&str], answers: bool) -> tokio::task::JoinHandle<()> {
    let (mut stream, far) = duplex(1 << 20);
    let (keep, published) = watch::channel(0);
    let caller =
        Caller { node: "pi".to_owned(), from: None, is_expired: false, seed: Seed([3; 32]) };
    let serving = tokio::spawn(serve(far, caller, Arc::clone(office), Arc::new(Desk), published));
    let config = AgentConfig {
        fabric: office.world().identity.id,
        node: "pi".to_owned(),
        software: "test".to_owned(),
        features: features.iter().map(|feature| (*feature).to_owned()).collect(),
        versions: Versions::OURS,
        timing: Timing::default(),
    };
    let mut machine = AgentSession::new(config, ResourceSet::new(), 0, Seed([5; 32]), Time::ZERO);
    tokio::spawn(async move {
        let mut buffer = vec![0; 1 << 16];
        loop {
            while let Some(event) = machine.poll_event() {
                match event {
                    AgentEvent::Call(Call::Asked { id, body }) if answers => {
                        machine.respond(Time::ZERO, id, body).unwrap();
                    }
                    AgentEvent::Call(Call::Asked { .. }) => return serving.abort(),
                    _ => {}
                }
            }
            while let Some(frame) = machine.poll_transmit() {
                stream.write_all(&frame).await.unwrap();
            }
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => break drop(keep),
                Ok(count) => machine.handle_input(Time::ZERO, &buffer[..count]),
            }
        }
    })
}

/// Waits until the node has a session, or has none.
async fn connected(office: &Office, wanted: bool) {
    while office.observed().get("pi").is_some_and(|seen| seen.connected) != wanted {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[test]
fn a_node_answers_what_it_is_asked_if_it_can_be_asked() {
    let folder = std::env::temp_dir().join(format!("netloom-questions-{}", std::process::id()));
    let office = office(&folder);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let all = async {
        let ask = || office.questions().ask("pi", b"who".to_vec());
        assert_eq!(ask().await, Err(Unanswered::NotHere), "it has no session");
        // A version that cannot be asked: it is not, since it would never answer.
        let old = node(&office, &[FEATURE_CIPHERS], true);
        connected(&office, true).await;
        assert_eq!(ask().await, Err(Unanswered::NotHere));
        // It comes again, with a newer version, before control has noticed that it was gone.
        let able = node(&office, &[FEATURE_TRIALS], true);
        let answer = loop {
            match ask().await {
                Err(Unanswered::NotHere) => tokio::task::yield_now().await,
                answer => break answer,
            }
        };
        assert_eq!(answer, Ok(b"who".to_vec()));
        let before = office.observed()["pi"].sequence;
        old.abort();
        let _ = old.await;
        while office.observed()["pi"].sequence == before {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert!(office.observed()["pi"].connected, "the end of its earlier session says nothing");
        able.abort();
        let _ = able.await;
        connected(&office, false).await;
        // One whose session ends while it is asked.
        let lost = node(&office, &[FEATURE_TRIALS], false);
        let unanswered = loop {
            match ask().await {
                Err(Unanswered::NotHere) => tokio::task::yield_now().await,
                answer => break answer,
            }
        };
        assert_eq!(unanswered, Err(Unanswered::Silent));
        let _ = lost.await;
    };
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), all).await }).unwrap();
    drop(runtime);
    std::fs::remove_dir_all(folder).unwrap();
}
