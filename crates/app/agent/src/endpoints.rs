//! Where stock peers are whose endpoints are names: asked of the host's resolver beside the agent, which
//! waits for no answer.

use crate::log;
use netloom_base::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::thread::JoinHandle;
use std::time::Duration;

/// Names that cannot be resolved are asked for again so much later.
const RETRY_INTERVAL: Duration = Duration::from_secs(30);

/// What is known of names, and the thread that asks for others.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    known: BTreeMap<String, SocketAddr>,
    wanted: BTreeSet<String>,
    asking: Option<JoinHandle<BTreeMap<String, SocketAddr>>>,
    due: Option<Time>,
}

impl Endpoints {
    /// Where an endpoint is, if that is known; it is asked for otherwise.
    pub(crate) fn find(&mut self, endpoint: &str) -> Option<SocketAddr> {
        let known = endpoint.parse().ok().or_else(|| self.known.get(endpoint).copied());
        if known.is_none() && self.wanted.insert(endpoint.to_owned()) {
            // A new one is asked for at once.
            self.due = None;
        }
        known
    }

    /// Asks for what is wanted; whether something has become known since.
    pub(crate) fn tend(&mut self, now: Time) -> bool {
        let mut fresh = false;
        if self.asking.as_ref().is_some_and(JoinHandle::is_finished) {
            let found = self.asking.take().and_then(|thread| thread.join().ok());
            for (endpoint, address) in found.unwrap_or_default() {
                fresh |= self.wanted.remove(&endpoint);
                self.known.insert(endpoint, address);
            }
        }
        let is_due = self.due.is_none_or(|due| now >= due);
        if self.asking.is_none() && is_due && !self.wanted.is_empty() {
            self.due = Some(now + RETRY_INTERVAL);
            let wanted = self.wanted.clone();
            let asking = std::thread::Builder::new().name("endpoints".to_owned());
            // Without a thread it is tried again.
            self.asking = asking.spawn(move || resolve(wanted)).ok();
        }
        fresh
    }
}

fn resolve(wanted: BTreeSet<String>) -> BTreeMap<String, SocketAddr> {
    let mut found = BTreeMap::new();
    for endpoint in wanted {
        match endpoint.to_socket_addrs().map(|mut addresses| addresses.next()) {
            Ok(Some(address)) => drop(found.insert(endpoint, address)),
            Ok(None) => log::line(&format!("the endpoint {endpoint} has no address")),
            Err(error) => {
                log::line(&format!("the endpoint {endpoint} cannot be resolved: {error}"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(endpoints: &mut Endpoints, now: Time) -> bool {
        let mut fresh = endpoints.tend(now);
        while endpoints.asking.is_some() {
            std::thread::yield_now();
            fresh |= endpoints.tend(now);
        }
        fresh
    }

    #[test]
    fn addresses_are_known_and_names_become_so() {
        let mut endpoints = Endpoints::default();
        assert!(endpoints.find("192.0.2.1:5").is_some());
        assert!(!settled(&mut endpoints, Time::ZERO), "nothing is wanted");
        // Numbers in a form that no address is written in: resolved without asking anyone.
        assert_eq!(endpoints.find("127.1:51820"), None);
        assert!(settled(&mut endpoints, Time::ZERO));
        assert_eq!(endpoints.find("127.1:51820"), "127.0.0.1:51820".parse().ok());
    }

    #[test]
    fn what_cannot_be_resolved_is_asked_for_again_later() {
        let mut endpoints = Endpoints::default();
        assert_eq!(endpoints.find("no port"), None);
        assert!(!settled(&mut endpoints, Time::ZERO));
        endpoints.tend(Time::ZERO + RETRY_INTERVAL / 2);
        assert!(endpoints.asking.is_none(), "too soon");
        endpoints.tend(Time::ZERO + RETRY_INTERVAL);
        assert!(endpoints.asking.is_some());
    }
}
