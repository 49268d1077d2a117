//! Edits load together with the files, and undo each other.

use super::*;
use crate::declared::Declared;

const FILE: &str = "
version: 1
fabric: shop
regions: { here: {} }
networks: { app: { cidr: 10.1.0.0/16 } }
subnets: { web: { network: app, cidr: 10.1.1.0/24 } }
nodes: { alpha: { region: here } }
security_groups: { web: { ingress: [{ from: all }], egress: [{ to: all }] } }
workloads:
  db: { node: alpha, subnet: web, security_groups: [web], attach: { container: postgres } }
  web: { node: alpha, subnet: web, security_groups: [web], attach: { serve: { http: 80 } } }
";

fn accepted(api: Option<String>) -> Accepted {
    let declared = Declared {
        roots: vec!["shop.yaml".into()],
        texts: BTreeMap::from([("shop.yaml".into(), FILE.into())]),
        api,
    };
    let mut loaded = declared.load();
    let fabric = loaded.fabric.take();
    let findings = netloom_model::diagnostic::render(&loaded.diagnostics, &loaded.sources);
    let fabric = fabric.unwrap_or_else(|| panic!("{findings}"));
    Accepted::new(declared, fabric)
}

fn wanted(workload: &str) -> Connect {
    Connect { workload: workload.into(), ..Connect::default() }
}

#[test]
fn a_network_is_made_connected_disconnected_and_removed() {
    let none = accepted(None);
    let make = MakeNetwork { name: "gaming-net".into(), ..MakeNetwork::default() };
    let text = make_network(&none, None, &make).unwrap();
    let with = accepted(text.clone());
    assert_eq!(with.fabric.networks["gaming-net"].cidrs[0].to_string(), "10.100.0.0/16");
    let text = connect(&with, text.as_deref(), "gaming-net", &wanted("db")).unwrap();
    let connected = accepted(text.clone());
    let workload = &connected.fabric.workloads["db-gaming-net"];
    let again = connect(&connected, text.as_deref(), "gaming-net", &wanted("db")).unwrap_err();
    assert!(again.to_string().contains("in `gaming-net` already"), "{again}");
    let own = connect(&with, None, "gaming-net", &wanted("web")).unwrap_err();
    assert!(own.to_string().contains("container"), "{own}");
    assert_eq!(workload.attach, Attach::Container { name: "postgres".into() });
    assert!(workload.security_groups.contains("web"), "those of `db`");
    let in_use = remove_network(&connected, text.as_deref(), "gaming-net").unwrap_err();
    assert!(in_use.to_string().contains("db-gaming-net"), "{in_use}");
    let text = disconnect(&connected, text.as_deref(), "gaming-net", "db").unwrap();
    let text = remove_network(&accepted(text.clone()), text.as_deref(), "gaming-net").unwrap();
    assert_eq!(text, None, "nothing is left of it");
}

#[test]
fn a_container_that_no_file_knows_needs_a_node() {
    let none = accepted(None);
    let error = connect(&none, None, "app", &wanted("minecraft")).unwrap_err();
    assert_eq!(error, EditError::NoNode("minecraft".into()));
    let here = Connect { node: Some("alpha".into()), ..wanted("minecraft") };
    let text = connect(&none, None, "app", &here).unwrap();
    let workload = &accepted(text).fabric.workloads["minecraft"];
    assert_eq!(workload.attach, Attach::Container { name: "minecraft".into() });
}

#[test]
fn what_cannot_be_says_why() {
    let none = accepted(None);
    let text = |error: EditError| error.to_string();
    assert!(
        text(connect(&none, None, "nowhere", &wanted("db")).unwrap_err()).contains("network ls")
    );
    assert!(text(connect(&none, None, "app", &wanted("web")).unwrap_err()).contains("already"));
    assert!(text(disconnect(&none, None, "app", "db").unwrap_err()).contains("in a file"));
    assert!(text(disconnect(&none, None, "app", "x").unwrap_err()).contains("inspect"));
    assert!(text(remove_network(&none, None, "app").unwrap_err()).contains("in a file"));
    let again = MakeNetwork { name: "app".into(), ..MakeNetwork::default() };
    assert!(text(make_network(&none, None, &again).unwrap_err()).contains("already"));
}

