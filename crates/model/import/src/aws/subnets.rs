//! `describe-subnets`.

use super::{ARN, Aws, OWNER};
use crate::draft::Subnet;
use ipnet::IpNet;

const LAUNCH: &str = "how addresses and names are given to instances; workloads have both always";
const IRRELEVANT: [(&str, &str); 4] = [
    ("OwnerId", OWNER),
    ("SubnetArn", ARN),
    ("AvailabilityZoneId", "the zone is known by its name"),
    ("AvailableIpAddressCount", "it is counted anew whenever addresses are given out"),
];
const REFUSED: [(&str, &str); 9] = [
    ("DefaultForAz", "no subnet is the default one: each workload names its own"),
    ("MapCustomerOwnedIpOnLaunch", LAUNCH),
    ("CustomerOwnedIpv4Pool", LAUNCH),
    ("PrivateDnsNameOptionsOnLaunch", LAUNCH),
    ("EnableLniAtDeviceIndex", "local network interfaces are of AWS Outposts"),
    ("OutpostArn", "hosts are nodes here, wherever they stand"),
    (
        "EnableDns64",
        "translation between IPv6 and IPv4 is not part of the network model; use both families",
    ),
    ("BlockPublicAccessStates", "what is public is said by gateways, routes and groups"),
    ("Type", "a subnet has one kind here"),
];

impl Aws<'_, '_> {
    /// Subnets.
    pub(super) fn subnets(&mut self) {
        for at in self.all("Subnets") {
            let Some(name) = self.own_name(at, "SubnetId") else { continue };
            let Some(network) = self.network_of(at) else { continue };
            if !self.lives(at, "State", &["available"]) {
                continue;
            }
            let mut cidrs: Vec<IpNet> = Vec::new();
            if let Some(cidr) = at.get("CidrBlock").filter(|cidr| cidr.text() != Some("")) {
                self.desk.subnet_prefix(cidr, "one of the subnet's `cidr`", &network, &mut cidrs);
            }
            let list = ["Ipv6CidrBlockAssociationSet", "Ipv6CidrBlock"];
            self.associated(at, list, Some(&network), &mut cidrs);
            if cidrs.is_empty() {
                self.desk.refuse_all(
                    at,
                    "a subnet needs a prefix of its own in its network, and none stands here",
                );
                continue;
            }
            self.irrelevant(at, &IRRELEVANT);
            self.refuse(at, &REFUSED);
            let mut made = Subnet { network: network.clone(), cidrs, ..Subnet::default() };
            if let Some(zone) = self.desk.take(at, "AvailabilityZone", "the subnet's `zone`") {
                made.zone = self.desk.zone(&network, zone);
            }
            for key in ["AssignIpv6AddressOnCreation", "Ipv6Native"] {
                if let Some(value) = at.get(key) {
                    let how = "a workload gets an address of each of its subnet's prefixes";
                    self.desk.approximated(value, how);
                }
            }
            made.tags = self.tags(at);
            self.desk.draft.subnets.insert(name, made);
        }
    }
}
