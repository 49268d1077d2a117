//! What a join token may be ordered with.

use super::AdmissionError;
use netloom_api::MakeToken;
use netloom_model::decode::is_label;
use std::time::Duration;

/// How long a token is valid unless asked otherwise.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// The longest that one may be valid.
const LIFETIME_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// Refuses what no node could join with; gives how long the token is valid.
pub(super) fn lifetime(wanted: &MakeToken) -> Result<Duration, AdmissionError> {
    let refused = |text: String| Err(AdmissionError::Order(text));
    if let Some(node) = wanted.node.as_deref().filter(|node| !is_label(node)) {
        return refused(format!(
            "`{node}` cannot be a node's name; use lower-case letters, digits and inner hyphens, 63 at most"
        ));
    }
    if let Some(endpoint) = wanted.endpoints.iter().find(|endpoint| !has_port(endpoint)) {
        return refused(format!(
            "`{endpoint}` is no endpoint; say host and port, such as 192.0.2.1:7766 or [2001:db8::1]:7766"
        ));
    }
    let lifetime = wanted.lifetime_s.map_or(LIFETIME, Duration::from_secs);
    if lifetime.is_zero() || lifetime > LIFETIME_MAX {
        return refused(
            "a join token cannot be valid so long, or not at all; 366 days are the most".to_owned(),
        );
    }
    Ok(lifetime)
}

/// Whether an endpoint is `host:port`, with an IPv6 address in brackets.
fn has_port(endpoint: &str) -> bool {
    let Some((host, port)) = endpoint.rsplit_once(':') else { return false };
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.contains([':', '[', ']', '/', ' ']),
    };
    is_host && port.parse::<u16>().is_ok_and(|port| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(change: impl FnOnce(&mut MakeToken)) -> Result<Duration, String> {
        let mut wanted = MakeToken::default();
        change(&mut wanted);
        lifetime(&wanted).map_err(|error| error.to_string())
    }

    #[test]
    fn orders_that_no_node_could_use_are_refused() {
        assert_eq!(of(|_| {}), Ok(LIFETIME));
        assert_eq!(of(|wanted| wanted.node = Some("web-1".into())), Ok(LIFETIME));
        for name in ["", "Web", "a.b", "-a", "a b"] {
            let refused = of(|wanted| wanted.node = Some(name.into())).unwrap_err();
            assert!(refused.contains("cannot be a node's name; use"), "{refused}");
        }
        for endpoint in ["c:7766", "192.0.2.1:1", "[2001:db8::1]:7766"] {
            assert_eq!(of(|wanted| wanted.endpoints = vec![endpoint.into()]), Ok(LIFETIME));
        }
        for endpoint in
            ["", "c", "c:", ":7766", "c:0", "c:70000", "2001:db8::1", "[x]:1", "http://c:1"]
        {
            let refused = of(|wanted| wanted.endpoints = vec![endpoint.into()]).unwrap_err();
            assert!(refused.contains("is no endpoint; say host and port"), "{endpoint}: {refused}");
        }
        assert_eq!(of(|wanted| wanted.lifetime_s = Some(1)), Ok(Duration::from_secs(1)));
        for seconds in [0, LIFETIME_MAX.as_secs() + 1, u64::MAX] {
            let refused = of(|wanted| wanted.lifetime_s = Some(seconds)).unwrap_err();
            assert!(refused.contains("366 days"), "{refused}");
        }
    }
}
