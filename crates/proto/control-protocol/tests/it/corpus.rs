//! The fuzzing corpus and random changes of it; the bytes of every message, so that none changes unnoticed.

use crate::world::{resource, sign};
use netloom_control_protocol::message::{
    Applied, DeltaPart, Exchange, Hello, Message, Nonce, ReadError, Refusal, Resync, ResyncReason,
    Status, Welcome,
};
use netloom_control_protocol::{Digest, Failure, FailureCode, ResourceKey, Seal, fuzz};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

fn folder() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.join("../../../fuzz/corpus/control_protocol_stream")
}

fn corpus() -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// One of each message, as it stands in the corpus.
fn samples() -> Vec<(&'static str, Message)> {
    let features = BTreeSet::from(["one".to_owned(), "two".to_owned()]);
    let digest = Digest([0xdd; 32]);
    let refusal = Refusal::new(&resource("web", b"1"), "no such network");
    let exchange = Exchange { id: 300, body: vec![1, 2].into() };
    let hello = Hello {
        version_min: 1,
        version_max: 1,
        features: features.clone(),
        node: "a".into(),
        fabric: [7; 16],
        software: "netloom 0.1.0".into(),
        digest,
        revision: 5,
    };
    let delta = DeltaPart {
        sequence: 1,
        revision: 6,
        base: digest,
        target: Digest::of_nothing(),
        upserts: vec![resource("web", b"one"), resource("db", b"")],
        removals: vec![ResourceKey { kind: 2, name: "old".into() }],
        seal: Some(Seal { time_ms: 1_700_000_000_000, signature: sign(b"") }),
        resyncs: 0,
    };
    let failure = Failure::new(FailureCode::VERSION, "no version in common", "bring it up");
    let text = String::from("why");
    vec![
        ("hello", Message::Hello(hello)),
        ("welcome", Message::Welcome(Welcome { version: 1, features, time_ms: 9, revision: 6 })),
        ("delta", Message::Delta(delta.clone())),
        ("delta_part", Message::Delta(DeltaPart { seal: None, ..delta })),
        (
            "applied",
            Message::Applied(Applied {
                sequence: 1,
                digest,
                refused: vec![refusal],
                more_refused: Some(2),
            }),
        ),
        ("resync", Message::Resync(Resync { digest, reason: ResyncReason::TARGET, text })),
        ("failure", Message::Failure(failure)),
        ("request", Message::Request(exchange.clone())),
        ("response", Message::Response(exchange)),
        ("status", Message::Status(Status { body: vec![1].into() })),
        ("ping", Message::Ping(Nonce { nonce: 1 })),
        ("pong", Message::Pong(Nonce { nonce: u64::MAX })),
    ]
}

#[test]
fn every_message_has_the_bytes_that_are_laid_down() {
    for (name, message) in samples() {
        let bytes = netloom_cbor::to_bytes(&message);
        let path = folder().join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &bytes).unwrap();
        }
        assert_eq!(fs::read(&path).unwrap(), bytes, "{name}");
        assert_eq!(Message::read(&bytes).as_ref(), Ok(&message), "{name}");
        for end in 0..bytes.len() {
            let cut = Message::read(&bytes[..end]);
            assert!(matches!(cut, Err(ReadError::Malformed(_))), "{name} cut to {end}");
        }
    }
}

#[test]
fn the_corpus_replays_without_panic() {
    let corpus = corpus();
    corpus.iter().for_each(|bytes| fuzz::stream(bytes));
    // What the corpus is for would be lost silently if it were all refused one day.
    let read = corpus.iter().filter(|bytes| Message::read(bytes).is_ok()).count();
    assert!((12..corpus.len() - 10).contains(&read), "{read} of {}", corpus.len());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_changes_of_the_corpus_never_panic(
        pick in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        is_framed in any::<bool>(),
    ) {
        let corpus = corpus();
        let mut bytes = corpus[pick.index(corpus.len())].clone();
        for (place, byte) in changes {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
        }
        if is_framed {
            bytes = crate::world::framed(&bytes);
        }
        fuzz::stream(&bytes);
    }
}