#[test]
fn ipv6_gets_a_subnet_that_is_allowed() {
    let none = accepted(None);
    let cidrs = vec!["10.7.0.0/16".into(), "fd00:7::/48".into()];
    let make = MakeNetwork { name: "six".into(), cidrs, ..MakeNetwork::default() };
    let with = accepted(make_network(&none, None, &make).unwrap());
    let subnet: Vec<String> =
        with.fabric.subnets["six"].cidrs.iter().map(ToString::to_string).collect();
    assert_eq!(subnet, ["10.7.0.0/16", "fd00:7::/64"]);
}

#[test]
fn objects_are_declared_as_in_a_file_and_what_is_left_out_is_found_or_asked_for() {
    let none = accepted(None);
    let subnet = |cidr: Value| json!({ "cidr": cidr });
    let text =
        declare(&none, None, ("subnets", "more"), &subnet(json!("10.1.2.0/24")), false).unwrap();
    let with = accepted(text.clone());
    assert_eq!(with.fabric.subnets["more"].network, "app");
    let again = |replace| {
        declare(
            &with,
            text.as_deref(),
            ("subnets", "more"),
            &subnet(json!(["10.1.3.0/24"])),
            replace,
        )
    };
    assert!(matches!(again(false), Err(EditError::Exists { .. })));
    let replaced = accepted(again(true).unwrap());
    assert_eq!(replaced.fabric.subnets["more"].cidrs[0].to_string(), "10.1.3.0/24");
    for (place, declaration, expected) in [
        (("subnets", "web"), subnet(json!("10.1.2.0/24")), "declared in a file"),
        (("subnets", "far"), subnet(json!("172.16.0.0/24")), "in none"),
        (("subnets", "far"), subnet(json!(["10.1.2.0/24", "10.1.2"])), "10.1.2.0/24, 10.1.2"),
        (("networks", "new"), json!({ "cidr": "10.2.0.0/16", "zones": 5 }), "no list of zones"),
        (
            ("networks", "new"),
            json!({ "cidr": "10.2.0.0/16", "zones": ["x"] }),
            "zones of one region",
        ),
        (("networks", "new"), json!(7), "no network"),
        (("regions", "new"), json!({}), "no section `regions`"),
    ] {
        let error = declare(&none, None, place, &declaration, false).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(withdraw(&with, text.as_deref(), ("subnets", "more")).unwrap(), None);
    let error = withdraw(&none, None, ("subnets", "nowhere")).unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
}

#[test]
fn a_node_its_workload_and_a_service_are_declared_replaced_and_withdrawn() {
    let none = accepted(None);
    let node = serde_json::json!({ "region": "here" });
    let text = declare(&none, None, ("nodes", "beta"), &node, false).unwrap();
    let web = serde_json::json!({
        "node": "beta", "subnet": "web", "security_groups": ["web"],
        "labels": { "app": "web" }, "attach": { "serve": { "http": 80 } },
    });
    let now = accepted(text.clone());
    let text = declare(&now, text.as_deref(), ("workloads", "web-2"), &web, false).unwrap();
    let service = serde_json::json!({ "port": 80, "select": { "app": "web" } });
    let now = accepted(text.clone());
    let text = declare(&now, text.as_deref(), ("services", "shop"), &service, false).unwrap();
    let now = accepted(text.clone());
    assert_eq!(now.fabric.workloads["web-2"].node, "beta");
    assert!(now.fabric.services.contains_key("shop"));
    // What is there stays, unless it is to be replaced; a file's object always does.
    let place = ("workloads", "web-2");
    let again = declare(&now, text.as_deref(), place, &web, false);
    assert!(matches!(again, Err(EditError::Exists { what: "workload", .. })), "{again:?}");
    let mut moved = web.clone();
    moved["node"] = "alpha".into();
    let replaced = declare(&now, text.as_deref(), place, &moved, true).unwrap();
    assert_eq!(accepted(replaced).fabric.workloads["web-2"].node, "alpha");
    let of_file = declare(&now, text.as_deref(), ("workloads", "db"), &web, true);
    assert!(matches!(of_file, Err(EditError::InFile(_))), "{of_file:?}");
    let mut text = text;
    for place in [("services", "shop"), ("workloads", "web-2"), ("nodes", "beta")] {
        let now = accepted(text.clone());
        text = withdraw(&now, text.as_deref(), place).unwrap();
    }
    let now = accepted(text);
    assert!(!now.fabric.nodes.contains_key("beta") && now.fabric.services.is_empty());
}

#[test]
fn a_route_table_is_of_the_network_that_its_gateways_are_of() {
    let none = accepted(None);
    let nat = |network: &str| json!({ "network": network, "nodes": ["alpha"] });
    let make = MakeNetwork { name: "other".into(), ..MakeNetwork::default() };
    let mut text = make_network(&none, None, &make).unwrap();
    for (name, network) in [("nat", "app"), ("nat-2", "other")] {
        let now = accepted(text.clone());
        let place = ("nat_gateways", name);
        text = declare(&now, text.as_deref(), place, &nat(network), false).unwrap();
    }
    let now = accepted(text.clone());
    let by =
        |prefix: &str, gateway: &str| json!({ "to": prefix, "via": { "nat_gateway": gateway } });
    let drop = json!({ "to": "192.0.2.0/24", "via": "blackhole" });
    let table = |routes: Value| {
        let table = json!({ "routes": routes });
        declare(&now, text.as_deref(), ("route_tables", "private"), &table, false)
    };
    let made = accepted(table(json!([by("0.0.0.0/0", "nat"), drop.clone()])).unwrap());
    assert_eq!(made.fabric.route_tables["private"].network, "app");
    for (routes, expected) in [
        (json!([by("0.0.0.0/0", "nat"), by("198.51.100.0/24", "nat-2")]), "app, other"),
        (json!([drop]), "none"),
        (json!("nonsense"), "none"),
    ] {
        let error = table(routes).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("name its network"), "{error}");
    }
}

