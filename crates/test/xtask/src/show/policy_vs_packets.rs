//! The show `policy-vs-packets`: the reachability engine, explain and real packets agree on random fabrics.

use super::{Report, Show, not_built};

pub(crate) const SHOW: Show = Show {
    name: "policy-vs-packets",
    about: "the reachability engine, explain and real packets agree on random fabrics",
    run,
};

fn run(_options: &[String]) -> anyhow::Result<Report> {
    not_built()
}
