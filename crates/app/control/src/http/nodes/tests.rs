//! What is refused of nodes and tokens.

use crate::http::tests::{ask, node, token, with_desk};
use crate::http::{Door, router};
use crate::record::Standing;

#[test]
fn a_revoked_node_is_not_approved() {
    with_desk(|desk, _| async move {
        node::declare(&desk.office, "");
        node::connect(&desk);
        let router = router(&desk, Door::Net);
        let admin = token(&desk, "admin", 60).token;
        let post = async |what: &str| {
            ask(&router, "POST", &format!("/v1/nodes/alpha/{what}"), Some(&admin), "").await
        };
        assert_eq!(post("approve").await.0, 200, "one that takes part already goes on");
        desk.office.change_node("alpha", |record| record.standing = Standing::Waiting).unwrap();
        assert_eq!(post("approve").await.0, 200);
        let standing = || desk.office.world().nodes["alpha"].standing;
        assert_eq!(standing(), Standing::Approved);
        assert_eq!(post("revoke").await.0, 200);
        let (code, said) = post("approve").await;
        assert_eq!(code, 409, "{said}");
        assert!(said.contains("was revoked") && said.contains("netloom remove alpha"), "{said}");
        assert_eq!(standing(), Standing::Revoked, "for good");
    });
}

#[test]
fn a_request_with_a_field_that_is_not_known_is_refused_with_its_name() {
    with_desk(|desk, _| async move {
        let router = router(&desk, Door::Net);
        let admin = token(&desk, "admin", 60).token;
        let body = r#"{ "nod": "alpha" }"#;
        let (code, said) = ask(&router, "POST", "/v1/tokens", Some(&admin), body).await;
        assert!(code == 422 && said.contains("unknown field `nod`"), "{code} {said}");
        assert!(desk.admission.tokens(&desk.office).unwrap().is_empty(), "none was made");
    });
}