#[test]
fn a_workload_is_renamed_by_declaring_what_it_was() {
    let declaration = |more: Value| {
        let mut one = serde_json::json!({ "node": "alpha", "subnet": "web", "security_groups": ["web"],
            "attach": { "serve": { "tcp": 80 } } });
        one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        one
    };
    let place = |name| ("workloads", name);
    let none = accepted(None);
    let cache = declaration(serde_json::json!({}));
    let text = declare(&none, None, place("cache"), &cache, false).unwrap();
    let renamed = declaration(serde_json::json!({ "was": "cache" }));
    let with = accepted(text.clone());
    let after = declare(&with, text.as_deref(), place("store"), &renamed, false).unwrap();
    let after = accepted(after);
    assert!(!after.fabric.workloads.contains_key("cache"));
    assert_eq!(with.fabric.renamed(&after.fabric), [("store", "cache")].into());
    // Declared again as it stands, it does not take away who has the former name since.
    let both = declare(&after, after.declared.api.as_deref(), place("cache"), &cache, false);
    let both = both.unwrap().unwrap();
    let again = declare(
        &after,
        Some(&both),
        place("store"),
        &declaration(serde_json::json!({ "was": "cache" })),
        true,
    );
    assert!(owns(again.unwrap().as_deref(), "workloads", "cache"));
    // What a file declares, only its owner can take another name for.
    let renamed = declaration(serde_json::json!({ "was": "db" }));
    let text = declare(&none, None, place("store"), &renamed, false).unwrap();
    let roots = none.declared.roots.clone();
    let declared = Declared { roots, texts: none.declared.texts.clone(), api: text };
    let found = declared.load().diagnostics;
    assert!(found.iter().any(|one| one.message == "`store` was `db`, which is declared too"));
}

#[test]
fn what_is_wrong_with_a_prefix_of_a_made_network_is_told_once() {
    let none = accepted(None);
    for cidr in
        ["10.7.0.1/16", "fd00:7::1/48", "10.7.0.0", "10.0.0.0/0", "::/0", "::ffff:10.7.0.0/112"]
    {
        let make =
            MakeNetwork { name: "new".into(), cidrs: vec![cidr.into()], ..MakeNetwork::default() };
        let api = make_network(&none, None, &make).unwrap();
        let found = Declared { api, ..none.declared.clone() }.load().diagnostics;
        let errors: Vec<&str> = found.iter().map(|one| one.message.as_str()).collect();
        assert!(errors.len() == 1 && errors[0].contains(cidr), "{cidr}: {errors:?}");
    }
}
