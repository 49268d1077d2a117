//! What the routes promise, and what `openapi.json` says of them.

pub(super) mod node;

use super::*;
use crate::keys::{ControlKeys, found};
use netloom_store::{RedbBackend, Store};
use serde_json::Value;
use std::collections::BTreeMap;

/// A desk of a new fabric, and the folder that it is in.
async fn desk() -> (Desk, std::path::PathBuf) {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("netloom-http-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let place = folder.clone();
    let opened = tokio::task::spawn_blocking(move || {
        found(&place, "shop").unwrap();
        let keys = ControlKeys::read(&place).unwrap();
        let store = Store::open(RedbBackend::open(place.join("store.redb")).unwrap()).unwrap();
        (keys, store)
    });
    let (keys, store) = opened.await.unwrap();
    let (sender, published) = watch::channel(0);
    let notify = Box::new(move |version| sender.send_modify(|seen| *seen = version));
    let signing = keys.signing.clone();
    let office = Office::open(store, Box::new(move |bytes| signing.sign(bytes)), notify).unwrap();
    let office = Arc::new(office);
    let admission = Admission::new(Arc::new(keys), Vec::new(), None, Arc::clone(&office));
    let events = Events::start(Arc::clone(&office), published.clone());
    let versions = published.clone();
    (Desk { office, admission: Arc::new(admission), published, versions, events }, folder)
}

/// Runs a test with the desk of a new fabric, and removes its folder in the end.
pub(super) fn with_desk<F: Future<Output = ()>>(test: impl FnOnce(Desk, std::path::PathBuf) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (desk, folder) = desk().await;
        test(desk, folder.clone()).await;
        std::fs::remove_dir_all(folder).unwrap();
    });
}

/// One request to a router; gives the status and the body.
pub(super) async fn ask(
    router: &Router,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &str,
) -> (u16, String) {
    use http_body_util::BodyExt as _;
    use hyper::service::Service as _;
    let mut request = axum::http::Request::builder().method(method).uri(path);
    request = request.header("host", "localhost:7767").header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(axum::body::Body::from(body.to_owned())).unwrap();
    let service = hyper_util::service::TowerToHyperService::new(router.clone());
    let response = service.call(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

pub(super) fn token(desk: &Desk, role: &str, lifetime_s: u64) -> netloom_api::AccessMade {
    let wanted = netloom_api::MakeAccess {
        name: format!("a {role}"),
        role: role.to_owned(),
        lifetime_s: Some(lifetime_s),
        replace: false,
    };
    crate::access::make(&desk.office, &wanted).unwrap()
}

#[test]
fn the_document_describes_each_route_and_its_role_and_no_other() {
    with_desk(|desk, _| async move {
        let table = routes::all(Routes::new(&desk, Door::Net)).table;
        let served: BTreeMap<(String, String), String> = table
            .iter()
            .map(|(method, path, role)| {
                ((method.as_str().to_lowercase(), (*path).to_owned()), role.word().to_owned())
            })
            .collect();
        assert_eq!(served.len(), table.len(), "a route is there twice");
        let document: Value = serde_json::from_str(netloom_api::OPENAPI).unwrap();
        let mut described = BTreeMap::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let role = operation["x-netloom-role"].as_str().unwrap().to_owned();
                let needs_none = operation["security"].as_array().unwrap().is_empty();
                assert_eq!(needs_none, role == "none", "{method} {path}");
                let codes = operation["responses"].as_object().unwrap();
                assert_eq!(codes.contains_key("401"), !needs_none, "{method} {path}");
                let takes_path = path.contains('{') == operation["parameters"].is_array();
                assert!(takes_path || path == "/v1/revisions", "{method} {path}: parameters");
                described.insert((method.clone(), path.clone()), role);
            }
        }
        assert_eq!(described, served);
    });
}

