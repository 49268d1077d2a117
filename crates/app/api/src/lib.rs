//! What is said over control's HTTP API, version 1: JSON, the same for the command line, the SDK and the dashboard.
//!
//! Every path begins with [`PREFIX`]. An answer with a status of 400 and above is an [`Error`]. Fields
//! may be added; none is renamed or removed within a version. A request with a field that it does not
//! have is refused, since what was meant by it would not be done; but for [`Join`], by which nodes of later versions
//! are admitted.
#![forbid(unsafe_code)]

mod access;
mod change;
mod connectivity;
mod error;
mod join;
mod network;
mod object;
mod peer;
mod status;

pub use access::{Access, AccessMade, MakeAccess, Me};
pub use change::{
    Applied, Apply, Flow, NodeChange, NodeRefusal, Plan, Proposed, Rename, Revision, Rollback,
    Sources,
};
pub use connectivity::{
    Connectivity, FlowTried, Matrix, MatrixCell, MatrixClass, TestConnectivity,
};
pub use error::{Error, Finding};
pub use join::{Etcd, Join, Joined, MakeToken, MemberKeys, Token, TokenMade};
pub use network::{
    Connect, Disconnect, Gateway, MakeNetwork, Member, Network, Peering, Route, RouteTable, Rule,
    RuleSet, Subnet,
};
pub use object::{Declare, DeclareAll, Object, Objects, Withdraw};
pub use peer::{Peer, SetPeerKey};
pub use status::{ControlMember, Node, Status, Workload};

/// Before every path.
pub const PREFIX: &str = "/v1";

/// `GET /v1/openapi.json`: this API in the form of OpenAPI 3.1. Tests hold it to the types here and to
/// control's routes.
pub const OPENAPI: &str = include_str!("../openapi.json");
