//! What nodes refuse is gone back from, whoever has changed what and when.

use super::*;
use crate::declared::Declared;
use crate::http::tests::node::{NETWORK, answer, connect, declare, declared, file, refuse};
use crate::http::tests::{ask, with_desk};
use crate::http::{Door, router};
use crate::office::{self, OfficeError};
use crate::record::revision_name;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use netloom_cbor::to_bytes;
use serde_json::{Value, json};

/// The node holds a fabric without anything else; gives the terms of a change that waits for it.
fn settled(desk: &Desk) -> Terms {
    declare(&desk.office, "");
    connect(desk);
    answer(desk, None);
    Terms { author: String::new(), wait_ms: 20_000, keep_refused: false }
}

/// Asks for a change that the node refuses as soon as it hears of it.
async fn ask_refused(desk: &Desk, method: &str, path: &str, mut body: Value) -> Value {
    let before = desk.office.world().revision;
    answer(desk, None);
    // How long a new network is waited for is not for the request to say.
    if path != "/v1/networks" {
        body["wait_ms"] = 20_000.into();
    }
    let (asked, body) = (router(desk, Door::Local), body.to_string());
    let asked = ask(&asked, method, path, None, &body);
    let mut published = desk.published.clone();
    let refuse = async {
        published.wait_for(|_| desk.office.world().revision > before).await.unwrap();
        answer(desk, Some("it"));
    };
    let ((code, said), ()) = tokio::join!(asked, refuse);
    assert_eq!(code, 200, "{path}: {said}");
    serde_json::from_str(&said).unwrap()
}

#[test]
fn apply_rollback_and_every_edit_go_back_where_nodes_refuse_them() {
    with_desk(|desk, _| async move {
        declare(&desk.office, "");
        declare(&desk.office, NETWORK);
        connect(&desk);
        let w = json!({ "node": "alpha", "subnet": "n", "attach": { "serve": { "tcp": 81 } } });
        let sources = json!({ "roots": ["s.yaml"], "texts": { "s.yaml": file("") } });
        for (path, body) in [
            ("/v1/apply", json!({ "sources": sources })),
            ("/v1/rollback", json!({ "revision": 1 })),
            ("/v1/networks/n/connect", json!({ "workload": "w", "node": "alpha" })),
            ("/v1/objects/workloads/w", json!({ "declaration": w })),
            ("/v1/objects", json!({ "objects": { "workloads": { "w": w } } })),
        ] {
            let base = desk.office.world();
            let said = ask_refused(&desk, "POST", path, body).await;
            assert_eq!(said["rolled_back_to"], base.revision, "{path}: {said}");
            let now = desk.office.world();
            assert_eq!(now.revision, base.revision + 2, "{path}");
            assert_eq!(now.accepted.declared, base.accepted.declared, "{path}");
        }
    });
}

#[test]
fn nobody_goes_back_to_before_anything_was_declared() {
    with_desk(|desk, _| async move {
        declare(&desk.office, NETWORK);
        let router = router(&desk, Door::Local);
        let (code, said) = ask(&router, "POST", "/v1/rollback", None, "{\"revision\":0}").await;
        assert_eq!(code, 409, "{said}");
        assert!(said.contains("netloom down"), "{said}");
        assert_eq!(desk.office.world().revision, 1);
    });
}

#[test]
fn what_breaks_a_test_of_the_file_is_refused_however_it_is_declared() {
    with_desk(|desk, _| async move {
        let text = |expect: &str| {
            let a = "a: { node: alpha, subnet: n, security_groups: [open], attach: { serve: { tcp: 80 } } }";
            format!(
                "networks: {{ n: {{ cidr: 10.0.0.0/16 }} }}\nsubnets: {{ n: {{ network: n, cidr: 10.0.1.0/24 }} }}\n\
                 security_groups: {{ open: {{ ingress: [{{ from: all }}], egress: [{{ to: all }}] }} }}\n\
                 workloads: {{ {a} }}\n\
                 tests: [{{ from: a, to: 10.0.1.9, port: 80/tcp, expect: {expect} }}]\n"
            )
        };
        declare(&desk.office, &text("deny"));
        declare(&desk.office, "");
        declare(&desk.office, &text("deny"));
        // As if a former version had judged it otherwise.
        let mut kept = desk.office.revision(1).unwrap();
        kept.texts.insert("s.yaml".to_owned(), file(&text("allow")));
        let put = office::put(revision_name(1), to_bytes(&kept));
        desk.office.update(|_, _| Ok::<_, OfficeError>(vec![put.clone()])).unwrap();
        let at = |address: &str| {
            json!({ "node": "alpha", "subnet": "n", "address": address, "security_groups": ["open"],
                    "attach": { "serve": { "tcp": 80 } } })
        };
        let sources = json!({ "roots": ["s.yaml"], "texts": { "s.yaml": file(&text("allow")) } });
        let router = router(&desk, Door::Local);
        for (path, body) in [
            ("/v1/apply", json!({ "sources": sources })),
            ("/v1/rollback", json!({ "revision": 1 })),
            ("/v1/objects/workloads/b", json!({ "declaration": at("10.0.1.9") })),
            ("/v1/objects", json!({ "objects": { "workloads": { "b": at("10.0.1.9") } } })),
        ] {
            let (code, said) = ask(&router, "POST", path, None, &body.to_string()).await;
            assert_eq!(code, 422, "{path}: {said}");
            let said: Value = serde_json::from_str(&said).unwrap();
            let told = said["findings"][0]["message"].as_str().unwrap();
            assert!(told.contains("should"), "{path}: {told}");
            assert_eq!(said["findings"][0]["line"], 9, "{path}: {said}");
            assert_eq!(desk.office.world().revision, 3, "{path}");
        }
        // It is for the test alone that they are refused.
        let body = json!({ "declaration": at("10.0.1.8") }).to_string();
        let (code, said) = ask(&router, "POST", "/v1/objects/workloads/b", None, &body).await;
        assert_eq!((code, desk.office.world().revision), (200, 4), "{said}");
    });
}