#[test]
fn each_role_may_do_what_its_routes_say_and_no_more() {
    with_desk(|desk, _| async move {
        let router = router(&desk, Door::Net);
        let tokens = ["viewer", "operator", "admin"].map(|role| token(&desk, role, 60).token);
        let table = routes::all(Routes::new(&desk, Door::Net)).table;
        for (method, path, needed) in &table {
            if path.ends_with("events") {
                continue;
            }
            let path = path.replace("{number}", "0").replace("{name}", "x").replace("{id}", "x");
            let callers = [Role::Stranger, Role::Viewer, Role::Operator, Role::Admin];
            for (index, role) in callers.into_iter().enumerate() {
                let token = index.checked_sub(1).map(|index| tokens[index].as_str());
                let (status, body) = ask(&router, method.as_str(), &path, token, "!").await;
                let refused =
                    status == 401 || (status == 403 && body.contains("does not allow this"));
                assert_eq!(refused, role < *needed, "{method} {path} as {role:?}: {status} {body}");
                if refused {
                    assert_eq!(status == 401, role == Role::Stranger, "{method} {path}");
                }
            }
        }
    });
}

#[test]
fn every_failure_has_the_form_of_an_error() {
    with_desk(|desk, _| async move {
        let hosts = Hosts::new("127.0.0.1:7767".parse().unwrap(), &[]);
        let router = browser_router(&desk, hosts);
        let made = token(&desk, "admin", 60);
        let admin = Some(made.token.as_str());
        let broken =
            r#"{"sources":{"roots":["f"],"texts":{"f":"version: 1\nfabric: shop\nnope: 1\n"}}}"#;
        for (method, path, body, code) in [
            ("GET", "/v1/nothing", "", 404),
            ("GET", "/nothing", "", 404),
            ("DELETE", "/v1/status", "", 405),
            ("POST", "/v1/plan", "{", 400),
            ("POST", "/v1/plan", "{}", 422),
            ("POST", "/v1/plan", broken, 422),
            ("GET", "/v1/revisions/99", "", 404),
            ("GET", "/v1/revisions/x", "", 400),
            ("POST", "/v1/access", r#"{"name":"a","role":"king"}"#, 400),
            ("POST", "/v1/access/0123456789abcdef/revoke", "", 404),
            ("POST", "/v1/nodes/x/approve", "", 404),
        ] {
            let (status, answered) = ask(&router, method, path, admin, body).await;
            assert_eq!(status, code, "{method} {path}: {answered}");
            let error: netloom_api::Error = serde_json::from_str(&answered).unwrap();
            assert!(
                !error.message.is_empty() && !error.solution.is_empty(),
                "{method} {path}: {answered}"
            );
        }
        let (status, page) = ask(&router, "GET", "/", None, "").await;
        assert!(status == 200 && page.contains("/assets/main.js"), "{status}");
    });
}

#[test]
fn access_ends_with_its_time_its_successor_or_its_revocation() {
    with_desk(|desk, folder| async move {
        let router = router(&desk, Door::Net);
        let status = |token: &str| {
            let (router, token) = (router.clone(), token.to_owned());
            async move { ask(&router, "GET", "/v1/me", Some(&token), "").await.0 }
        };
        let revoked = token(&desk, "viewer", 60);
        assert_eq!(status(&revoked.token).await, 200);
        crate::access::revoke(&desk.office, &revoked.id).unwrap();
        assert_eq!(status(&revoked.token).await, 401);
        let older = token(&desk, "operator", 60);
        let other = token(&desk, "viewer", 60);
        let wanted = netloom_api::MakeAccess {
            name: older.name,
            role: older.role,
            lifetime_s: None,
            replace: true,
        };
        let newer = crate::access::make(&desk.office, &wanted).unwrap();
        assert_eq!(status(&older.token).await, 401, "its successor has the name");
        assert_eq!((status(&newer.token).await, status(&other.token).await), (200, 200));
        let short = token(&desk, "viewer", 1);
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
        assert_eq!(status(&short.token).await, 401, "its time is over");
        assert_eq!(crate::access::list(&desk.office).unwrap().len(), 2);
        // Nothing in the store lets anyone in.
        let kept = std::fs::read(folder.join("store.redb")).unwrap();
        let secret = newer.token.as_bytes();
        assert!(!kept.windows(secret.len()).any(|window| window == secret));
    });
}

#[test]
fn events_tell_of_changes_at_once_and_end_with_the_token() {
    use futures_util::StreamExt as _;
    with_desk(|desk, _| async move {
        let made = token(&desk, "viewer", 60);
        let caller = crate::access::holder(&desk.office, &made.token).unwrap();
        let answer = events::events(State(desk.clone()), axum::Extension(caller)).await.unwrap();
        let mut body = answer.into_body().into_data_stream();
        let first = body.next().await.unwrap().unwrap();
        assert!(first.starts_with(b"event: status\ndata: {\"fabric\":\"shop\""), "{first:?}");
        let declared =
            "version: 1\nfabric: shop\nregions: { here: {} }\nnodes: { alpha: { region: here } }\n";
        let sources = serde_json::json!({ "roots": ["f.yaml"], "texts": { "f.yaml": declared } });
        let apply = serde_json::json!({ "sources": sources }).to_string();
        let local = router(&desk, Door::Local);
        assert_eq!(ask(&local, "POST", "/v1/apply", None, &apply).await.0, 200);
        let next = tokio::time::timeout(std::time::Duration::from_secs(3), body.next()).await;
        let next = next.unwrap().unwrap().unwrap();
        assert!(String::from_utf8_lossy(&next).contains("\"revision\":1"), "{next:?}");
        let next = tokio::time::timeout(std::time::Duration::from_millis(500), body.next()).await;
        assert!(next.is_err(), "where nothing changes, nothing is said: {next:?}");
        crate::access::revoke(&desk.office, &made.id).unwrap();
        let next = tokio::time::timeout(std::time::Duration::from_secs(10), body.next()).await;
        assert!(next.unwrap().is_none(), "who is shut out hears no more");
    });
}

#[test]
fn who_reaches_whom_is_told_of_what_is_in_force() {
    with_desk(|desk, _| async move {
        let router = router(&desk, Door::Net);
        let [viewer, operator] = ["viewer", "operator"].map(|role| token(&desk, role, 60).token);
        let matrix = || async {
            let (code, said) = ask(&router, "GET", "/v1/matrix", Some(&viewer), "").await;
            assert_eq!(code, 200, "{said}");
            serde_json::from_str::<netloom_api::Matrix>(&said).unwrap()
        };
        assert!(matrix().await.classes.is_empty());
        for (revision, port) in [(1, 80), (2, 81)] {
            let file = format!(
                "version: 1\nfabric: shop\nregions: {{ here: {{}} }}\nnodes: {{ alpha: {{ region: here }} }}\n\
                 networks: {{ n: {{ cidr: 10.0.0.0/16 }} }}\n\
                 subnets: {{ n: {{ network: n, cidr: 10.0.1.0/24 }} }}\n\
                 security_groups:\n  \
                   a: {{ egress: [{{ to: all }}] }}\n  \
                   b: {{ ingress: [{{ from: {{ security_group: a }}, protocol: tcp, ports: {port} }}] }}\n\
                 workloads:\n  \
                   a: {{ node: alpha, subnet: n, security_groups: [a], attach: {{ serve: {{ tcp: 1 }} }} }}\n  \
                   b: {{ node: alpha, subnet: n, security_groups: [b], attach: {{ serve: {{ tcp: 1 }} }} }}\n"
            );
            let sources = serde_json::json!({ "roots": ["s.yaml"], "texts": { "s.yaml": file } });
            let body = serde_json::json!({ "sources": sources }).to_string();
            let (code, said) = ask(&router, "POST", "/v1/apply", Some(&operator), &body).await;
            assert_eq!(code, 200, "{said}");
            let found = matrix().await;
            assert_eq!(found.revision, revision);
            let place = |name: &str| found.classes.iter().position(|one| one.members == [name]);
            let (a, b) = (place("a").unwrap(), place("b").unwrap());
            let words = |from, to| {
                let cell = found.cells.iter().find(|cell| (cell.from, cell.to) == (from, to));
                cell.unwrap().ipv4.clone().unwrap()
            };
            assert_eq!(words(a, b), [format!("tcp {port}")]);
            assert_eq!(words(b, a), Vec::<String>::new());
            let of = |kind: &str| found.classes.iter().position(|one| one.kind == kind);
            assert_eq!(words(of("internet").unwrap(), b), Vec::<String>::new());
            assert!(of("nodes").is_some() && of("behind a node").is_none());
        }
        // Nobody is there who could send.
        let asked = r#"{"from":"a","to":"b","flows":["81/tcp"]}"#;
        let (code, _) = ask(&router, "POST", "/v1/connectivity", Some(&viewer), asked).await;
        assert_eq!(code, 403);
        let (code, said) = ask(&router, "POST", "/v1/connectivity", Some(&operator), asked).await;
        assert!(
            code == 503 && said.contains("`alpha`") && said.contains("netloom start"),
            "{said}"
        );
    });
}

#[test]
fn peers_are_declared_together_or_not_at_all_and_counted() {
    with_desk(|desk, _| async move {
        let router = router(&desk, Door::Net);
        let [viewer, operator] = ["viewer", "operator"].map(|role| token(&desk, role, 60).token);
        let file =
            "version: 1\nfabric: shop\nregions: { here: {} }\nnodes: { alpha: { region: here } }\n";
        let sources = serde_json::json!({ "roots": ["s.yaml"], "texts": { "s.yaml": file } });
        let body = serde_json::json!({ "sources": sources }).to_string();
        let (code, said) = ask(&router, "POST", "/v1/apply", Some(&operator), &body).await;
        assert_eq!(code, 200, "{said}");
        let objects = |attach: &str| {
            serde_json::json!({ "objects": {
                "networks": { "n": { "cidr": "10.0.0.0/16" } },
                "subnets": { "n": { "network": "n", "cidr": "10.0.1.0/24", "reserved": "last" } },
                "workloads": { "phone": {
                    "node": "alpha", "subnet": "n", "address": "10.0.1.2", "attach": { attach: {} },
                } },
            } })
            .to_string()
        };
        // The last of them makes no sense, so none is there.
        let wrong = objects("wireguart");
        let (code, said) = ask(&router, "POST", "/v1/objects", Some(&operator), &wrong).await;
        assert_eq!(code, 422, "{said}");
        let (_, networks) = ask(&router, "GET", "/v1/networks", Some(&viewer), "").await;
        assert_eq!(networks, "[]");
        let right = objects("wireguard");
        let (code, _) = ask(&router, "POST", "/v1/objects", Some(&viewer), &right).await;
        assert_eq!(code, 403);
        let (code, said) = ask(&router, "POST", "/v1/objects", Some(&operator), &right).await;
        assert_eq!(code, 200, "{said}");
        let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=";
        let set = serde_json::json!({ "public_key": key }).to_string();
        let (code, said) = ask(&router, "POST", "/v1/peers/phone/key", Some(&operator), &set).await;
        assert_eq!(code, 200, "{said}");
        let (_, peer) = ask(&router, "GET", "/v1/peers/phone", Some(&viewer), "").await;
        let peer: Value = serde_json::from_str(&peer).unwrap();
        assert_eq!(
            (&peer["public_key"], &peer["resolvers"][0]),
            (&key.into(), &"10.0.1.253".into())
        );
        let (code, said) = ask(&router, "GET", "/v1/peers/alpha", Some(&viewer), "").await;
        assert!(code == 404 && said.contains("vpn list"), "{said}");
        let (code, metrics) = ask(&router, "GET", "/v1/metrics", Some(&viewer), "").await;
        let line = "netloom_control_node_connected{node=\"alpha\"} 0";
        assert!(code == 200 && metrics.lines().any(|found| found == line), "{metrics}");
    });
}

/// Who edits over the API has written no lines of its document.
#[test]
fn errors_of_edits_name_objects_and_fields_and_no_lines() {
    with_desk(|desk, _| async move {
        node::declare(&desk.office, node::NETWORK);
        let app = router(&desk, Door::Local);
        let made = serde_json::json!({ "name": "ok", "cidrs": ["10.9.0.0/16"] });
        assert_eq!(ask(&app, "POST", "/v1/networks", None, &made.to_string()).await.0, 200);
        let (serve, box_of) = (
            serde_json::json!({ "serve": { "tcp": 81 } }),
            |node: &str| serde_json::json!({ "workload": "box", "node": node }),
        );
        let workload = |extra: Value| {
            let mut one = serde_json::json!({ "node": "alpha", "subnet": "n", "attach": serve });
            one.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            serde_json::json!({ "declaration": one })
        };
        for (path, body, object, field) in [
            (
                "/v1/networks",
                serde_json::json!({ "name": "made", "cidrs": ["10.7.0.0/16", "10.8.0.1/16"] }),
                "networks/made",
                Some("cidr[1]"),
            ),
            (
                "/v1/networks",
                serde_json::json!({ "name": "made", "domain": "no domain" }),
                "networks/made",
                Some("dns.domain"),
            ),
            ("/v1/networks/n/connect", box_of("alhpa"), "workloads/box", Some("node")),
            (
                "/v1/objects/workloads/w",
                workload(serde_json::json!({ "security_groups": ["nobody"] })),
                "workloads/w",
                Some("security_groups[0]"),
            ),
            (
                "/v1/objects/workloads/w",
                workload(serde_json::json!({ "colour": "red" })),
                "workloads/w",
                Some("colour"),
            ),
            (
                "/v1/objects/workloads/No_Label",
                workload(serde_json::json!({})),
                "workloads/No_Label",
                None,
            ),
            // The cause says where the other one is.
            (
                "/v1/objects/subnets/other",
                serde_json::json!({ "declaration": { "cidr": "10.9.0.0/17" } }),
                "subnets/other",
                Some("cidr"),
            ),
        ] {
            let (code, said) = ask(&app, "POST", path, None, &body.to_string()).await;
            assert_eq!(code, 422, "{path}: {said}");
            assert!(!said.contains("(api):"), "{path}: {said}");
            let error: netloom_api::Error = serde_json::from_str(&said).unwrap();
            let is_error = |found: &&netloom_api::Finding| found.severity == "error";
            let found = error.findings.iter().find(is_error).unwrap();
            assert_eq!((found.object.as_deref(), found.field.as_deref()), (Some(object), field));
            no_line_is_shown(&error.rendered);
        }
    });
}

#[test]
fn warnings_of_edits_name_objects_whether_of_what_is_declared_or_of_what_it_means() {
    with_desk(|desk, _| async move {
        node::declare(&desk.office, node::NETWORK);
        let app = router(&desk, Door::Local);
        let rule =
            |ports: &str| serde_json::json!({ "protocol": "tcp", "ports": ports, "from": "all" });
        let covered = serde_json::json!({ "ingress": [rule("80-90"), rule("85")] });
        let covered = serde_json::json!({ "declaration": covered }).to_string();
        let path = "/v1/objects/security_groups/g";
        let (code, said) = ask(&app, "POST", path, None, &covered).await;
        assert_eq!((code, said.contains("(api):")), (200, false), "{said}");
        let said: netloom_api::Applied = serde_json::from_str(&said).unwrap();
        let warned = said.proposed.warnings.iter().filter_map(|found| found.object.as_deref());
        let warned: Vec<&str> = warned.filter(|one| *one == "security_groups/g").collect();
        assert!(warned.len() > 1, "{:?}", said.proposed.warnings);
    });
}

#[test]
fn an_edit_that_is_refused_tells_no_warnings_of_what_was_there_before() {
    with_desk(|desk, _| async move {
        node::declare(&desk.office, node::NETWORK);
        let app = router(&desk, Door::Local);
        let workload = |more: Value| {
            let mut one = serde_json::json!({ "node": "alpha", "subnet": "n", "attach": { "wireguard": {} } });
            one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::json!({ "declaration": one, "pin_addresses": true }).to_string()
        };
        let none = workload(serde_json::json!({}));
        // It has no groups, which is a warning.
        let (code, said) = ask(&app, "POST", "/v1/objects/workloads/first", None, &none).await;
        assert_eq!(code, 200, "{said}");
        let wrong = workload(serde_json::json!({ "node": "alhpa" }));
        let (code, said) = ask(&app, "POST", "/v1/objects/workloads/second", None, &wrong).await;
        assert_eq!(code, 422, "{said}");
        assert!(said.contains("second") && !said.contains("first"), "{said}");
        // What it was given is declared, so that nobody else gets it.
        let (_, peer) = ask(&app, "GET", "/v1/peers/first", None, "").await;
        let peer: Value = serde_json::from_str(&peer).unwrap();
        let taken = workload(serde_json::json!({ "address": peer["addresses"] }));
        let (code, said) = ask(&app, "POST", "/v1/objects/workloads/third", None, &taken).await;
        assert!(code == 422 && said.contains("N0305"), "{said}");
    });
}

/// Below what was declared over the API stands its cause, and no line of a text.
fn no_line_is_shown(rendered: &str) {
    let lines: Vec<&str> = rendered.lines().collect();
    let own = |pair: &&[&str]| {
        pair[0].starts_with("  --> ") && pair[0].ends_with(", as declared over the API")
    };
    let pairs: Vec<_> = lines.windows(2).filter(own).collect();
    assert!(!pairs.is_empty(), "{rendered}");
    assert!(pairs.iter().all(|pair| pair[1].starts_with("   cause: ")), "{rendered}");
}
