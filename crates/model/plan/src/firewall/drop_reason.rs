//! Names of the rules whose counters say why packets were dropped.

/// The source address is not the sender's.
pub const SPOOFED_SOURCE: &str = "spoofed-source";
/// The packet belongs to no connection and begins none.
pub const INVALID: &str = "invalid-state";
/// It came through the tunnel for nobody here.
pub const TRANSIT: &str = "transit";
/// The sender's policy does not allow it.
pub const EGRESS_DENIED: &str = "egress-denied";
/// The receiver's policy does not allow it.
pub const INGRESS_DENIED: &str = "ingress-denied";
/// It came from the underlay for an address in the fabric.
pub const FROM_UNDERLAY: &str = "from-underlay";
/// It was about to leave to the underlay with an address in the fabric.
pub const TO_UNDERLAY: &str = "to-underlay";
/// It was for the network itself, which only answers DNS and echo.
pub const INPUT_DENIED: &str = "input-denied";
