//! The names of a network, answered with authority.

mod local;

use crate::kind::{Rcode, RecordType};
use crate::limits::{ZONE_NEGATIVE_TTL_SECONDS, ZONE_TTL_SECONDS};
use crate::message::Message;
use crate::name::{Name, NameError};
use crate::query::Query;
use crate::record::{Record, address_data};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Seconds of the SOA that are meant for secondary servers, of which there are none: refresh,
/// retry, expire (RFC 1912 §2.2 has the values).
const SECONDARY_SECONDS: [u32; 3] = [1200, 180, 1_209_600];

/// What a zone is made of. Names are whole, with or without the dot at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneInput {
    /// The domain; names at and below it are answered here and nowhere else.
    pub domain: String,
    /// Version of the data, which the SOA shows.
    pub serial: u32,
    /// The addresses of the server itself; the domain's own name has them.
    pub server: Vec<IpAddr>,
    /// Addresses by name (A, AAAA).
    pub addresses: BTreeMap<String, Vec<IpAddr>>,
    /// The name of an address (PTR).
    pub reverse: BTreeMap<IpAddr, String>,
    /// Places where a service is served, by `_SERVICE._PROTOCOL.NAME` (SRV).
    pub services: BTreeMap<String, Vec<ServicePlace>>,
    /// Other domains that are answered here too. A name that is the zone's own, or that of a domain
    /// before, is answered as there.
    pub beside: Vec<Domain>,
}

/// The names of another domain, whole as well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domain {
    /// The domain; names at and below it are answered here and nowhere else.
    pub domain: String,
    /// Addresses by name (A, AAAA).
    pub addresses: BTreeMap<String, Vec<IpAddr>>,
    /// The name of an address (PTR).
    pub reverse: BTreeMap<IpAddr, String>,
    /// Places where a service is served, by `_SERVICE._PROTOCOL.NAME` (SRV).
    pub services: BTreeMap<String, Vec<ServicePlace>>,
}

/// The data of an SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServicePlace {
    /// Lowest first.
    pub priority: u16,
    /// Share among those of one priority.
    pub weight: u16,
    /// Port.
    pub port: u16,
    /// Name of the host.
    pub target: String,
}

/// Why no zone can be made of an input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ZoneError {
    /// A name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A name that is to be answered is not below the domain.
    #[error("{name} is not below the domain {domain}; only names of the network are answered")]
    Outside {
        /// The name.
        name: Name,
        /// The domain.
        domain: Name,
    },
}

/// The data of one name, by type.
type Node = BTreeMap<RecordType, Vec<Vec<u8>>>;

/// Addresses by name, names by address, places by service.
type Names<'a> = (
    &'a BTreeMap<String, Vec<IpAddr>>,
    &'a BTreeMap<IpAddr, String>,
    &'a BTreeMap<String, Vec<ServicePlace>>,
);

/// A zone in memory, together with the reverse names of its addresses and those zones that every
/// resolver answers itself (RFC 6303). It does not change: a new one takes its place.
#[derive(Clone, Debug)]
pub struct Zone {
    domain: Name,
    beside: Vec<Name>,
    serial: u32,
    nodes: BTreeMap<Name, Node>,
}

impl Zone {
    /// Builds the zone.
    pub fn new(input: &ZoneInput) -> Result<Self, ZoneError> {
        let domain: Name = input.domain.parse()?;
        let (beside, nodes) = (Vec::new(), BTreeMap::new());
        let mut zone = Self { domain: domain.clone(), beside, serial: input.serial, nodes };
        let ZoneInput { addresses, reverse, services, .. } = input;
        zone.insert_domain(&domain, &input.server, (addresses, reverse, services))?;
        for other in &input.beside {
            let domain: Name = other.domain.parse()?;
            let nodes = std::mem::take(&mut zone.nodes);
            let Domain { addresses, reverse, services, .. } = other;
            zone.insert_domain(&domain, &input.server, (addresses, reverse, services))?;
            // What was known before is in the place of what has the same name.
            zone.nodes.extend(nodes);
            zone.beside.push(domain);
        }
        zone.insert_addresses(&local::localhost(), &local::LOOPBACK);
        Ok(zone)
    }

    fn insert_domain(
        &mut self,
        domain: &Name,
        server: &[IpAddr],
        (addresses, reverse, services): Names<'_>,
    ) -> Result<(), ZoneError> {
        self.insert(domain.clone(), RecordType::NS, domain.as_wire().to_vec());
        self.insert_addresses(domain, server);
        for (name, addresses) in addresses {
            self.insert_addresses(&inside(name, domain)?, addresses);
        }
        for (name, places) in services {
            let name = inside(name, domain)?;
            // A service that is served nowhere exists all the same.
            self.nodes.entry(name.clone()).or_default();
            for place in places {
                self.insert(name.clone(), RecordType::SRV, service_data(place)?);
            }
        }
        for (address, name) in reverse {
            let name: Name = name.parse()?;
            self.insert(Name::reverse(*address), RecordType::PTR, name.as_wire().to_vec());
        }
        Ok(())
    }

    /// The domain.
    pub fn domain(&self) -> &Name {
        &self.domain
    }

