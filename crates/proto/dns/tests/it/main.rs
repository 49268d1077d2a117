//! The fuzzing corpus and random messages through the fuzzing entry points.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use netloom_dns::{Header, Message, Name, Question, Record, RecordType, fuzz};
use proptest::prelude::*;
use std::fs;
use std::path::PathBuf;

fn corpus() -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/corpus/dns_message");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn the_corpus_replays_without_panic() {
    let corpus = corpus();
    assert!(corpus.len() >= 30);
    for bytes in &corpus {
        fuzz::message(bytes);
    }
    // What the corpus is for would be lost silently if it were all refused one day.
    let read = corpus.iter().filter(|bytes| Message::parse(bytes).is_ok()).count();
    assert!((15..corpus.len()).contains(&read), "{read} of {}", corpus.len());
}

#[test]
fn a_message_of_pointers_is_refused_fast() {
    let mut bytes = vec![0, 0, 0x80, 0, 0, 0, 0x13, 0x88, 0, 0, 0, 0];
    for place in 0..30_000u16 {
        let target = if place < 1 { 4 } else { (10 + place * 2).min(0x3ffe) };
        bytes.extend_from_slice(&(0xc000 | target).to_be_bytes());
    }
    fuzz::message(&bytes);
}

fn name() -> impl Strategy<Value = Name> {
    let label = proptest::collection::vec(any::<u8>().prop_map(|byte| b'a' + byte % 3), 1..4);
    proptest::collection::vec(label, 1..5).prop_map(|labels| {
        let labels: Vec<String> =
            labels.into_iter().map(|label| String::from_utf8(label).unwrap()).collect();
        labels.join(".").parse().unwrap()
    })
}

fn record() -> impl Strategy<Value = Record> {
    let data = (name(), name(), 0..4u8).prop_map(|(first, second, kind)| {
        let (first, second) = (first.as_wire(), second.as_wire());
        match kind {
            0 => (RecordType::PTR, first.to_vec()),
            1 => (RecordType::SRV, [&[0, 1, 0, 2, 0, 80], first].concat()),
            2 => (RecordType::SOA, [first, second, &[7; 20]].concat()),
            _ => (RecordType(999), second.to_vec()),
        }
    });
    (name(), data, 0..1000u32)
        .prop_map(|(name, (record_type, data), ttl)| Record::new(name, record_type, ttl, data))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(
        question in name(),
        answers in proptest::collection::vec(record(), 0..20),
        limit in 12..600usize,
    ) {
        let message = Message {
            header: Header::query(7),
            questions: vec![Question::new(question, RecordType::A)],
            answers,
            authorities: Vec::new(),
            additionals: Vec::new(),
            edns: None,
        };
        let whole = Message::parse(&message.to_bytes(65_535)).unwrap();
        prop_assert_eq!(&whole, &message);
        let bytes = message.to_bytes(limit);
        prop_assert!(bytes.len() <= limit);
        let cut = Message::parse(&bytes).unwrap();
        prop_assert_eq!(&cut.answers[..], &message.answers[..cut.answers.len()]);
        prop_assert_eq!(cut.header.truncated, cut.answers.len() < message.answers.len());
    }

    #[test]
    fn random_changes_of_the_corpus_never_panic(
        pick in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let corpus = corpus();
        let mut bytes = corpus[pick.index(corpus.len())].clone();
        for (place, byte) in changes {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
        }
        fuzz::message(&bytes);
    }
}
