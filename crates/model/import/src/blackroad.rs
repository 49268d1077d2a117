//! Files of a self-hosted platform, as BlackRoad writes them: regions, groups, a program with peerings.

mod firewall;
mod network;
mod peering;

pub(crate) use firewall::{firewall, groups, side};
pub(crate) use network::{network, sites};
pub(crate) use peering::peering;
