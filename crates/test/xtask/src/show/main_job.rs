//! The show `main-job`: the quickstart comes up without root or system tools, and leaves nothing behind.

use super::{Report, Show, not_built};

pub(crate) const SHOW: Show = Show {
    name: "main-job",
    about: "the quickstart comes up without root or system tools, and leaves nothing behind",
    run,
};

fn run(_options: &[String]) -> anyhow::Result<Report> {
    not_built()
}
