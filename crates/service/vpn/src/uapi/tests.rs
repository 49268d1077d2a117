//! Requests as `wg` sends them, and others.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

const KEY: &str = "e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a";
const ONE: &str = "b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33";
const TWO: &str = "58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376";

fn set(interface: &mut Interface, lines: &str) -> Result<(), RequestError> {
    let zones = |name: &str| (name == "eth0").then_some(7);
    match Request::parse(&format!("set=1\n{}\n\n", lines.replace(' ', "\n")), &zones)? {
        Request::Set(change) => drop(interface.apply(*change)),
        Request::Get => panic!("it is a change"),
    }
    Ok(())
}

fn shown_of(interface: &Interface) -> Vec<String> {
    let text = shown(interface, &BTreeMap::new());
    assert!(text.ends_with("errno=0\n\n"));
    text.lines().map(str::to_owned).collect()
}

#[test]
fn what_is_set_is_shown() {
    let mut interface = Interface::default();
    let lines = format!(
        "private_key={KEY} listen_port=12912 fwmark=7 replace_peers=true public_key={ONE} \
         endpoint=182.122.22.19:3233 persistent_keepalive_interval=111 replace_allowed_ips=true \
         allowed_ip=192.168.4.6/32 allowed_ip=fd00::/64 public_key={TWO} preshared_key={ONE} \
         allowed_ip=10.0.0.9/8"
    );
    set(&mut interface, &lines).unwrap();
    let shown = shown_of(&interface);
    for line in [
        &format!("private_key={KEY}"),
        "listen_port=12912",
        "fwmark=7",
        &format!("public_key={ONE}"),
        "endpoint=182.122.22.19:3233",
        "persistent_keepalive_interval=111",
        "allowed_ip=192.168.4.6/32",
        "allowed_ip=fd00::/64",
        &format!("preshared_key={ONE}"),
        "allowed_ip=10.0.0.0/8",
    ] {
        assert!(shown.iter().any(|one| one == line), "{line}: {shown:?}");
    }
}

#[test]
fn addresses_move_and_peers_go() {
    let mut interface = Interface::default();
    set(&mut interface, &format!("public_key={ONE} allowed_ip=10.0.0.1/32 allowed_ip=10.0.0.2/32"))
        .unwrap();
    set(&mut interface, &format!("public_key={TWO} allowed_ip=10.0.0.2/32")).unwrap();
    let allowed = |interface: &Interface, key: &str| -> Vec<String> {
        let key = PublicKey::from_bytes(secret("", key).unwrap());
        interface
            .peers()
            .get(&key)
            .map_or_else(Vec::new, |peer| peer.allowed.iter().map(ToString::to_string).collect())
    };
    assert_eq!(allowed(&interface, ONE), ["10.0.0.1/32"]);
    assert_eq!(allowed(&interface, TWO), ["10.0.0.2/32"]);
    set(&mut interface, &format!("public_key={ONE} allowed_ip=-10.0.0.1/32")).unwrap();
    assert!(allowed(&interface, ONE).is_empty());
    set(&mut interface, &format!("public_key={ONE} remove=true")).unwrap();
    assert_eq!(interface.peers().len(), 1);
    set(&mut interface, &format!("public_key={ONE} update_only=true allowed_ip=10.0.0.5/32"))
        .unwrap();
    assert_eq!(interface.peers().len(), 1, "it was not there");
    set(&mut interface, "replace_peers=true").unwrap();
    assert!(interface.peers().is_empty());
    let own = PrivateKey::from_bytes(secret("", KEY).unwrap()).public();
    let own = hexadecimal(own.as_bytes());
    set(&mut interface, &format!("private_key={KEY} public_key={own} allowed_ip=10.0.0.1/32"))
        .unwrap();
    assert!(interface.peers().is_empty(), "nobody is its own peer");
    set(&mut interface, &format!("private_key={}", "0".repeat(64))).unwrap();
    assert!(interface.private_key.is_none());
}

