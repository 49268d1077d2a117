//! Warnings about sound fabrics: what each says and where, that the examples give none, and that many
//! workloads take no time.

use netloom_model::{Diagnostic, Fabric, Severity};
use netloom_plan::findings::findings;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// Two networks with all kinds of gateways, and what a test adds.
const BASE: &str = r#"version: 1
fabric: shop
regions: { west: { zones: [a, b] }, home: {} }
nodes:
  alpha: { region: west, roles: [gateway] }
  beta: { region: west }
  pi: { region: home, advertise: [192.168.4.0/24, { cidr: 192.168.5.0/24, networks: [data] }] }
networks:
  app: { cidr: [10.0.0.0/16, "fd00:10::/48"] }
  data: { cidr: 10.1.0.0/16 }
"#;

fn load(text: &str) -> Fabric {
    netloom_testkit::fabric(&format!("{BASE}{text}"))
}

fn told(found: &[Diagnostic]) -> Vec<String> {
    let one =
        |found: &Diagnostic| format!("{} {}: {}", found.code.0, found.span.line, found.message);
    found.iter().map(one).collect()
}

const WORKLOADS: &str = "subnets:
  web: { network: app, cidr: 10.0.1.0/24, public: true }
  own: { network: app, cidr: 10.0.2.0/24 }
  db: { network: data, cidr: 10.1.1.0/24 }
workloads:
  web-1: { node: alpha, subnet: web, security_groups: [g], attach: { serve: { tcp: 1 } } }
";

