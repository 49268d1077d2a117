//! The show `bad-files`: every error of every broken file is reported, with its place and cure.

use super::{Report, Show, not_built};

pub(crate) const SHOW: Show = Show {
    name: "bad-files",
    about: "every error of every broken file is reported, with its place and cure",
    run,
};

fn run(_options: &[String]) -> anyhow::Result<Report> {
    not_built()
}
