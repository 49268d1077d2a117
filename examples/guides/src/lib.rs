//! What the samples share: where control is.
#![forbid(unsafe_code)]

use netloom::network::Config;

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