    /// The answer to a query; `None` if others are to be asked.
    pub(crate) fn answer(&self, query: &Query) -> Option<Message> {
        let question = &query.question;
        let node = self.nodes.get(&question.name);
        let apex = self.apex(&question.name)?;
        let mut reply = query.reply(Rcode::NOERROR);
        reply.header.authoritative = true;
        let found = node.and_then(|node| select(node, question.record_type));
        match found {
            Some((record_type, data)) => {
                reply.answers = rotated(data, query.header.id)
                    .map(|data| self.record(&question.name, record_type, data))
                    .collect();
                reply.additionals = self.targets(record_type, data);
            }
            None if question.name == apex && question.record_type == RecordType::SOA => {
                reply.answers = vec![self.authority(apex, ZONE_TTL_SECONDS)];
            }
            None => {
                if node.is_none() && question.name != apex && !self.has_below(&question.name) {
                    reply.header.rcode = Rcode::NXDOMAIN;
                }
                // The TTL is the lesser of both (RFC 2308 §3).
                reply.authorities = vec![self.authority(apex, ZONE_NEGATIVE_TTL_SECONDS)];
            }
        }
        Some(reply)
    }

    /// The apex of the zone here that a name belongs to.
    fn apex(&self, name: &Name) -> Option<Name> {
        let domains = std::iter::once(&self.domain).chain(&self.beside);
        let holding = domains.filter(|domain| name.is_within(domain));
        if let Some(apex) = holding.max_by_key(|domain| domain.as_wire().len()) {
            return Some(apex.clone());
        }
        // An address that is not private has its own name here, but not its neighbours'.
        local::apex(name).or_else(|| self.nodes.contains_key(name).then(|| name.clone()))
    }

    /// Whether there are names below, so that this one exists though it has no data (RFC 4592
    /// §2.2.2).
    fn has_below(&self, name: &Name) -> bool {
        let mut after = self.nodes.range(name..).map(|(name, _)| name);
        after.next().is_some_and(|next| next.is_within(name))
    }

    /// The addresses of the targets of SRV records.
    fn targets(&self, record_type: RecordType, services: &[Vec<u8>]) -> Vec<Record> {
        if record_type != RecordType::SRV {
            return Vec::new();
        }
        let names = services.iter().map(|data| Name::from_wire(data[6..].to_vec()));
        names
            .flat_map(|name| {
                let node = self.nodes.get(&name);
                let of = |kind| node.and_then(|node| node.get(&kind)).map(|data| (kind, data));
                let sets = [of(RecordType::A), of(RecordType::AAAA)].into_iter().flatten();
                sets.flat_map(|(kind, data)| data.iter().map(move |data| (kind, data)))
                    .map(|(kind, data)| self.record(&name, kind, data))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    fn record(&self, name: &Name, record_type: RecordType, data: &[u8]) -> Record {
        Record::new(name.clone(), record_type, ZONE_TTL_SECONDS, data.to_vec())
    }

    fn authority(&self, apex: Name, ttl_seconds: u32) -> Record {
        let mailbox: Name = "hostmaster".parse().expect("one short label");
        let mut data = self.domain.as_wire().to_vec();
        // A domain too long for one label more has the mailbox of the root.
        let mut address = mailbox.as_wire()[..mailbox.as_wire().len() - 1].to_vec();
        address.extend_from_slice(self.domain.as_wire());
        let fits = address.len() <= crate::limits::NAME_BYTES_MAX;
        data.extend_from_slice(if fits { &address } else { mailbox.as_wire() });
        let [refresh, retry, expire] = SECONDARY_SECONDS;
        for number in [self.serial, refresh, retry, expire, ZONE_NEGATIVE_TTL_SECONDS] {
            data.extend_from_slice(&number.to_be_bytes());
        }
        Record::new(apex, RecordType::SOA, ttl_seconds, data)
    }

    fn insert_addresses(&mut self, name: &Name, addresses: &[IpAddr]) {
        // A workload that has no address yet exists all the same.
        self.nodes.entry(name.clone()).or_default();
        for address in addresses {
            let (record_type, data) = address_data(*address);
            self.insert(name.clone(), record_type, data);
        }
    }

    fn insert(&mut self, name: Name, record_type: RecordType, data: Vec<u8>) {
        let set = self.nodes.entry(name).or_default().entry(record_type).or_default();
        // A set holds each datum once (RFC 2181 §5).
        if !set.contains(&data) {
            set.push(data);
        }
    }
}

fn inside(name: &str, domain: &Name) -> Result<Name, ZoneError> {
    let name: Name = name.parse()?;
    if name.is_within(domain) {
        return Ok(name);
    }
    Err(ZoneError::Outside { name, domain: domain.clone() })
}

/// The set of a type; of ANY, the first one (RFC 8482 §4.1).
fn select(node: &Node, record_type: RecordType) -> Option<(RecordType, &Vec<Vec<u8>>)> {
    if record_type == RecordType::ANY {
        return node.iter().next().map(|(kind, data)| (*kind, data));
    }
    node.get(&record_type).map(|data| (record_type, data))
}

/// The data from another beginning for each query, so that clients that take the first spread
/// over all.
fn rotated(data: &[Vec<u8>], id: u16) -> impl Iterator<Item = &[u8]> {
    let start = usize::from(id) % data.len().max(1);
    data[start..].iter().chain(&data[..start]).map(Vec::as_slice)
}

fn service_data(place: &ServicePlace) -> Result<Vec<u8>, NameError> {
    let target: Name = place.target.parse()?;
    let mut data = Vec::new();
    for number in [place.priority, place.weight, place.port] {
        data.extend_from_slice(&number.to_be_bytes());
    }
    data.extend_from_slice(target.as_wire());
    Ok(data)
}

#[cfg(test)]
mod tests;
