//! A fabric with one node, for which a test speaks.

use crate::declared::Declared;
use crate::http::Desk;
use crate::office::{self, Office, OfficeError};
use crate::proposal::Origin;
use crate::record::{NodeRecord, node_name};
use netloom_cbor::to_bytes;
use netloom_control_protocol::{Feed, Refusal};
use std::collections::BTreeMap;

/// What concerns the node.
pub(in crate::http) const NETWORK: &str = "networks: { n: { cidr: 10.0.0.0/16 } }\n\
    subnets: { n: { network: n, cidr: 10.0.1.0/24 } }\n\
    workloads: { a: { node: alpha, subnet: n, attach: { serve: { tcp: 80 } } } }\n";

/// The fabric's file, with more in it.
pub(in crate::http) fn file(more: &str) -> String {
    format!(
        "version: 1\nfabric: shop\nregions: {{ here: {{}} }}\nnodes: {{ alpha: {{ region: here }} }}\n{more}"
    )
}

/// The same, as it is declared.
pub(in crate::http) fn declared(more: &str) -> Declared {
    let texts = BTreeMap::from([("s.yaml".to_owned(), file(more))]);
    Declared { roots: vec!["s.yaml".to_owned()], texts, api: None }
}

/// Makes the next revision, past the API.
pub(in crate::http) fn declare(office: &Office, more: &str) -> u64 {
    let declared = declared(more);
    office.apply(|_| declared.clone(), &Origin::default(), None).unwrap().revision
}

/// The node `alpha` has joined and is connected. It holds nothing yet.
pub(in crate::http) fn connect(desk: &Desk) {
    let record = NodeRecord::approved();
    let put = office::put(node_name("alpha"), to_bytes(&record));
    desk.office.update(|_, _| Ok::<_, OfficeError>(vec![put.clone()])).unwrap();
    desk.office.observe("alpha", |node| node.connected = true);
}

/// It holds what it shall hold, as far as it does not refuse `what`.
pub(in crate::http) fn answer(desk: &Desk, what: Option<&str>) {
    let refusal = |name: &str| Refusal {
        kind: netloom_resource::Kind::Fabric as u16,
        name: name.to_owned(),
        version: [0; 32],
        reason: "no".to_owned(),
    };
    refuse(desk, what.map(refusal));
}

/// It holds what it shall hold, but for what it refuses.
pub(in crate::http) fn refuse(desk: &Desk, what: Option<Refusal>) {
    let held = desk.office.with_feed("alpha", Feed::digest);
    let commit = desk.office.world().version;
    desk.office.observe("alpha", |node| {
        node.held = held;
        node.refuse(commit, what.into_iter().collect());
    });
}
