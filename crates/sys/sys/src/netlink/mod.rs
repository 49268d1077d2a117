//! Netlink (RFC 3549): messages, attributes, acknowledgements and the socket that carries them.

mod error;
mod message;
mod parse;
mod socket;

pub use error::{Malformed, NetlinkError, Refusal};
pub use message::Message;
pub(crate) use parse::text;
pub use parse::{Acknowledgement, Attribute, Attributes, Frame, Frames};
pub use socket::{NetlinkSocket, Protocol, Reply};

/// Bytes of `struct nlmsghdr`.
pub const HEADER_BYTES: usize = 16;

/// Rounds up to the alignment of messages and attributes.
pub(crate) const fn align(bytes: usize) -> usize {
    bytes.saturating_add(3) & !3
}

#[cfg(test)]
mod tests;