#[test]
fn a_rule_of_a_group_that_others_cover_is_told_with_their_lines() {
    let fabric = load(&format!(
        "{WORKLOADS}security_groups:
  g:
    ingress:
      - {{ protocol: tcp, ports: 80, from: 10.0.0.0/8 }}
      - {{ protocol: tcp, ports: [80, 443], from: [10.0.5.0/24, {{ security_group: g }}] }}
      - {{ protocol: tcp, ports: 443, from: 10.0.0.0/16 }}
      - {{ protocol: tcp, ports: 443, from: {{ security_group: g }} }}
      - {{ protocol: tcp, ports: 80, from: 10.3.0.0/16 }}
    egress:
      - {{ protocol: tcp, to: 10.0.0.0/8 }}
      - {{ to: [0.0.0.0/0, \"::/0\"] }}
      - {{ to: all }}
"
    ));
    let found = findings(&fabric);
    assert_eq!(
        told(&found),
        [
            "N0910 23: this rule of `g` allows nothing that others do not",
            "N0910 24: this rule of `g` allows nothing that others do not",
            "N0910 26: this rule of `g` allows nothing that others do not",
            "N0910 28: this rule of `g` allows nothing that others do not",
        ]
    );
    let causes: Vec<_> = found.iter().filter_map(|one| one.cause.split(" at ").nth(1)).collect();
    let lines = ["21:9", "20:9", "27:9", "27:9"].map(|line| format!("test.yaml:{line}"));
    assert_eq!(causes, lines);
}

#[test]
fn a_rule_of_an_acl_that_never_decides_is_told_and_what_to_do() {
    let fabric = load(&format!(
        "{WORKLOADS}network_acls:
  edge:
    network: app
    ingress:
      - {{ rule: 100, action: allow, protocol: tcp, ports: 1-100, from: 10.0.0.0/9 }}
      - {{ rule: 110, action: allow, protocol: tcp, ports: 50-99, from: 10.128.0.0/9 }}
      - {{ rule: 120, action: deny, protocol: tcp, ports: 60, from: 10.0.0.0/8 }}
      - {{ rule: 130, action: allow, protocol: tcp, ports: 70, from: 10.3.0.0/16 }}
      - {{ rule: 140, action: deny, protocol: all, from: all }}
      - {{ rule: 150, action: allow, protocol: udp, ports: 53, from: all }}
    egress: [{{ rule: 1, action: allow, protocol: all, to: all }}]
security_groups: {{ g: {{ egress: [{{ to: all }}] }} }}
internet_gateways: {{ out: {{ network: app }} }}
"
    ));
    let found = findings(&fabric);
    assert_eq!(
        told(&found),
        [
            "N0910 23: rule 120 of `edge` never decides",
            "N0910 24: rule 130 of `edge` never decides",
            "N0910 26: rule 150 of `edge` never decides",
        ]
    );
    assert!(found[0].cause.contains("decided by 100, 110 (test.yaml:21:9"), "{}", found[0].cause);
    assert_eq!(found[0].solution, "give it a number below 100, or remove it");
    assert_eq!(found[1].solution, "remove it: nothing changes");
}

#[test]
fn answers_that_an_acl_forgets_are_told_in_both_directions() {
    let acl = |ingress: &str, egress: &str| {
        let fabric = load(&format!(
            "{WORKLOADS}security_groups: {{ g: {{ ingress: [{{ from: all }}] }} }}
network_acls: {{ edge: {{ network: app, ingress: [{ingress}], egress: [{egress}] }} }}
"
        ));
        let found = findings(&fabric);
        found.into_iter().map(|one| (one.message, one.solution)).collect::<Vec<_>>()
    };
    let rule = |number: u16, packets: &str, key: &str, other: &str| {
        format!("{{ rule: {number}, action: allow, {packets}, {key}: {other} }}")
    };
    let web = rule(100, "protocol: tcp, ports: 443", "from", "10.9.0.0/16");
    let [(message, solution)] = acl(&web, "").try_into().unwrap();
    assert_eq!(message, "rule 100 of `edge` lets tcp in, and the answers not out");
    let add =
        "{ rule: 16383, action: allow, protocol: tcp, ports: 32768-60999, to: [10.9.0.0/16] }";
    assert_eq!(solution, format!("add to egress of `edge`: {add}"));
    assert_eq!(acl(&web, add), [], "what is advised helps");
    // Too few ports, and too few addresses.
    assert_eq!(acl(&web, &rule(1, "protocol: tcp, ports: 49152-65535", "to", "all")).len(), 1);
    let few = rule(1, "protocol: tcp, ports: 1024-65535", "to", "10.9.0.0/17");
    assert_eq!(acl(&web, &few).len(), 1);
    assert_eq!(acl(&web, &rule(1, "protocol: tcp, ports: 1024-65535", "to", "all")), []);
    assert_eq!(acl(&web, &rule(1, "protocol: all", "to", "all")), [], "it is for the answers");
    let both = rule(1, "protocol: all", "from", "all");
    assert_eq!(acl(&both, &rule(1, "protocol: all", "to", "all")), []);
    // The reverse: a client behind the ACL.
    let https = rule(100, "protocol: tcp, ports: 443", "to", "all");
    let [(message, solution)] = acl("", &https).try_into().unwrap();
    assert_eq!(message, "rule 100 of `edge` lets tcp out, and the answers not in");
    assert!(solution.contains("add to ingress") && solution.contains("from: all"), "{solution}");
    // Answers that are denied on the way, before they are allowed.
    let denied = "{ rule: 5, action: deny, protocol: tcp, ports: 40000, to: all }, \
                  { rule: 9, action: allow, protocol: tcp, ports: 1024-65535, to: all }";
    let [(_, solution)] = acl(&web, denied).try_into().unwrap();
    assert!(solution.contains("rule: 2,"), "{solution}");
    let ping = rule(1, "protocol: icmp, types: [echo-request]", "from", "all");
    assert_eq!(acl(&ping, "").len(), 1);
    let pong = rule(1, "protocol: icmp, types: [echo-reply]", "to", "all");
    assert_eq!(acl(&ping, &pong), []);
    // What only lets answers through calls nobody.
    let answers = rule(7, "protocol: tcp, ports: 1024-65535", "from", "all");
    assert_eq!(acl(&answers, ""), []);
}

#[test]
fn a_circle_of_routes_is_told_once_with_its_workloads_and_lines() {
    let circle = |third: &str| {
        let fabric = load(&format!(
            "{WORKLOADS}  hop-a: {{ node: alpha, subnet: a, security_groups: [g], attach: &s {{ serve: {{ tcp: 1 }} }} }}
  hop-b: {{ node: beta, subnet: b, security_groups: [g], attach: *s }}
  hop-c: {{ node: beta, subnet: c, security_groups: [g], attach: *s }}
route_tables:
  to-a: {{ network: app, routes: [{{ to: 10.77.0.0/16, via: {{ workload: hop-a }} }}] }}
  to-b: {{ network: app, routes: [{{ to: 10.64.0.0/10, via: {{ workload: hop-b }} }}] }}
  to-c: {{ network: app, routes: [{{ to: 10.77.0.0/16, via: {third} }}] }}
security_groups: {{ g: {{ ingress: [{{ from: all }}] }} }}
"
        ).replace(
            "workloads:\n",
            "  a: { network: app, cidr: 10.0.3.0/24, route_table: to-b }
  b: { network: app, cidr: 10.0.4.0/24, route_table: to-c }
  c: { network: app, cidr: 10.0.5.0/24, route_table: to-a }
workloads:\n",
        ));
        findings(&fabric).into_iter().filter(|one| one.code.0 == "N0914").collect::<Vec<_>>()
    };
    let found = circle("{ workload: hop-c }");
    let words = "packets for 10.77.0.0/16 go round: `hop-a` -> `hop-b` -> `hop-c` -> `hop-a`";
    assert_eq!(told(&found), [format!("N0914 {}: {words}", found[0].span.line)]);
    assert_eq!(found[0].cause.matches("test.yaml:").count(), 3, "{}", found[0].cause);
    // One that has the prefix by itself has a link to there.
    assert_eq!(circle("{ workload: hop-b }"), []);
    assert_eq!(circle("blackhole"), []);
}

#[test]
fn routes_that_lead_nowhere_are_told_and_blackholes_are_not() {
    let fabric = load(&format!(
        "{WORKLOADS}security_groups: {{ g: {{ ingress: [{{ from: all }}] }} }}
peerings:
  later: {{ networks: [app, data], status: pending }}
route_tables:
  main:
    network: app
    routes:
      - {{ to: 10.1.0.0/16, via: {{ peering: later }} }}
      - {{ to: 10.66.0.0/16, via: blackhole }}
      - {{ to: 192.168.4.0/24, via: {{ node: pi }} }}
      - {{ to: 192.168.5.0/24, via: {{ node: pi }} }}
      - {{ to: 10.77.0.0/16, via: {{ workload: web-1 }} }}
      - {{ to: \"fd00:77::/48\", via: {{ workload: web-1 }} }}
"
    ));
    let found = findings(&fabric);
    assert_eq!(
        told(&found),
        [
            "N0909 24: the route of `main` to 10.1.0.0/16 leads nowhere",
            "N0909 26: the route of `main` to 192.168.4.0/24 leads nowhere",
            "N0909 27: the route of `main` to 192.168.5.0/24 leads nowhere",
            "N0909 29: the route of `main` to fd00:77::/48 leads nowhere",
        ]
    );
    let fabric = load(&format!(
        "{WORKLOADS}  on-pi: {{ node: pi, subnet: own, security_groups: [g], publish: 80, attach: {{ serve: {{ http: 80 }} }} }}
security_groups: {{ g: {{ ingress: [{{ from: all }}] }} }}
peerings:
  now: {{ networks: [app, data] }}
route_tables:
  main:
    network: app
    routes:
      - {{ to: 10.1.0.0/17, via: {{ peering: now }} }}
      - {{ to: 10.0.0.0/8, via: {{ peering: now }} }}
      - {{ to: 10.2.0.0/16, via: {{ peering: now }} }}
      - {{ to: 192.168.4.0/24, via: {{ node: pi }} }}
"
    ));
    assert_eq!(
        told(&findings(&fabric)),
        [
            "N0909 17: `on-pi` publishes port 80, and nobody outside can call it",
            "N0909 27: the route of `main` to 10.2.0.0/16 leads nowhere",
        ]
    );
}

#[test]
fn a_published_port_that_an_acl_or_the_groups_keep_shut_is_told() {
    let fabric = load(
        r#"subnets:
  web: { network: app, cidr: 10.0.1.0/24, public: true, network_acl: edge }
internet_gateways: { out: { network: app } }
network_acls:
  edge:
    network: app
    ingress:
      - { rule: 10, action: allow, protocol: tcp, ports: [80, 443], from: 0.0.0.0/0 }
      - { rule: 20, action: allow, protocol: udp, ports: 53, from: 10.0.0.0/16 }
      - { rule: 30, action: deny, protocol: tcp, ports: 20-25, from: 0.0.0.0/0 }
    egress: [{ rule: 10, action: allow, protocol: all, to: 0.0.0.0/0 }]
security_groups:
  all: { ingress: [{ from: all, protocol: all }] }
  home: { ingress: [{ from: 10.0.0.0/16 }, { protocol: tcp, ports: 80, from: 198.51.100.0/24 }] }
workloads:
  open: { node: alpha, subnet: web, security_groups: [all], publish: [80, { port: 8443, to: 443 }], attach: { serve: { tcp: 80 } } }
  acl: { node: alpha, subnet: web, security_groups: [all], publish: [{ port: 2222, to: 22 }, { port: 5353, to: 53, protocol: udp }], attach: { serve: { tcp: 22 } } }
  group: { node: alpha, subnet: web, security_groups: [home], publish: [{ port: 8080, to: 80 }, { port: 9443, to: 443 }], attach: { serve: { tcp: 80 } } }
"#,
    );
    let found = findings(&fabric);
    let found: Vec<_> = found.iter().filter(|one| one.code.0 == "N0909").collect();
    let messages: Vec<&str> = found.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "`acl` publishes port 2222 (22/tcp), and nobody outside can call it",
            "`acl` publishes port 5353 (53/udp), and nobody outside can call it",
            "`group` publishes port 9443 (443/tcp), and nobody outside can call it",
        ]
    );
    for (found, cause, solution) in [
        (
            found[0],
            "rule 30 denies it",
            "{ rule: 25, action: allow, protocol: tcp, ports: 22, from: 0.0.0.0/0 }",
        ),
        (
            found[1],
            "no rule allows it",
            "action: allow, protocol: udp, ports: 53, from: 0.0.0.0/0 }",
        ),
        (
            found[2],
            "no rule of its security groups",
            "ingress of `home`: { protocol: tcp, ports: 443, from: 0.0.0.0/0 }",
        ),
    ] {
        assert!(found.cause.contains(cause), "{found:?}");
        assert!(found.solution.contains(solution), "{found:?}");
    }
}

#[test]
fn a_peering_that_only_one_side_leads_to_is_told() {
    let told_of = |tables: &str| {
        let fabric = load(&format!(
            "{WORKLOADS}security_groups: {{ g: {{ ingress: [{{ from: all }}] }} }}
peerings:
  both: {{ networks: [app, data], routes: manual }}
route_tables:
{tables}"
        ));
        told(&findings(&fabric))
    };
    let app = "  a: { network: app, routes: [{ to: 10.1.0.0/16, via: { peering: both } }] }\n";
    let data = "  d: { network: data, routes: [{ to: 10.0.0.0/16, via: { peering: both } }] }\n";
    let elsewhere = "  d: { network: data, routes: [{ to: 10.0.0.0/16, via: blackhole }] }\n";
    let one = ["N0909 19: `app` has routes to the peering `both`, and `data` has none"];
    assert_eq!(told_of(&format!("{app}{elsewhere}")), one);
    assert_eq!(told_of(&format!("{app}{data}")), Vec::<String>::new());
    // Of one that nobody leads to, the file itself is told.
    assert_eq!(told_of(elsewhere), Vec::<String>::new());
}

#[test]
fn a_subnet_that_may_call_the_internet_and_cannot_is_told() {
    let with = |egress: &str, more: &str, own: &str| {
        let text = format!(
            "{WORKLOADS}  own-1: {{ node: beta, subnet: own, security_groups: [h], attach: {{ serve: {{ tcp: 1 }} }} }}
security_groups: {{ g: {{ ingress: [{{ from: all }}] }}, h: {{ egress: [{{ to: {egress} }}] }} }}
{more}
"
        );
        told(&findings(&load(
            &text.replace("cidr: 10.0.2.0/24", &format!("cidr: 10.0.2.0/24{own}")),
        )))
    };
    let nat = "nat_gateways: { nat: { network: app } }";
    let table = |via: &str| {
        format!(
            "{nat}\nroute_tables: {{ main: {{ network: app, routes: [{{ to: 0.0.0.0/0, via: {via} }}] }} }}"
        )
    };
    let alarm = ["N0911 13: `own-1` may call the internet, and `own` has no way there"];
    assert_eq!(with("all", nat, ""), alarm);
    assert_eq!(with("0.0.0.0/0", nat, ""), alarm);
    assert_eq!(with("203.0.113.0/24", "", ""), alarm, "named, it is meant");
    assert_eq!(with("all", "", ""), [""; 0], "no subnet has a way out: `all` is everyone here");
    assert_eq!(with("10.7.0.0/16", nat, ""), [""; 0]);
    assert_eq!(with("{ security_group: g }", nat, ""), [""; 0]);
    assert_eq!(with("all", nat, ", nat_gateway: nat"), [""; 0]);
    assert_eq!(with("all", &table("{ nat_gateway: nat }"), ", route_table: main"), [""; 0]);
    assert_eq!(with("all", &table("blackhole"), ", route_table: main"), [""; 0]);
    let public = ", public: true";
    assert_eq!(with("all", nat, public), alarm, "public, and no internet gateway");
    let out = "internet_gateways: { out: { network: app } }";
    assert_eq!(with("all", out, public), [""; 0]);
}

#[test]
fn a_tier_in_one_zone_is_told_where_the_network_is_in_several() {
    let with = |network: &str, subnets: &str| {
        let text = format!("subnets:\n{subnets}workloads: {{}}\nsecurity_groups: {{}}\n");
        let base = BASE
            .replace("data: { cidr: 10.1.0.0/16", &format!("data: {{ cidr: 10.1.0.0/16{network}"));
        told(&findings(&netloom_testkit::fabric(&format!("{base}{text}"))))
    };
    let subnet = |name: &str, third: u8, rest: &str| {
        format!("  {name}: {{ network: data, cidr: 10.1.{third}.0/24, {rest} }}\n")
    };
    let spread =
        subnet("web-a", 1, "public: true, zone: a") + &subnet("web-b", 2, "public: true, zone: b");
    let one = subnet("db-a", 3, "zone: a, tags: { tier: db }")
        + &subnet("db-c", 4, "zone: a, tags: { tier: db }");
    let alarm = ["N0912 14: the subnets like `db-a` (private, tier: db) are all in the zone `a`"];
    assert_eq!(with(", region: west", &(spread.clone() + &one)), alarm);
    assert_eq!(with(", zones: [a, b]", &(spread.clone() + &one)), alarm);
    assert_eq!(with(", region: west", &one), [""; 0], "nothing says that it is meant to spread");
    assert_eq!(with(", region: west, zones: [a]", &one), [""; 0]);
    assert_eq!(with("", &(spread.clone() + &one)), [""; 0], "no zones are known of it");
    let other = subnet("db-b", 5, "zone: b, tags: { tier: db }");
    assert_eq!(with(", region: west", &(spread.clone() + &one + &other)), [""; 0]);
    let anywhere = subnet("db-x", 6, "tags: { tier: db }");
    assert_eq!(with(", region: west", &(spread + &one + &anywhere)), [""; 0]);
}

#[test]
fn the_examples_give_no_alarm() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../examples");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let fabric = netloom_testkit::fabric(&std::fs::read_to_string(&path).unwrap());
            assert_eq!(told(&findings(&fabric)), [""; 0], "{}", path.display());
            files += 1;
        }
    }
    assert!(files > 0);
}

