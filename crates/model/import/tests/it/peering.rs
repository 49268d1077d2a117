//! Programs that make peerings.

use super::*;

pub(crate) const PROGRAM: &str = "\
from net import VPCPeering

PEERINGS = [
    VPCPeering(
        id='Prod to Edge',  # a comment
        source_vpc=\"us-west\", target_vpc=\"eu-west\",
        source_cidr=\"10.0.0.0/16\", target_cidr=\"10.1.0.0/16\",
        status='active', mood='good',
    ),
    {'id': 'pcx-2', 'source_vpc': 'us-west', 'target_vpc': 'far', 'target_cidr': '10.9.0.0/16', 'status': 'pending'},
    {'source_vpc': 'us-west', 'target_vpc': 'nowhere'},
]

async def main(provider):
    await provider.create_vpc_peering(source_vpc='eu-west', target_vpc=\"far\")
    provider.create_vpc_peering(source_vpc=a, target_vpc=b)
";

#[test]
fn literals_are_peerings_and_variables_are_not() {
    let imported = import(&[source("cases/blackroad/network.yaml"), text("peer.py", PROGRAM)]);
    for line in [
        "prod-to-edge: { networks: [us-west, eu-west], status: active, routes: auto }",
        "pcx-2: { networks: [us-west, far], status: pending, routes: auto }",
        "eu-west-far: { networks: [eu-west, far], status: active, routes: auto }",
        "far: { cidr: [10.9.0.0/16] }",
    ] {
        assert!(imported.yaml.contains(line), "{line}\n{}", imported.yaml);
    }
    let call = "main().\"provider.create_vpc_peering()\"";
    for (path, expected) in [
        ("PEERINGS[0].VPCPeering().id".to_owned(), Outcome::Approximated),
        ("PEERINGS[0].VPCPeering().source_cidr".to_owned(), Outcome::Exact),
        ("PEERINGS[0].VPCPeering().mood".to_owned(), Outcome::Refused),
        ("PEERINGS[1].id".to_owned(), Outcome::Exact),
        ("PEERINGS[2].target_vpc".to_owned(), Outcome::Refused),
        ("main().provider".to_owned(), Outcome::Refused),
        (format!("{call}.source_vpc"), Outcome::Exact),
    ] {
        assert_eq!(outcome(&imported, &path), expected, "{path}");
    }
    let mut variables =
        imported.account.entries.iter().filter(|one| one.path == format!("{call}.source_vpc"));
    assert_eq!(variables.next_back().map(|entry| entry.outcome), Some(Outcome::Approximated));
}

#[test]
fn a_program_that_knows_no_peering_is_no_source() {
    let error = Import::default().run(&[text("a.py", "print('hello')\n")]).unwrap_err();
    assert!(error.to_string().contains("--as"), "{error}");
}
