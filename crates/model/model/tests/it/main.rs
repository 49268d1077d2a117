//! Broken files, hostile bytes and mutated files through the whole loader; places and addresses.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod broken;
mod corpus;
mod expectation;
mod generated;
mod leases;
mod mutated;
mod places;
mod reference;
mod whole;
