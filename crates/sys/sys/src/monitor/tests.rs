//! Notifications as the kernel sends them are read; what lies or is cut short is refused.

use super::decode::{TableNews, read_routing, read_table};
use super::{Author, Change, Object, keep_table};
use crate::netlink::Message;
use std::collections::BTreeSet;

fn datagram(kind: u16, port: u32, fill: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut message = Message::new(kind, 0);
    fill(&mut message);
    let mut bytes = message.seal(0, 1).unwrap().to_vec();
    bytes[12..16].copy_from_slice(&port.to_ne_bytes());
    bytes
}

#[test]
fn a_deleted_route_names_its_destination_and_its_requester() {
    // `struct rtmsg`: IPv4, /16, table 254, protocol 0x6e, unicast.
    let bytes = datagram(25, 77, |message| {
        message.fixed(&[2, 16, 0, 0, 254, 0x6e, 0, 1, 0, 0, 0, 0]).bytes(1, &[10, 1, 0, 0]);
    });
    let object =
        Object::Route { protocol: 0x6e, table: 254, destination: "10.1.0.0/16".parse().unwrap() };
    let mut change = Change { object, gone: true, port: 77, author: None };
    assert_eq!(read_routing(&bytes), [change.clone()]);
    change.author = Some(Author { pid: 77, name: Some("ip".into()) });
    assert_eq!(change.to_string(), "route 10.1.0.0/16 table 254 removed by ip (process 77)");
}

#[test]
fn a_neighbour_that_is_gone_is_told_whatever_its_state() {
    let bytes = datagram(29, 5, |message| {
        message.fixed(&[2, 0, 0, 0, 3, 0, 0, 0, 0x20, 0, 0, 0]).bytes(1, &[169, 254, 1, 1]);
    });
    let address = "169.254.1.1".parse().unwrap();
    let found = read_routing(&bytes);
    assert_eq!(found[0].object, Object::Neighbour { index: 3, address });
    assert!(found[0].gone);
}

#[test]
fn what_cannot_be_read_may_have_been_anything() {
    let short = datagram(25, 1, |message| {
        message.fixed(&[2; 4]);
    });
    for bytes in [&[1u8, 2, 3][..], &short] {
        let found = read_routing(bytes);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].object, Object::Unknown);
    }
    assert!(read_routing(&datagram(7, 1, |_| {})).is_empty(), "messages of other kinds");
}

#[test]
fn a_transaction_is_told_by_its_author_and_once_for_each_table() {
    let of_table = |kind: u16, family: u8, table: &str| {
        datagram((10 << 8) | kind, 9, |message| {
            message.fixed(&[family, 0, 0, 0]).text(1, table);
        })
    };
    let commit = datagram((10 << 8) | 15, 9, |message| {
        message.fixed(&[0; 4]).be32(1, 4).be32(2, 1009).text(3, "nft");
    });
    let (mut pending, mut changes) = (BTreeSet::new(), Vec::new());
    let parts = [of_table(7, 1, "netloom"), of_table(7, 1, "netloom"), of_table(2, 2, "other")];
    for bytes in parts.iter().chain([&commit]) {
        for news in read_table(bytes) {
            keep_table(&mut pending, news, &mut changes);
        }
    }
    let object = Object::Table { name: "netloom".into() };
    let author = Some(Author { pid: 9, name: Some("nft".into()) });
    assert_eq!(changes, [Change { object, gone: false, port: 9, author }]);
    assert!(pending.is_empty());
    // A further socket of a process has a port that is no process id; the commit names it.
    let far = datagram((10 << 8) | 15, 0xf000_0001, |message| {
        message.fixed(&[0; 4]).be32(2, 1009).text(3, "nft");
    });
    let gone = read_table(&of_table(2, 1, "netloom"));
    assert_eq!(gone, [TableNews::Touched { table: "netloom".into(), gone: true }]);
    for news in gone.into_iter().chain(read_table(&far)) {
        keep_table(&mut pending, news, &mut changes);
    }
    assert!(changes[1].gone);
    assert_eq!(changes[1].author.as_ref().map(|author| author.pid), Some(1009));
}
