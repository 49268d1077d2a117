//! The show `wireguard-interop`: other implementations of WireGuard shake hands, transfer, rekey and roam with ours.

use super::{Report, Show, not_built};

pub(crate) const SHOW: Show = Show {
    name: "wireguard-interop",
    about: "other implementations of WireGuard shake hands, transfer, rekey and roam with ours",
    run,
};

fn run(_options: &[String]) -> anyhow::Result<Report> {
    not_built()
}
