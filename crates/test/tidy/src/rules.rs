//! The rules, one module each: `check` reads a repository and returns what breaks the rule.

pub mod architecture;
pub mod changelog;
pub mod clauses;
pub mod commands;
pub mod decisions;
pub mod dependencies;
pub mod diagnostics;
pub mod examples;
pub mod fuzzing;
pub mod ledger;
pub mod leftovers;
pub mod links;
pub mod manifests;
pub mod names;
pub mod purity;
pub mod safety;
pub mod sizes;
pub mod storeys;
