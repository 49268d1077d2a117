//! The show `no-cleartext`: no fabric packet leaves in clear while everything is killed and restarted.

use super::{Report, Show, not_built};

pub(crate) const SHOW: Show = Show {
    name: "no-cleartext",
    about: "no fabric packet leaves in clear while everything is killed and restarted",
    run,
};

fn run(_options: &[String]) -> anyhow::Result<Report> {
    not_built()
}
