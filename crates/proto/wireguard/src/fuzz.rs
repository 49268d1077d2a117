//! Entry points for fuzzing: plain functions over bytes, replayed by an ordinary test.

use crate::gate::Gate;
use crate::identity::Identity;
use crate::key::PrivateKey;
use crate::message::Message;
use netloom_base::{Seed, Time};

/// Parses a datagram and carries it as far as a stranger's bytes get without a tunnel.
pub fn message(bytes: &[u8]) {
    let identity = Identity::new(PrivateKey::from_seed(Seed::from_number(1)));
    let source = ([192, 0, 2, 1], 51820).into();
    let mut gate = Gate::new(0, Seed::from_number(2), Time::ZERO);
    match Message::parse(bytes) {
        Ok(Message::Initiation(initiation)) => {
            let _ = identity.is_addressed(&initiation.macs());
            let _ = gate.admit(Time::ZERO, source, &identity, &initiation.macs(), 0);
            let _ = identity.open(&initiation);
        }
        Ok(Message::Response(response)) => {
            let _ = identity.is_addressed(&response.macs());
            let _ = gate.admit(Time::ZERO, source, &identity, &response.macs(), 0);
        }
        Ok(Message::CookieReply(reply)) => {
            let _ = reply.receiver();
        }
        Ok(Message::Data(_)) | Err(_) => {}
    }
}
