//! What the samples share: where control is, and whose keys peers have.
#![forbid(unsafe_code)]

use netloom::network::Config;
use netloom::vpn::{generate_private_key, public_key};
use std::error::Error;

/// Control as the first argument says: the path of its socket, or the name of a fabric on this host; else
/// the fabric `clusterdb`.
pub fn config() -> Config {
    match std::env::args().nth(1) {
        Some(socket) if socket.contains('/') => Config::unix(socket),
        Some(fabric) => Config::local(&fabric),
        None => Config::local("clusterdb"),
    }
    .with_author(env!("CARGO_PKG_NAME"))
}

/// The public key of the sample's peer of this number, from 0 on: an argument after the folder of keys, for whoever has such a
/// peer; else one that a peer could have. In the guides it is a placeholder.
///
/// # Errors
/// The system gives no random bytes.
pub fn peer_key(number: usize) -> Result<String, Box<dyn Error>> {
    match std::env::args().nth(3 + number) {
        Some(key) => Ok(key),
        None => Ok(public_key(&generate_private_key()?)?),
    }
}
