//! Files of Docker Compose.

use super::*;

pub(crate) const FILE: &str = "\
name: Shop
services:
  web:
    image: nginx
    container_name: the-web
    networks:
      front: { ipv4_address: 172.20.0.10 }
      back: { aliases: [www], ipv4_address: 172.21.0.1 }
    ports: [\"8080:80\", \"127.0.0.1:9000:9000\", \"53:53/udp\", \"1-2:1-2\", { target: 443, published: 443 }]
    expose: [9100]
    x-note: hm
  db:
    networks: [back]
    labels: { tier: data }
    depends_on: [web]
  both: { networks: { front: {}, back: { ipv4_address: 172.21.0.20 } } }
  lonely: { image: busybox }
  host: { network_mode: host }
  again: { networks: [back, nowhere, back], ports: [\"8080:80\"] }
networks:
  front:
    driver: bridge
    ipam: { config: [{ subnet: 172.20.0.0/24, gateway: 172.20.0.1, ip_range: 172.20.0.128/25 }] }
  back:
    internal: true
    ipam:
      config: [{ subnet: 172.21.0.0/24, gateway: 172.21.0.254 }, { subnet: \"fd00:21::/48\" }, { subnet: 172.21.0.0/28 }]
volumes: { data: {} }
";

#[test]
fn networks_services_ports_and_addresses() {
    let imported = import(&[text("compose.yaml", FILE)]);
    let yaml = &imported.yaml;
    for line in [
        "fabric: shop",
        "front: { network: front, cidr: [172.20.0.0/24], nat_gateway: front-nat }",
        "back: { network: back, cidr: [172.21.0.0/24, \"fd00:21::/64\"] }",
        "    address: [172.20.0.10]",
        "    security_groups: [front, web-published]",
        "interfaces: { back: { subnet: back, security_groups: [back] } }",
        "back: { subnet: back, address: [172.21.0.20], security_groups: [back] }",
        "- { port: 8080, protocol: tcp, to: 80 }",
        "- { port: 53, protocol: udp, to: 53 }",
        "- { port: 443, protocol: tcp, to: 443 }",
        "attach: { container: { name: the-web } }",
        "attach: { container: { name: shop-db-1 } }",
        "labels: { service: db, tier: data }",
        "egress: [{ protocol: all, to: { security_group: back } }]",
        "  default: { cidr: [172.28.0.0/24] }",
        "  front: { network: front }",
    ] {
        assert!(yaml.contains(line), "{line}\n{yaml}");
    }
    assert!(!yaml.contains("nowhere") && !yaml.contains("host:"), "{yaml}");
    for (path, expected) in [
        ("services.web.ports[1]", Outcome::Refused),
        ("services.web.ports[3]", Outcome::Refused),
        ("services.web.networks.back.ipv4_address", Outcome::Refused),
        ("services.web.networks.back.aliases[0]", Outcome::Refused),
        ("services.web.networks.front.ipv4_address", Outcome::Exact),
        ("services.host", Outcome::Refused),
        ("services.again.networks[1]", Outcome::Refused),
        ("services.again.networks[2]", Outcome::Refused),
        ("services.again.ports[0]", Outcome::Refused),
        ("services.web.x-note", Outcome::Refused),
        ("networks.front.ipam.config[0].gateway", Outcome::Exact),
        ("networks.front.ipam.config[0].ip_range", Outcome::Refused),
        ("networks.back.ipam.config[0].gateway", Outcome::Approximated),
        ("networks.back.ipam.config[1].subnet", Outcome::Approximated),
        ("networks.back.ipam.config[2].subnet", Outcome::Refused),
        ("volumes.data", Outcome::Refused),
        ("name", Outcome::Exact),
    ] {
        assert_eq!(outcome(&imported, path), expected, "{path}: {}", words(&imported, path));
    }
}

#[test]
fn containers_of_one_network_reach_each_other_and_others_do_not() {
    let imported = import(&[text("compose.yaml", FILE)]);
    for line in [
        "{ from: again, to: db, port: 7/tcp, expect: allow }",
        "{ from: lonely, to: db, port: 7/tcp, expect: deny }",
        "{ from: internet, to: db, port: 7/tcp, expect: deny }",
    ] {
        assert!(imported.yaml.contains(line), "{line}\n{}", imported.yaml);
    }
}
