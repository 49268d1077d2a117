//! What the planner says of a network's names, as a zone.

use netloom_dns::zone::{Domain, ServicePlace, ZoneInput};
use netloom_dns::{Zone, ZoneError};
use netloom_plan::names::Names;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The zone of a network's names, and of those of networks that are `peered` with it. `serial` is the
/// version that the SOA shows, such as the revision; `server` are the addresses that the resolver
/// listens on.
pub fn zone_of(
    names: &Names,
    peered: &[Names],
    serial: u32,
    server: &[IpAddr],
) -> Result<Zone, ZoneError> {
    let beside = peered.iter().map(|names| Domain {
        domain: names.domain.clone(),
        addresses: names.addresses.clone(),
        reverse: names.reverse.clone(),
        services: services(names),
    });
    Zone::new(&ZoneInput {
        domain: names.domain.clone(),
        serial,
        server: server.to_vec(),
        addresses: names.addresses.clone(),
        reverse: names.reverse.clone(),
        services: services(names),
        beside: beside.collect(),
    })
}

fn services(names: &Names) -> BTreeMap<String, Vec<ServicePlace>> {
    let services = names.services.iter().map(|(name, places)| {
        let places = places.iter().map(|place| ServicePlace {
            priority: place.priority,
            weight: place.weight,
            port: place.port,
            target: place.target.clone(),
        });
        (name.clone(), places.collect())
    });
    services.collect()
}
