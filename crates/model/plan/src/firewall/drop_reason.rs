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
/// The sender's subnet's network ACL does not allow it.
pub const ACL_EGRESS_DENIED: &str = "acl-egress-denied";
/// The receiver's subnet's network ACL does not allow it.
pub const ACL_INGRESS_DENIED: &str = "acl-ingress-denied";
/// It is of a connection that another gateway has begun to translate, and is reset.
pub const LOST_CONNECTION: &str = "lost-connection";
/// It came from outside, by a gateway that lets connections out only.
pub const FROM_OUTSIDE: &str = "from-outside";
/// It came from a network for the node's own stack, or for another network, by way of that stack.
pub const INTO_FABRIC: &str = "into-fabric";
/// It came from the underlay for an address in the fabric.
pub const FROM_UNDERLAY: &str = "from-underlay";
/// It was about to leave to the underlay with an address in the fabric.
pub const TO_UNDERLAY: &str = "to-underlay";
/// It was for the network itself, which only answers DNS and echo.
pub const INPUT_DENIED: &str = "input-denied";