#[test]
fn what_nodes_refuse_stays_where_that_is_wanted_however_it_is_declared() {
    with_desk(|desk, _| async move {
        declare(&desk.office, "");
        declare(&desk.office, NETWORK);
        connect(&desk);
        let w = json!({ "node": "alpha", "subnet": "n", "attach": { "serve": { "tcp": 81 } } });
        let key = |byte: u8| BASE64.encode([byte; 32]);
        let peer = json!({ "public_key": key(1) });
        let peer = json!({ "node": "alpha", "subnet": "n", "attach": { "wireguard": peer } });
        let sources = json!({ "roots": ["s.yaml"], "texts": { "s.yaml": file("") } });
        for (path, mut body) in [
            ("/v1/networks", json!({ "name": "other" })),
            ("/v1/networks/n/connect", json!({ "workload": "box", "node": "alpha" })),
            ("/v1/networks/n/disconnect", json!({ "workload": "box" })),
            ("/v1/networks/other/remove", json!({})),
            ("/v1/objects/workloads/w", json!({ "declaration": w })),
            ("/v1/objects", json!({ "objects": { "workloads": { "p": peer } } })),
            ("/v1/peers/p/key", json!({ "public_key": key(2) })),
            ("/v1/objects/workloads/w/remove", json!({})),
            ("/v1/objects/workloads/p/remove", json!({})),
            ("/v1/apply", json!({ "sources": sources })),
            ("/v1/rollback", json!({ "revision": 2 })),
        ] {
            let base = desk.office.world().revision;
            body["keep_refused"] = true.into();
            let said = ask_refused(&desk, "POST", path, body).await;
            assert_eq!(said.get("rolled_back_to"), None, "{path}: {said}");
            assert_eq!(said["refused"][0]["node"], "alpha", "{path}: {said}");
            assert_eq!(desk.office.world().revision, base + 1, "{path}");
        }
    });
}

#[test]
fn what_others_change_while_nodes_are_waited_for_is_not_undone() {
    with_desk(|desk, _| async move {
        let terms = settled(&desk);
        let ours = |office: &Office| {
            let ours = declared(NETWORK);
            office.apply(|_| ours.clone(), &Origin::default(), None)
        };
        let changing = change(&desk, terms, ours);
        let mut published = desk.published.clone();
        let others = async {
            published.wait_for(|_| desk.office.world().revision == 2).await.unwrap();
            let office = Arc::clone(&desk.office);
            let both = format!("{NETWORK}security_groups: {{ theirs: {{}} }}\n");
            let theirs = move || declare(&office, &both);
            assert_eq!(tokio::task::spawn_blocking(theirs).await.unwrap(), 3);
            answer(&desk, Some("it"));
        };
        let (said, ()) = tokio::join!(changing, others);
        let Json(said) = said.unwrap();
        assert_eq!((said.revision, said.rolled_back_to, said.overtaken_by), (2, None, Some(3)));
        let world = desk.office.world();
        assert_eq!(world.revision, 3);
        assert!(world.accepted.fabric.security_groups.contains_key("theirs"));
    });
}

#[test]
fn who_changes_something_meanwhile_is_not_blamed_for_what_is_refused_of_the_change_before() {
    with_desk(|desk, _| async move {
        let terms = settled(&desk);
        declare(&desk.office, NETWORK);
        // The node says that it refuses the change before once this one is under way, and says it again.
        let node = desk.clone();
        let ours = move |office: &Office| {
            answer(&node, Some("it"));
            let both = declared(&format!("{NETWORK}security_groups: {{ ours: {{}} }}\n"));
            office.apply(|_| both.clone(), &Origin::default(), None)
        };
        let mut published = desk.published.clone();
        let again = async {
            published.wait_for(|_| desk.office.world().revision == 3).await.unwrap();
            answer(&desk, Some("it"));
        };
        let (said, ()) = tokio::join!(change(&desk, terms, ours), again);
        let Json(said) = said.unwrap();
        assert_eq!((said.revision, said.rolled_back_to, said.overtaken_by), (3, None, None));
        assert_eq!(said.refused.len(), 1, "it is told of all the same");
        assert!(desk.office.world().accepted.fabric.security_groups.contains_key("ours"));
    });
}

