//! All that is declared of a network is told.

use super::*;
use crate::http::tests::{ask, token, with_desk};
use crate::http::{Door, router};

const FILE: &str = "
version: 1
fabric: shop
regions: { here: { zones: [a] } }
networks:
  app: { cidr: 10.1.0.0/16, region: here, zones: [a], network_acl: border, tags: { team: shop },
         dns: { domain: app.local, resolvers: [9.9.9.9] } }
  data: { cidr: 10.2.0.0/16 }
subnets:
  web: { network: app, cidr: 10.1.1.0/24, zone: a, public: true, tags: { tier: web } }
  jobs: { network: app, cidr: 10.1.2.0/24, route_table: out, nat_gateway: nat }
nodes: { alpha: { region: here, zone: a, roles: [control, gateway] } }
nat_gateways: { nat: { network: app, nodes: [alpha] } }
internet_gateways: { door: { network: app, nodes: [alpha] } }
route_tables: { out: { network: app, routes: [{ to: 0.0.0.0/0, via: { nat_gateway: nat } }, { to: 192.0.2.0/24, via: blackhole }] } }
peerings: { app-data: { networks: [app, data], status: pending, routes: manual } }
network_acls:
  border:
    network: app
    ingress: [{ rule: 100, action: allow, protocol: tcp, ports: [80, 1024-65535], from: all }]
    egress: [{ rule: 100, action: allow, to: 10.0.0.0/8 }]
security_groups:
  web: { ingress: [{ protocol: icmp, types: [echo-request], from: { security_group: web } }] }
  unused: { egress: [{ to: all }] }
workloads:
  web-1: { node: alpha, subnet: web, security_groups: [web], attach: { serve: { http: 80 } } }
";

#[test]
fn all_of_a_network_is_told() {
    with_desk(|desk, _| async move {
        let router = router(&desk, Door::Net);
        let [viewer, operator] = ["viewer", "operator"].map(|role| token(&desk, role, 60).token);
        let sources = serde_json::json!({ "roots": ["s.yaml"], "texts": { "s.yaml": FILE } });
        let body = serde_json::json!({ "sources": sources }).to_string();
        let (code, said) = ask(&router, "POST", "/v1/apply", Some(&operator), &body).await;
        assert_eq!(code, 200, "{said}");
        let (code, said) = ask(&router, "GET", "/v1/networks/app", Some(&viewer), "").await;
        assert_eq!(code, 200, "{said}");
        let app: Network = serde_json::from_str(&said).unwrap();
        assert_eq!(app.region.as_deref(), Some("here"));
        let (zones, resolvers) = (app.zones.join(" "), app.resolvers.join(" "));
        assert_eq!(
            (zones.as_str(), resolvers.as_str(), app.tags["team"].as_str()),
            ("a", "9.9.9.9", "shop")
        );
        let (web, jobs) = (&app.subnet_details["web"], &app.subnet_details["jobs"]);
        assert!(web.public && !jobs.public && web.tags["tier"] == "web" && web.owner == "file");
        assert_eq!(app.subnets["web"], web.cidrs);
        assert_eq!(web.network_acl.as_deref(), Some("border"), "its network's");
        assert_eq!(
            (jobs.route_table.as_deref(), jobs.nat_gateway.as_deref()),
            (Some("out"), Some("nat"))
        );
        let routes = app.route_tables["out"].routes.iter();
        let routes: Vec<_> =
            routes.map(|one| [&one.to, &one.kind, &one.via].map(String::as_str)).collect();
        assert!(routes.contains(&["0.0.0.0/0", "gateway", "nat"]), "{routes:?}");
        assert!(routes.contains(&["192.0.2.0/24", "blackhole", ""]), "{routes:?}");
        assert_eq!(
            (app.gateways["nat"].kind.as_str(), app.gateways["door"].kind.as_str()),
            ("nat", "internet")
        );
        let peering = &app.peerings["app-data"];
        assert_eq!((peering.status.as_str(), peering.routes.as_str()), ("pending", "manual"));
        let border = &app.network_acls["border"];
        assert_eq!(
            (border.ingress[0].number, border.ingress[0].ports.join(",")),
            (Some(100), "80,1024-65535".to_owned())
        );
        assert_eq!(
            (border.ingress[0].peers[0].as_str(), border.egress[0].protocol.as_str()),
            ("all", "all")
        );
        assert_eq!(
            app.security_groups.keys().collect::<Vec<_>>(),
            ["web"],
            "those that are in use there"
        );
        let rule = &app.security_groups["web"].ingress[0];
        assert_eq!(
            (rule.types.join(","), rule.peers.join(",")),
            ("icmp 8,icmpv6 128".to_owned(), "security group web".to_owned())
        );
    });
}

#[test]
fn types_of_icmp_read_as_they_are_written() {
    let word = |ipv6, first, last| types(IcmpTypes { ipv6, first, last });
    assert_eq!(word(false, 0x800, 0x8ff), "icmp 8");
    assert_eq!(word(true, 0x104, 0x104), "icmpv6 1/4");
    assert_eq!(word(true, 0, u16::MAX), "icmpv6 0-255");
    assert_eq!(word(false, 0x301, 0x304), "icmp 3/1-3/4");
}
