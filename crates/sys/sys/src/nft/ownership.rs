//! Whose a table is: the owner and persist flags, orphans, and the fabric's mark.

use super::userdata::{comment, read_comment};
use super::{request, uapi};
use crate::netlink::{Attributes, Malformed, Message, NetlinkError, NetlinkSocket};

/// The table's owner, by netlink port id.
const TABLE_OWNER: u16 = 7;

/// What the kernel says about a table's ownership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableOwnership {
    /// The table's name.
    pub table: String,
    /// Our mark, `netloom:FABRIC`, where one was set.
    pub mark: Option<String>,
    /// The netlink port that owns it: only that socket may change it.
    pub owner: Option<u32>,
    /// Whether it outlives its owner.
    pub persist: bool,
}

impl TableOwnership {
    /// Whether its owner is gone, so that the first to ask becomes its owner.
    pub fn is_orphan(&self) -> bool {
        self.owner.is_none() && self.persist
    }

    pub(super) fn flags(&self) -> u32 {
        let owner = if self.owner.is_some() { uapi::TABLE_F_OWNER } else { 0 };
        owner | if self.persist { uapi::TABLE_F_PERSIST } else { 0 }
    }

    pub(super) fn decode(payload: &[u8]) -> Result<Self, Malformed> {
        let attributes = Attributes::after(payload, uapi::NFGENMSG_BYTES)?;
        let flags = attributes.be32(uapi::TABLE_FLAGS).unwrap_or(0);
        let owner = attributes.be32(TABLE_OWNER).unwrap_or(0);
        Ok(Self {
            table: attributes.text(uapi::TABLE_NAME).unwrap_or_default(),
            mark: attributes.get(uapi::TABLE_USERDATA).and_then(read_comment),
            owner: (flags & uapi::TABLE_F_OWNER != 0).then_some(owner),
            persist: flags & uapi::TABLE_F_PERSIST != 0,
        })
    }
}

/// The flags with which a table that does not exist yet is made: ours alone, and lasting.
///
/// Owner without persist would take the policy away with the process that made it.
pub const fn ownership_for_new_table() -> u32 {
    uapi::TABLE_F_OWNER | uapi::TABLE_F_PERSIST
}

/// The ownership of the table called `table`, if there is one.
pub fn find_table(
    socket: &mut NetlinkSocket,
    table: &str,
) -> Result<Option<TableOwnership>, NetlinkError> {
    let mut message = request(uapi::GETTABLE, 0);
    message.text(uapi::TABLE_NAME, table);
    match socket.request(&mut message) {
        Err(error) if error.errno() == Some(libc::ENOENT) => Ok(None),
        Err(error) => Err(error),
        Ok(replies) => match replies.first() {
            Some(reply) => Ok(Some(TableOwnership::decode(&reply.payload)?)),
            None => Ok(None),
        },
    }
}

/// Takes over a table whose owner is gone; `false` if it is no orphan or does not exist.
pub fn adopt_table(
    socket: &mut NetlinkSocket,
    table: &str,
) -> Result<bool, super::TransactionError> {
    match find_table(socket, table)? {
        Some(ownership) if ownership.is_orphan() => {
            super::commit(socket, table, ownership.mark.as_deref().unwrap_or_default(), &[])?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// The request that makes a table, or takes over an orphan.
pub(super) fn new_table(table: &str, mark: &str, flags: u32) -> Message {
    let mut message = request(uapi::NEWTABLE, uapi::NLM_F_CREATE);
    message.text(uapi::TABLE_NAME, table).be32(uapi::TABLE_FLAGS, flags);
    message.bytes(uapi::TABLE_USERDATA, &comment(mark));
    message
}
