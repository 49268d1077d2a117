//! Files in which one VPC, its subnets, groups and network ACLs stand, as ClusterDB writes them.

mod network;
mod security;

pub(crate) use network::network;
pub(crate) use security::{matched, security};
