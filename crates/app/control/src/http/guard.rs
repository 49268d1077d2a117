//! What keeps other pages in the same browser away from control on this host.
//!
//! A page of anybody's can make a browser connect to 127.0.0.1. Under a name that its owner points
//! there (DNS rebinding) it would even count as the same site. So the name that a request is for must
//! be one of ours, and what comes from another site's page gets no answer of the API.

use super::Failure;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

/// Names under which browsers find control.
#[derive(Clone, Debug)]
pub(crate) struct Hosts(Arc<BTreeSet<String>>);

impl Hosts {
    /// This host's own names with the port that is listened on, and what is configured, as it is.
    pub(crate) fn new(listens: SocketAddr, configured: &[String]) -> Self {
        let port = listens.port();
        let own = ["localhost", "127.0.0.1", "[::1]"].map(|name| format!("{name}:{port}"));
        let mut names: BTreeSet<String> = own.into_iter().collect();
        names.insert(listens.to_string());
        names.extend(configured.iter().map(|name| name.to_ascii_lowercase()));
        if port == 80 {
            let short = names.iter().filter_map(|name| name.strip_suffix(":80"));
            names = short.map(str::to_owned).chain(names.iter().cloned()).collect();
        }
        Self(Arc::new(names))
    }

    fn knows(&self, name: &str) -> bool {
        self.0.contains(&name.to_ascii_lowercase())
    }
}

/// Lets nothing through that is for another name, or from another site.
pub(super) fn protect(router: Router, hosts: Hosts) -> Router {
    router.layer(from_fn_with_state(hosts, check))
}

async fn check(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with(netloom_api::PREFIX);
    let named = request.uri().authority().map(|authority| authority.as_str().to_owned());
    match breach(&hosts, named.as_deref(), request.headers(), is_api) {
        None => next.run(request).await,
        Some(failure) => failure.into_response(),
    }
}

/// What is wrong with where a request comes from and goes to.
fn breach(
    hosts: &Hosts,
    named: Option<&str>,
    headers: &HeaderMap,
    is_api: bool,
) -> Option<Failure> {
    let of = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = of("host").unwrap_or("");
    if !hosts.knows(host) || named.is_some_and(|named| !hosts.knows(named)) {
        let text = format!("control is not `{host}`");
        let solution = "open the address that `netloom dashboard` prints, or tell control of this name: \
                        netloom up --dashboard-host NAME:PORT";
        return Some(Failure::new(StatusCode::MISDIRECTED_REQUEST, text, solution));
    }
    let own = format!("http://{host}");
    let foreign_origin = of("origin").is_some_and(|origin| !origin.eq_ignore_ascii_case(&own));
    let foreign_site =
        of("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"));
    if is_api && (foreign_origin || foreign_site) {
        let text = "another site's page has asked for this";
        let solution = "ask from the dashboard itself, or from a program";
        return Some(Failure::new(StatusCode::FORBIDDEN, text, solution));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(headers: &[(&'static str, &str)], is_api: bool) -> u16 {
        let hosts = Hosts::new("127.0.0.1:7767".parse().unwrap(), &["mesh.example:80".to_owned()]);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        breach(&hosts, None, &map, is_api)
            .map_or(200, |failure| failure.into_response().status().as_u16())
    }

    #[test]
    fn only_names_of_this_host_are_answered() {
        for good in ["localhost:7767", "127.0.0.1:7767", "[::1]:7767", "LOCALHOST:7767"] {
            assert_eq!(code(&[("host", good)], true), 200, "{good}");
        }
        assert_eq!(code(&[("host", "mesh.example:80")], true), 200);
        for bad in ["evil.example:7767", "localhost", "localhost:80", "127.0.0.1:7767.evil", ""] {
            assert_eq!(code(&[("host", bad)], false), 421, "{bad}");
        }
        assert_eq!(code(&[], true), 421, "no name at all");
    }

    #[test]
    fn pages_of_other_sites_get_no_answer_of_the_api() {
        let host = ("host", "localhost:7767");
        for (header, value, expected) in [
            ("origin", "http://localhost:7767", 200),
            ("origin", "https://localhost:7767", 403),
            ("origin", "http://localhost:3000", 403),
            ("origin", "https://evil.example", 403),
            ("origin", "null", 403),
            ("sec-fetch-site", "same-origin", 200),
            ("sec-fetch-site", "none", 200),
            ("sec-fetch-site", "same-site", 403),
            ("sec-fetch-site", "cross-site", 403),
        ] {
            assert_eq!(code(&[host, (header, value)], true), expected, "{header}: {value}");
        }
        assert_eq!(
            code(&[host, ("sec-fetch-site", "cross-site")], false),
            200,
            "a link to the page"
        );
    }

    #[test]
    fn port_80_needs_not_be_said() {
        let hosts = Hosts::new("127.0.0.1:80".parse().unwrap(), &[]);
        assert!(hosts.knows("localhost") && hosts.knows("localhost:80") && !hosts.knows("evil"));
    }
}