#[test]
fn what_is_wrong_is_named_and_secrets_are_not() {
    let mut interface = Interface::default();
    let short = &KEY[..62];
    for (lines, errno, told) in [
        ("listen_port=70000".to_owned(), INVALID, "70000"),
        ("listen_port".to_owned(), INVALID, "listen_port"),
        (format!("private_key={short}"), INVALID, "private_key"),
        (format!("public_key={ONE} endpoint=here:1"), INVALID, "here:1"),
        (format!("public_key={ONE} allowed_ip=10.0.0.0/40"), INVALID, "10.0.0.0/40"),
        (format!("public_key={ONE} listen_port=1"), INVALID, "listen_port"),
        ("speed=9".to_owned(), INVALID, "speed"),
        ("replace_peers=yes".to_owned(), INVALID, "yes"),
    ] {
        let error = set(&mut interface, &lines).unwrap_err();
        assert_eq!(error.errno(), errno);
        let text = error.to_string();
        assert!(text.contains(told) && !text.contains(short), "{text}");
        assert!(interface.peers().is_empty(), "nothing has changed");
    }
    assert_eq!(Request::parse("hello\n\n", &|_| None).unwrap_err().errno(), PROTOCOL);
    assert!(matches!(Request::parse("get=1\n\n", &|_| None), Ok(Request::Get)));
}

/// What is taken back is as it was, also where addresses have moved between peers.
#[test]
fn what_is_taken_back_is_as_it_was() {
    let mut interface = Interface::default();
    let first = format!(
        "private_key={}\nlisten_port=7\npublic_key={}\nallowed_ip=10.0.0.1/32\npublic_key={}\n\
         allowed_ip=10.0.0.2/32\nallowed_ip=10.0.0.3/32\n",
        "11".repeat(32),
        "22".repeat(32),
        "33".repeat(32)
    );
    set(&mut interface, &first).unwrap();
    let before = format!("{interface:?}");
    for lines in [
        format!("public_key={}\nallowed_ip=10.0.0.2/32\n", "22".repeat(32)),
        format!("public_key={}\nallowed_ip=10.0.0.1/32\n", "44".repeat(32)),
        format!("public_key={}\nremove=true\n", "33".repeat(32)),
        format!("replace_peers=true\npublic_key={}\nallowed_ip=10.0.0.3/32\n", "22".repeat(32)),
        "private_key=".to_owned() + &"55".repeat(32) + "\nfwmark=3\n",
    ] {
        let Ok(Request::Set(change)) = Request::parse(&format!("set=1\n{lines}\n"), &|_| None)
        else {
            unreachable!("it is a change")
        };
        let taken = interface.apply(*change);
        assert_ne!(format!("{interface:?}"), before, "{lines}");
        interface.take_back(taken);
        assert_eq!(format!("{interface:?}"), before, "{lines}");
    }
}

#[test]
fn a_link_local_endpoint_has_the_name_or_the_index_of_a_link() {
    let mut interface = Interface::default();
    for (given, shown) in [
        ("[fe80::1%eth0]:1", "[fe80::1%7]:1"),
        ("[fe80::1%3]:2", "[fe80::1%3]:2"),
        ("[fe80::1]:3", "[fe80::1]:3"),
    ] {
        set(&mut interface, &format!("public_key={ONE} endpoint={given}")).unwrap();
        let line = format!("endpoint={shown}");
        assert!(shown_of(&interface).contains(&line), "{line}");
    }
    for wrong in ["[fe80::1%eth1]:1", "[fe80::1%eth0", "fe80::1%eth0:1", "10.0.0.1%eth0:1"] {
        assert!(
            set(&mut interface, &format!("public_key={ONE} endpoint={wrong}")).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn an_error_is_told_below_zero() {
    assert_eq!(
        (answer(0), answer(PORT_TAKEN)),
        ("errno=0\n\n".to_owned(), "errno=-98\n\n".to_owned())
    );
}

#[test]
fn what_the_engine_would_refuse_is_refused_before() {
    let mut interface = Interface::default();
    let zero = "0".repeat(64);
    let Ok(Request::Set(change)) =
        Request::parse(&format!("set=1\npublic_key={zero}\n\n"), &|_| None)
    else {
        panic!("it is a change")
    };
    let before = interface.apply(*change);
    assert_eq!(interface.check(&before), Err(netloom_node::SetPeerError::LowOrderKey));
    interface.take_back(before);
    assert!(interface.peers().is_empty());
}
