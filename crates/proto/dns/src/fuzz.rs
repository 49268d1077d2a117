//! Entry points for fuzzing: plain functions over bytes, replayed by an ordinary test.

use crate::message::Message;
use crate::query::{Handling, Transport, handle};
use crate::zone::{ServicePlace, Zone, ZoneInput};

/// Reads a message, shows and rewrites it, and lets a small zone answer it over both transports.
/// What is written must be readable, and within its limit.
pub fn message(bytes: &[u8]) {
    if let Ok(message) = Message::parse(bytes) {
        for record in message.answers.iter().chain(&message.authorities) {
            let _ = crate::data::Data::of(record).to_string();
        }
        let again = Message::parse(&message.to_bytes(usize::MAX)).expect("what is written reads");
        assert_eq!(again.answers, message.answers);
        assert!(message.to_bytes(512).len() <= 512 + 12);
    }
    let zone = zone();
    for (transport, limit) in [(Transport::Udp, 1232), (Transport::Tcp, 65_535)] {
        if let Handling::Reply(reply) = handle(&zone, bytes, transport) {
            assert!(reply.bytes.len() <= limit);
            let reply = Message::parse(&reply.bytes).expect("what is written reads");
            assert!(reply.header.response);
        }
    }
}

fn zone() -> Zone {
    let mut input = ZoneInput { domain: "app.internal".into(), ..ZoneInput::default() };
    input.addresses.insert("web.app.internal".into(), vec![[10, 0, 0, 4].into()]);
    input.reverse.insert([10, 0, 0, 4].into(), "web.app.internal".into());
    let place =
        ServicePlace { priority: 0, weight: 1, port: 80, target: "web.app.internal".into() };
    input.services.insert("_api._tcp.app.internal".into(), vec![place]);
    Zone::new(&input).expect("constants")
}
