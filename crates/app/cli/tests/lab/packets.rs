//! Packets that are sent, against what is said of them.

use super::*;

const OUTSIDE: &str = "
version: 1
fabric: outside
regions: { here: {} }
networks: { net: { cidr: [10.1.0.0/16, \"fd00:1::/48\"] } }
internet_gateways:
  both: { network: net, nodes: [edge] }
  out: { network: net, nodes: [one], egress_only: true }
nat_gateways: { nat: { network: net, nodes: [edge] } }
route_tables:
  out:
    network: net
    routes:
      - { to: \"::/0\", via: { internet_gateway: out } }
      - { to: 0.0.0.0/0, via: { nat_gateway: nat } }
subnets:
  open: { network: net, cidr: [10.1.1.0/24, \"fd00:1:0:1::/64\"], public: true }
  quiet: { network: net, cidr: [10.1.2.0/24, \"fd00:1:0:2::/64\"], route_table: out }
nodes: { edge: { region: here }, one: { region: here } }
security_groups:
  shop: { ingress: [{ protocol: tcp, ports: 80, from: all }], egress: [{ to: all }] }
  all: { ingress: [{ from: all }], egress: [{ to: all }] }
workloads:
  shop: { node: one, subnet: open, security_groups: [shop], publish: [{ port: 8080, to: 80 }], attach: { serve: { tcp: [80, 81] } } }
  quiet: { node: one, subnet: quiet, security_groups: [all], attach: { serve: { tcp: 80 } } }
tests:
  - { from: shop, to: internet, ports: [443/tcp, icmp], expect: allow }
  - { from: quiet, to: internet, ports: [443/tcp, icmp], expect: allow }
  - { from: internet, to: shop, port: 80/tcp, expect: allow }
  - { from: internet, to: shop, ports: [81/tcp, icmp], expect: deny }
  - { from: internet, to: quiet, ports: [80/tcp, icmp], expect: deny }
";

#[test]
fn both_families_leave_by_gateways_and_only_what_is_open_is_called_from_outside() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let text = home.succeed(&["lab", "up", &home.write("outside.yaml", OUTSIDE)]);
    assert!(text.contains("9 of 9 tests hold"), "{text}");
    // Over IPv6 by itself, so that no IPv4 hides that it does not pass.
    let inside = |workload: &str, arguments: &[&str]| {
        home.run(&[&["lab", "exec", workload, "--", NETLOOM], arguments].concat())
    };
    for workload in ["shop", "quiet"] {
        assert!(inside(workload, &["ping", "2001:db8::1", "--count", "1"]).status.success());
    }
    let shop = "[fd00:1:0:1::4]:80";
    assert!(inside("internet", &["connect", shop]).status.success());
    home.succeed(&["lab", "down"]);
    assert_eq!(home.leftovers(), Vec::<PathBuf>::new());
}

#[test]
fn packets_between_workloads_are_compared_with_what_explain_says() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let some = "ingress: [{ from: all, ports: 80, protocol: tcp }, { from: all, protocol: icmp }]";
    let file = home.write("some.yaml", &TINY.replace("ingress: [{ from: all }]", some));
    home.succeed(&["lab", "up", &file]);
    let tried = |words: &[&str]| {
        let command = ["lab", "exec", "one", "--", NETLOOM, "network", "test-connectivity"];
        home.run(&[&command[..], words].concat())
    };
    let text = |output: &Output| {
        let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        format!("{out}{err}")
    };
    // From control's own node, and from another one.
    for (from, to, node) in [("a", "b", "one"), ("b", "a", "two")] {
        let output = tried(&[from, to, "80/tcp", "81/tcp", "53/udp", "icmp", "--json"]);
        assert!(output.status.success(), "{}", text(&output));
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(found["node"], node);
        let flows = found["flows"].as_array().unwrap();
        let seen: Vec<(&str, bool, bool, bool)> = flows
            .iter()
            .map(|flow| {
                let is_v4 = flow["destination"].as_str().unwrap().contains('.');
                let word = flow["flow"].as_str().unwrap();
                (word, is_v4, flow["allowed"] == true, flow["seen"] == "answered")
            })
            .collect();
        let expected: Vec<(&str, bool, bool, bool)> =
            [("80/tcp", true), ("81/tcp", false), ("53/udp", false), ("icmp", true)]
                .iter()
                .flat_map(|(word, passes)| [true, false].map(|v4| (*word, v4, *passes, *passes)))
                .collect();
        assert_eq!(seen, expected, "{found:#}");
        assert!(flows.iter().all(|flow| flow["agrees"] == true), "{found:#}");
    }
    let known = text(&tried(&["b", "a"]));
    assert!(known.contains("sent by node two") && known.contains(" 80/tcp "), "{known}");
    // Something of the host's own that policy knows nothing of.
    let mute = "echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all";
    home.succeed(&["lab", "exec", "b", "--", "sh", "-c", mute]);
    let output = tried(&["a", "b", "80/tcp", "icmp"]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("3 of 4 did as explain says"), "{said}");
    let wrong: Vec<&str> = said.lines().filter(|line| line.contains("DISAGREES")).collect();
    assert!(wrong.len() == 1 && wrong[0].contains("icmp 10.1."), "{said}");
    let output = tried(&["a", "bb"]);
    assert!(!output.status.success() && text(&output).contains("did you mean `b`"));
    let elsewhere = ["lab", "exec", "two", "--", NETLOOM, "network", "test-connectivity", "a", "b"];
    let said = home.fail(&elsewhere);
    assert!(said.contains("control of `tiny` is not on this host"), "{said}");
}

#[test]
fn the_port_table_is_audited_against_who_really_listens() {
    let home = Home::new();
    if !labs_work(&home) {
        return;
    }
    let listed =
        TINY.replace("workloads:\n", "ports: { web: { port: 80, protocol: tcp } }\nworkloads:\n");
    home.succeed(&["lab", "up", &home.write("listed.yaml", &listed)]);
    let audit = || {
        let output = home.run(&["lab", "exec", "one", "--", NETLOOM, "ports", "audit", "--json"]);
        let said: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let found = said["findings"].as_array().unwrap().iter();
        let word = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
        let found: Vec<[String; 2]> =
            found.map(|one| ["kind", "message"].map(|key| word(one, key))).collect();
        assert_eq!(output.status.success(), found.is_empty(), "{said}");
        (said["looked_at"].as_u64().unwrap(), found)
    };
    // The node's own stack, with Netloom's daemons on it, and its workload.
    assert_eq!(audit(), (2, Vec::new()));
    let has = |found: &[[String; 2]], kind: &str, words: &[&str]| {
        found.iter().any(|[of, said]| of == kind && words.iter().all(|word| said.contains(word)))
    };
    // Somebody's own program on the node, which no plan knows of.
    let mut program =
        home.command(&["lab", "exec", "one", "--", NETLOOM, "serve", "--tcp", "2222"]);
    let mut program = program.stdout(Stdio::null()).spawn().unwrap();
    wait_until("a listener of the node is found", || has(&audit().1, "unlisted", &["one", "2222"]));
    assert_eq!(audit().1.len(), 1);
    program.kill().unwrap();
    program.wait().unwrap();
    // A server that the table does not know, and a published port where nobody listens.
    let more = listed.replacen(
        "attach: { serve: { tcp: 80 } }",
        "publish: 443, attach: { serve: { tcp: 80, udp: 5353 } }",
        1,
    );
    home.run(&["lab", "apply", &home.write("more.yaml", &more)]);
    wait_until("a new server is found", || has(&audit().1, "unlisted", &["`a`", "5353"]));
    let (_, found) = audit();
    assert!(has(&found, "silent", &["`a`", "443"]), "{found:?}");
    assert!(!found.iter().any(|[_, said]| said.contains(" 80/tcp")), "{found:?}");
}
