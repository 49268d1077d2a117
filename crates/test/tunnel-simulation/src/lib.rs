//! Nodes in memory on virtual time, on links that do all that links do, by seed.
//!
//! ```text
//! scenario + seed ─► World: nodes, links, what was sent ─► disturbances for minutes ─► all is healed ─► Outcome
//! ```
//! A [`scenario`] says how many nodes there are and what may happen to them; the seed decides when, and to
//! whom. The world ([`world`]) looks at every packet and every datagram: nothing is delivered twice, altered,
//! or from a stranger; each packet is passed on or counted under a reason; queues stay within their limits.
//! In the end, when links are good and declarations agree, every pair must hear of each other in bounded time.
#![forbid(unsafe_code)]

pub mod disturbance;
pub mod host;
pub mod link;
mod packet;
pub mod scenario;
pub mod totals;
pub mod world;

pub use scenario::{Outcome, ROUNDS, SCENARIOS, Scenario, run};
