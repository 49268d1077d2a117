//! How near a gateway's translation is to its limits, and what that means.

use serde::{Deserialize, Serialize};

/// How full a table of tracked connections is in which sources are translated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranslationStatus {
    /// Connections that are tracked.
    pub connections: u32,
    /// How many can be; 0 where the kernel does not say.
    pub connections_max: u32,
    /// The destination to which most source ports are taken, where there are many connections.
    #[serde(default)]
    pub busiest_destination: Option<String>,
    /// How many they are.
    #[serde(default)]
    pub source_ports: Option<u32>,
    /// New connections that found no free source port, since the namespace is there.
    pub refused: u64,
    /// New connections that found the table full, since the namespace is there.
    pub dropped: u64,
}

/// Source ports that a translated connection can get (1024 to 65535).
pub const SOURCE_PORTS_MAX: u32 = 64_512;
/// From this share on, in percent, a limit is near.
const NEAR_PERCENT: u64 = 80;

impl TranslationStatus {
    /// What is wrong, or soon will be, with its cure.
    pub fn warnings(&self) -> Vec<String> {
        let percent =
            |some: u32, all: u32| (all > 0).then(|| u64::from(some) * 100 / u64::from(all));
        let is_near = |some, all| percent(some, all).is_some_and(|share| share >= NEAR_PERCENT);
        let mut warnings = Vec::new();
        if is_near(self.connections, self.connections_max) {
            warnings.push(format!(
                "{} of {} connections are tracked: new ones are dropped soon; raise net.netfilter.nf_conntrack_max, or \
                 have subnets leave by a gateway on another node",
                self.connections, self.connections_max
            ));
        }
        if let (Some(ports), Some(destination)) = (self.source_ports, &self.busiest_destination)
            && is_near(ports, SOURCE_PORTS_MAX)
        {
            warnings.push(format!(
                "{ports} of {SOURCE_PORTS_MAX} source ports towards {destination} are taken: new connections there fail \
                 soon; have callers reuse connections, or leave by a gateway on another node"
            ));
        }
        if self.dropped > 0 {
            warnings.push(format!(
                "{} new connections were dropped since the table of connections was full; raise \
                 net.netfilter.nf_conntrack_max",
                self.dropped
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_near_a_limit_is_told_with_its_cure() {
        let mut status = TranslationStatus {
            connections: 52_000,
            connections_max: 65_536,
            busiest_destination: Some("198.51.100.7:443 tcp".to_owned()),
            source_ports: Some(51_000),
            ..TranslationStatus::default()
        };
        assert_eq!(status.warnings(), Vec::<String>::new(), "79 of 100 of both");
        (status.connections, status.source_ports) = (52_500, Some(51_700));
        let [tracked, ports] = &status.warnings()[..] else { panic!("{:?}", status.warnings()) };
        assert!(tracked.starts_with("52500 of 65536") && tracked.contains("nf_conntrack_max"));
        assert!(ports.starts_with("51700 of 64512") && ports.contains("198.51.100.7:443 tcp"));
        status = TranslationStatus { dropped: 7, ..TranslationStatus::default() };
        assert!(status.warnings()[0].starts_with("7 new connections were dropped"));
    }
}