#[test]
fn ten_thousand_workloads_are_looked_at_in_no_time() {
    let mut text = "nat_gateways: { nat: { network: app } }\nsubnets:\n".to_owned();
    for number in 0..200 {
        let _ = writeln!(text, "  s{number}: {{ network: app, cidr: 10.0.{number}.0/24 }}");
    }
    text.push_str("security_groups:\n");
    for number in 0..200 {
        let port = number + 1000;
        let _ = writeln!(
            text,
            "  g{number}: {{ ingress: [{{ protocol: tcp, ports: {port}, from: {{ security_group: g0 }} }}, \
             {{ protocol: tcp, ports: 22, from: 10.0.0.0/8 }}], egress: [{{ to: all }}] }}"
        );
    }
    text.push_str("workloads:\n");
    for number in 0..10_000 {
        let (subnet, group) = (number % 200, number % 199);
        let _ = writeln!(
            text,
            "  w{number}: {{ node: beta, subnet: s{subnet}, security_groups: [g{group}, g{}], attach: {{ serve: {{ tcp: 1 }} }} }}",
            group + 1
        );
    }
    let fabric = load(&text);
    let start = Instant::now();
    let found = findings(&fabric);
    let took = start.elapsed();
    assert_eq!(found.len(), 200, "each subnet is without a way out");
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn a_resolver_inside_of_the_fabric_that_nodes_do_not_reach_is_told() {
    let found = |resolver: &str, nodes: &str, more: &str| {
        let text = BASE
            .replace(
                "\"fd00:10::/48\"]",
                &format!("\"fd00:10::/48\"], dns: {{ resolvers: [{resolver}] }}"),
            )
            .replace("beta: { region: west }", &format!("beta: {{ region: west{nodes} }}"));
        let fabric = netloom_testkit::fabric(&format!(
            "{text}subnets:
  web: {{ network: app, cidr: [10.0.1.0/24, \"fd00:10:0:1::/64\"] }}
  db: {{ network: data, cidr: 10.1.1.0/24 }}
security_groups:
  names: {{ ingress: [{{ protocol: udp, ports: 53, from: {{ security_group: asks }} }}] }}
  asks: {{ egress: [{{ protocol: udp, ports: 53, to: {{ security_group: names }} }}] }}
workloads:
  web-1: {{ node: beta, subnet: web, security_groups: [asks], attach: {{ serve: {{ tcp: 1 }} }} }}
  dns: {{ node: beta, subnet: web, address: [10.0.1.53, \"fd00:10:0:1::53\"], security_groups: [names], attach: {{ serve: {{ udp: 53 }} }} }}
  db-1: {{ node: alpha, subnet: db, security_groups: [asks], attach: {{ serve: {{ tcp: 1 }} }} }}
{more}"
        ));
        let found = findings(&fabric).into_iter().filter(|one| one.code.0 == "N0915");
        found.map(|one| (one.message, one.cause, one.solution)).collect::<Vec<_>>()
    };
    let asks = ", security_groups: [asks]";
    for (resolver, nodes, more) in [
        ("9.9.9.9", "", ""),
        ("10.0.0.2", "", ""),
        ("\"fd00:10:0:1::53\"", asks, ""),
        (
            "10.0.1.53",
            "",
            "  own: { node: beta, subnet: web, security_groups: [asks], attach: host }",
        ),
    ] {
        assert_eq!(found(resolver, nodes, more), [], "{resolver}");
    }
    let of_v4 = &found("10.0.1.53", asks, "")[0];
    assert_eq!(of_v4.0, "`beta` does not reach 10.0.1.53, a resolver of `app`");
    assert!(of_v4.1.contains("no address of IPv4") && of_v4.2.contains("IPv6"), "{of_v4:?}");
    let denied = &found("\"fd00:10:0:1::53\"", "", "")[0];
    assert!(denied.1.contains("no rule of `names`"), "{denied:?}");
    assert!(denied.2.contains("give `beta` a security group"), "{denied:?}");
    let nobody = &found("\"fd00:10:0:1::54\"", asks, "")[0];
    assert!(nobody.1.contains("fd00:10:0:1::54") && !nobody.2.is_empty(), "{nobody:?}");
    let elsewhere = &found("10.1.1.53", asks, "")[0];
    assert!(elsewhere.1.contains("is not in there"), "{elsewhere:?}");
}

#[test]
fn random_networks_are_judged_the_same_each_time_and_with_cause_and_cure() {
    for seed in 0..100 {
        let fabric = netloom_testkit::fabric(&netloom_testkit::random_networks::yaml(seed));
        let found = findings(&fabric);
        assert_eq!(found, findings(&fabric));
        for one in &found {
            assert!(!one.cause.is_empty() && !one.solution.is_empty(), "{one:?}");
            assert!(one.code.0 >= "N0909" && one.severity == Severity::Warning, "{one:?}");
        }
    }
}
