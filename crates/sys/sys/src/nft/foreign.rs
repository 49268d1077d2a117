//! Base chains of any table that drop what they do not allow: what may be in the way.

use super::observe::decode_chain;
use super::uapi;
use crate::netlink::{Message, NetlinkError, NetlinkSocket};
use netloom_state::nft::Hook;

/// `NFPROTO_UNSPEC`: tables of every family.
const ANY_FAMILY: u8 = 0;

/// A base chain whose policy is to drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropChain {
    /// `ip`, `ip6`, `inet`, or a number.
    pub family: String,
    /// Its table.
    pub table: String,
    /// Its name.
    pub chain: String,
    /// Where it is.
    pub hook: Hook,
}

/// All base chains of the namespace whose policy is to drop, of programs such as Docker too.
pub fn read_drop_chains(socket: &mut NetlinkSocket) -> Result<Vec<DropChain>, NetlinkError> {
    let mut message = Message::new((uapi::SUBSYSTEM << 8) | uapi::GETCHAIN, 0);
    message.fixed(&[ANY_FAMILY, 0, 0, 0]);
    let mut found = Vec::new();
    for reply in socket.dump(&mut message)? {
        let (table, chain, base) = decode_chain(&reply.payload)?;
        let family = match reply.payload.first().copied() {
            Some(uapi::NFPROTO_INET) => "inet".to_owned(),
            Some(uapi::NFPROTO_IPV4) => "ip".to_owned(),
            Some(uapi::NFPROTO_IPV6) => "ip6".to_owned(),
            other => other.unwrap_or(0).to_string(),
        };
        if let Some(base) = base.filter(|base| !base.accept) {
            found.push(DropChain { family, table, chain, hook: base.hook });
        }
    }
    Ok(found)
}