#[test]
fn what_was_there_before_is_nobodys_fault_though_it_is_refused_only_now() {
    with_desk(|desk, _| async move {
        let terms = settled(&desk);
        declare(&desk.office, NETWORK);
        // Of two changes the node hears at once, and after a restart of control nobody knows what it refused before.
        let n = ResourceKey { kind: Kind::Network as u16, name: "n".to_owned() };
        let version = |desk: &Desk| *desk.office.world().table[&n].resource.version();
        let refusal = |version: [u8; 32]| Refusal {
            kind: n.kind,
            name: n.name.clone(),
            version,
            reason: "no".to_owned(),
        };
        for (text, revision, expected) in [
            (format!("{NETWORK}security_groups: {{ ours: {{}} }}\n"), 3, None),
            (NETWORK.replace("10.0.0.0/16", "10.0.0.0/15"), 4, Some(3)),
        ] {
            answer(&desk, None);
            let text = declared(&text);
            let ours =
                move |office: &Office| office.apply(|_| text.clone(), &Origin::default(), None);
            let mut published = desk.published.clone();
            let refusing = async {
                published.wait_for(|_| desk.office.world().revision == revision).await.unwrap();
                refuse(&desk, Some(refusal(version(&desk))));
            };
            let (said, ()) = tokio::join!(change(&desk, terms.clone(), ours), refusing);
            let Json(said) = said.unwrap();
            assert_eq!((said.revision, said.rolled_back_to), (revision, expected), "{said:?}");
            assert_eq!(said.refused.len(), 1, "it is told of all the same");
        }
    });
}

#[test]
fn a_change_goes_back_to_what_it_was_made_from_and_not_to_what_was_there_when_it_was_asked_for() {
    with_desk(|desk, _| async move {
        let terms = settled(&desk);
        // Another change lands between the look at what is declared and the commit.
        let ours = |office: &Office| {
            let is_first = std::cell::Cell::new(true);
            let ours = |now: &Declared| {
                if is_first.replace(false) {
                    declare(office, "security_groups: { theirs: {} }\n");
                }
                let mut ours = now.clone();
                ours.texts.get_mut("s.yaml").unwrap().push_str(NETWORK);
                ours
            };
            office.apply(ours, &Origin::default(), None)
        };
        let changing = change(&desk, terms, ours);
        let mut published = desk.published.clone();
        let refuse = async {
            published.wait_for(|_| desk.office.world().revision == 3).await.unwrap();
            answer(&desk, Some("it"));
        };
        let (said, ()) = tokio::join!(changing, refuse);
        assert_eq!(said.unwrap().rolled_back_to, Some(2));
        let world = desk.office.world();
        assert!(world.accepted.fabric.security_groups.contains_key("theirs"));
        assert!(world.accepted.fabric.networks.is_empty());
    });
}

#[test]
fn a_plan_tells_of_tests_that_would_not_hold_and_of_what_a_rollback_would_do() {
    with_desk(|desk, _| async move {
        let text = |name: &str, was: &str, expect: &str| {
            format!(
                "networks: {{ n: {{ cidr: 10.0.0.0/16 }} }}\nsubnets: {{ n: {{ network: n, cidr: 10.0.1.0/24 }} }}\n\
                 workloads: {{ {name}: {{ {was}node: alpha, subnet: n, attach: {{ serve: {{ tcp: 80 }} }} }} }}\n\
                 tests: [{{ from: alpha, to: {name}, port: 80/tcp, expect: {expect} }}]\n"
            )
        };
        declare(&desk.office, &text("a", "", "deny"));
        declare(&desk.office, &text("b", "was: a, ", "deny"));
        assert_eq!(desk.office.world().accepted.fabric.workloads.keys().collect::<Vec<_>>(), ["b"]);
        let router = router(&desk, Door::Local);
        let sources =
            json!({ "roots": ["s.yaml"], "texts": { "s.yaml": file(&text("b", "", "allow")) } });
        let body = json!({ "sources": sources }).to_string();
        let (code, said) = ask(&router, "POST", "/v1/plan", None, &body).await;
        assert_eq!(code, 200, "{said}");
        let said: Value = serde_json::from_str(&said).unwrap();
        assert!(said["broken_tests"][0]["message"].as_str().unwrap().contains("should"), "{said}");
        assert_eq!(said["tests"], 1);
        let (code, said) = ask(&router, "POST", "/v1/plan", None, "{\"rollback_to\":1}").await;
        assert_eq!(code, 200, "{said}");
        let said: Value = serde_json::from_str(&said).unwrap();
        let back = json!([{ "from": "b", "to": "a", "addresses": ["10.0.1.4"] }]);
        assert_eq!((&said["renamed"], &said["base_revision"]), (&back, &json!(2)));
        let (code, said) = ask(&router, "POST", "/v1/plan", None, "{\"rollback_to\":9}").await;
        assert_eq!(code, 404, "{said}");
        let late = "{\"revision\":1,\"expected_revision\":1}";
        let (code, said) = ask(&router, "POST", "/v1/rollback", None, late).await;
        assert_eq!((code, desk.office.world().revision), (409, 2), "{said}");
    });
}
