//! The table of behaviours, by chapter.

mod acls;
mod addresses;
mod gateways;
mod groups;
mod peerings;
mod routes;

use super::{Case, Chapter, Proof};

/// All of them.
pub const CHAPTERS: &[Chapter] = &[
    Chapter {
        title: "Security groups",
        fabric: include_str!("fabrics/groups.yaml"),
        cases: groups::CASES,
    },
    Chapter {
        title: "Network ACLs",
        fabric: include_str!("fabrics/acls.yaml"),
        cases: acls::CASES,
    },
    Chapter {
        title: "Route tables",
        fabric: include_str!("fabrics/routes.yaml"),
        cases: routes::CASES,
    },
    Chapter {
        title: "Gateways",
        fabric: include_str!("fabrics/gateways.yaml"),
        cases: gateways::CASES,
    },
    Chapter {
        title: "Peering",
        fabric: include_str!("fabrics/peerings.yaml"),
        cases: peerings::CASES,
    },
    Chapter {
        title: "Subnets, addresses and interfaces",
        fabric: include_str!("fabrics/addresses.yaml"),
        cases: addresses::CASES,
    },
];

const fn packets(
    behaviour: &'static str,
    page: &'static str,
    attempts: &'static [&'static str],
) -> Case {
    Case { behaviour, page, differs: None, proof: Proof::Packets(attempts) }
}

const fn refused(
    behaviour: &'static str,
    page: &'static str,
    texts: &'static [(&'static str, &'static str)],
) -> Case {
    Case { behaviour, page, differs: None, proof: Proof::Refused(texts) }
}

impl Case {
    /// A behaviour that Netloom means not to copy: what it does in its place, and why.
    const fn instead(self, what: &'static str) -> Self {
        Self { differs: Some(what), ..self }
    }
}
