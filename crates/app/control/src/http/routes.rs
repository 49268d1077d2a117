//! The list of all routes. `openapi.json` of `netloom-api` describes the same, and a test compares.

use super::{
    Role, Routes, access, connectivity, events, networks, nodes, objects, peers, revisions,
    unknown_method, unknown_path,
};

/// All routes, each with the least role that may use it.
pub(super) fn all(routes: Routes) -> Routes {
    let mut routes = routes
        .get("/v1/openapi.json", Role::Stranger, access::openapi)
        .get("/v1/me", Role::Viewer, access::me)
        .get("/v1/status", Role::Viewer, nodes::status)
        .get("/v1/events", Role::Viewer, events::events)
        .post("/v1/plan", Role::Viewer, revisions::plan)
        .get("/v1/revisions", Role::Viewer, revisions::list)
        .get("/v1/revisions/{number}", Role::Viewer, revisions::one)
        .post("/v1/apply", Role::Operator, revisions::apply)
        .post("/v1/rollback", Role::Operator, revisions::rollback)
        .get("/v1/networks", Role::Viewer, networks::list)
        .post("/v1/networks", Role::Operator, networks::make)
        .get("/v1/networks/{name}", Role::Viewer, networks::one)
        .post("/v1/networks/{name}/remove", Role::Operator, networks::remove)
        .post("/v1/networks/{name}/connect", Role::Operator, networks::connect)
        .post("/v1/networks/{name}/disconnect", Role::Operator, networks::disconnect)
        .get("/v1/matrix", Role::Viewer, connectivity::matrix)
        .post("/v1/connectivity", Role::Operator, connectivity::test)
        .get("/v1/metrics", Role::Viewer, nodes::metrics)
        .get("/v1/peers", Role::Viewer, peers::list)
        .get("/v1/peers/{name}", Role::Viewer, peers::one)
        .post("/v1/peers/{name}/key", Role::Operator, peers::set_key)
        .get("/v1/objects", Role::Viewer, objects::list)
        .post("/v1/objects", Role::Operator, objects::declare_all)
        .post("/v1/objects/{section}/{name}", Role::Operator, objects::declare)
        .post("/v1/objects/{section}/{name}/remove", Role::Operator, objects::withdraw)
        .post("/v1/nodes/{name}/approve", Role::Admin, nodes::approve)
        .post("/v1/nodes/{name}/revoke", Role::Admin, nodes::revoke)
        .post("/v1/nodes/{name}/remove", Role::Admin, nodes::remove)
        .post("/v1/members/{name}/leave", Role::Admin, nodes::leave)
        .get("/v1/tokens", Role::Admin, nodes::tokens)
        .post("/v1/tokens", Role::Admin, nodes::make_token)
        .post("/v1/tokens/{id}/revoke", Role::Admin, nodes::revoke_token)
        .get("/v1/access", Role::Admin, access::list)
        .post("/v1/access", Role::Admin, access::make)
        .post("/v1/access/{id}/revoke", Role::Admin, access::revoke)
        .post("/v1/join", Role::Stranger, nodes::join);
    routes.router =
        routes.router.method_not_allowed_fallback(unknown_method).fallback(unknown_path);
    routes
}
