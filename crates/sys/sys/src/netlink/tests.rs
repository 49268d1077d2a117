//! Attributes survive being built and read; hostile bytes are refused, never followed.

use super::{Acknowledgement, Attributes, Frames, Malformed, Message, NetlinkError};
use proptest::prelude::*;

/// A tree of attributes.
#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Leaf(Vec<u8>),
    Nest(Vec<(u16, Self)>),
}

fn trees() -> impl Strategy<Value = Vec<(u16, Tree)>> {
    let leaf = proptest::collection::vec(any::<u8>(), 0..30).prop_map(Tree::Leaf);
    let tree = leaf.prop_recursive(3, 30, 5, |inner| {
        proptest::collection::vec((0u16..0x4000, inner), 0..5).prop_map(Tree::Nest)
    });
    proptest::collection::vec((0u16..0x4000, tree), 0..6)
}

fn build(message: &mut Message, trees: &[(u16, Tree)]) {
    for (kind, tree) in trees {
        match tree {
            Tree::Leaf(bytes) => drop(message.bytes(*kind, bytes)),
            Tree::Nest(inner) => drop(message.nest(*kind, |message| build(message, inner))),
        }
    }
}

fn check(attributes: Attributes<'_>, trees: &[(u16, Tree)]) -> Result<(), TestCaseError> {
    prop_assert_eq!(attributes.iter().count(), trees.len());
    for (attribute, (kind, tree)) in attributes.iter().zip(trees) {
        prop_assert_eq!(attribute.kind, *kind);
        match tree {
            Tree::Leaf(bytes) => prop_assert_eq!(attribute.value, bytes.as_slice()),
            Tree::Nest(inner) => check(Attributes::parse(attribute.value).unwrap(), inner)?,
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn attributes_survive_a_round_trip(trees in trees(), kind: u16, sequence: u32) {
        let mut message = Message::new(kind, 0x300);
        build(message.fixed(&[1, 2, 3, 4]), &trees);
        let mut bytes = message.seal(1, sequence).unwrap().to_vec();
        bytes.extend_from_slice(&bytes.clone());
        let frames: Vec<_> = Frames::new(&bytes).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(frames.len(), 2);
        for frame in frames {
            prop_assert_eq!((frame.kind, frame.flags, frame.sequence), (kind, 0x301, sequence));
            check(Attributes::after(frame.payload, 4).unwrap(), &trees)?;
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        crate::fuzz::netlink_reply(&bytes);
    }

    #[test]
    fn broken_replies_never_panic(
        trees in trees(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let mut message = Message::new(2, 0x200);
        build(message.fixed(&[0; 4]), &trees);
        let mut bytes = message.seal(0, 1).unwrap().to_vec();
        for (index, byte) in flips {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        crate::fuzz::netlink_reply(&bytes);
    }
}

#[test]
fn lengths_that_lie_are_refused() {
    let cases: [(&[u8], &str); 3] = [
        (&[0; 15], "shorter than its header"),
        (&[0xff; 16], "its length lies"),
        (&[15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "its length lies"),
    ];
    for (bytes, reason) in cases {
        assert_eq!(Frames::new(bytes).next(), Some(Err(Malformed(reason))));
    }
    for bytes in [[3, 0, 1, 0], [5, 0, 1, 0], [0; 4]] {
        assert_eq!(Attributes::parse(&bytes), Err(Malformed("an attribute's length lies")));
    }
    let padding = Attributes::parse(&[4, 0, 9, 0x80, 1, 2]).unwrap();
    assert_eq!(padding.iter().map(|attribute| attribute.kind).collect::<Vec<_>>(), [9]);
}

#[test]
fn an_overlong_attribute_is_an_error_not_a_short_one() {
    let mut message = Message::new(1, 0);
    message.bytes(1, &vec![0; 70_000]);
    let error = message.seal(0, 1).unwrap_err();
    assert!(matches!(error, NetlinkError::TooLong { bytes: 70_004, limit: 65_535, .. }));
}

#[test]
fn a_refusal_carries_the_kernels_words_and_a_remedy() {
    // With NETLINK_CAP_ACK: the error, the request's header alone, then the attributes.
    let mut message = Message::new(2, 0x300);
    message.fixed(&(-libc::EPERM).to_ne_bytes()).fixed(&[0; 16]).text(1, "not yours");
    let bytes = message.seal(0, 1).unwrap();
    let frame = Frames::new(bytes).next().unwrap().unwrap();
    let Acknowledgement(refusal) = Acknowledgement::parse(&frame).unwrap();
    assert_eq!((refusal.errno, refusal.text.as_deref()), (libc::EPERM, Some("not yours")));
    let text = NetlinkError::Refused(refusal).to_string();
    assert!(text.contains("\"not yours\"") && text.contains("run as root"), "{text}");
}

#[test]
fn the_corpus_is_replayed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../fuzz/corpus/netlink_reply");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        crate::fuzz::netlink_reply(&std::fs::read(entry.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files >= 8, "{files} files");
}
