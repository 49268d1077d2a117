//! Plans: by hand, and what is true of all of them.

use super::*;
use proptest::prelude::*;

fn wanted(prefixes: &[&str], zones: &[&str], tiers: &[(&str, Option<u64>)]) -> Wanted {
    let tier =
        |(name, hosts): &(&str, Option<u64>)| Tier { name: (*name).to_owned(), hosts: *hosts };
    Wanted {
        prefixes: prefixes.iter().map(|text| text.parse().unwrap()).collect(),
        taken: Vec::new(),
        zones: zones.iter().map(|zone| (*zone).to_owned()).collect(),
        tiers: tiers.iter().map(tier).collect(),
    }
}

fn shown(plan: &Plan) -> Vec<String> {
    let one = |subnet: &Planned| {
        let cidrs: Vec<String> = subnet.cidrs.iter().map(IpNet::to_string).collect();
        format!("{} {}", subnet.name(), cidrs.join(" "))
    };
    plan.subnets.iter().map(one).collect()
}

const TIERS: [(&str, Option<u64>); 3] = [("public", None), ("private", None), ("db", None)];

#[test]
fn tiers_share_evenly_with_room_for_a_tier_and_for_zones() {
    let asked = wanted(&["10.0.0.0/16", "fd00:10::/48"], &["a", "b", "c"], &TIERS);
    let found = plan(&asked).unwrap();
    assert_eq!(
        shown(&found),
        [
            "public-a 10.0.0.0/20 fd00:10::/64",
            "public-b 10.0.16.0/20 fd00:10:0:1::/64",
            "public-c 10.0.32.0/20 fd00:10:0:2::/64",
            "private-a 10.0.64.0/20 fd00:10:0:4::/64",
            "private-b 10.0.80.0/20 fd00:10:0:5::/64",
            "private-c 10.0.96.0/20 fd00:10:0:6::/64",
            "db-a 10.0.128.0/20 fd00:10:0:8::/64",
            "db-b 10.0.144.0/20 fd00:10:0:9::/64",
            "db-c 10.0.160.0/20 fd00:10:0:a::/64",
        ]
    );
    let v4: Vec<String> =
        found.free.iter().filter(|one| one.addr().is_ipv4()).map(IpNet::to_string).collect();
    assert_eq!(v4, ["10.0.48.0/20", "10.0.112.0/20", "10.0.176.0/20", "10.0.192.0/18"]);
    assert_eq!(found.subnets[0].hosts(), Some(4091));
    let bars = found.bars(&asked);
    assert!(
        bars.contains(&format!("[{}····{}····{}", "A".repeat(12), "B".repeat(12), "C".repeat(12))),
        "{bars}"
    );
}

#[test]
fn what_has_to_hold_many_is_large_and_what_is_taken_stays() {
    let mut asked = wanted(&["10.0.0.0/24"], &["a", "b"], &[("web", Some(11)), ("db", Some(12))]);
    asked.taken = vec!["10.0.0.0/27".parse().unwrap()];
    let found = plan(&asked).unwrap();
    // 11 and five reserved ones are 16; 12 need 32.
    assert_eq!(
        shown(&found),
        ["web-a 10.0.0.32/28", "web-b 10.0.0.48/28", "db-a 10.0.0.64/27", "db-b 10.0.0.96/27"]
    );
    assert!(
        found.bars(&asked).contains("[########AAAAAAAABBBBBBBBBBBBBBBB"),
        "{}",
        found.bars(&asked)
    );
}

#[test]
fn what_does_not_fit_is_refused_with_the_reason() {
    let refused = |asked: &Wanted| plan(asked).unwrap_err().to_string();
    let asked = wanted(&["10.0.0.0/24"], &["a", "b", "c"], &[("web", Some(100))]);
    assert_eq!(
        refused(&asked),
        "3 subnets of /25 for `web` do not fit: 256 addresses are free beside the larger tiers, the largest part is \
         10.0.0.0/24; ask for fewer hosts, zones or tiers, or add a prefix to the network"
    );
    let asked = wanted(&["10.0.0.0/28"], &["a", "b", "c"], &TIERS);
    assert!(refused(&asked).starts_with("3 subnets of /29 for `public` do not fit"));
    let asked = wanted(&["fd00:10::/63"], &["a", "b", "c"], &TIERS);
    assert!(refused(&asked).starts_with("3 subnets of /64 for `public` do not fit"));
    let asked = wanted(&["10.0.0.0/8"], &["a"], &[("web", Some(1 << 24))]);
    assert!(refused(&asked).contains("holds at most 16777211"));
    let asked = wanted(&["10.0.0.0/8"], &["a", "a"], &TIERS);
    assert_eq!(plan(&asked), Err(Unplannable::Twice("a".to_owned())));
    let asked = wanted(&["10.0.0.0/8"], &["c", "b-c"], &[("a", None), ("a-b", None)]);
    assert_eq!(plan(&asked), Err(Unplannable::Twice("a-b-c".to_owned())));
    let asked = wanted(&["10.0.0.0/8"], &["A"], &TIERS);
    assert_eq!(plan(&asked), Err(Unplannable::BadName("A".to_owned())));
    assert_eq!(plan(&wanted(&[], &["a"], &TIERS)), Err(Unplannable::Nothing("prefix")));
    assert_eq!(plan(&wanted(&["10.0.0.0/8"], &[], &TIERS)), Err(Unplannable::Nothing("zone")));
}

fn part() -> impl Strategy<Value = IpNet> {
    (any::<u16>(), 17u8..30).prop_map(|(low, length)| {
        let [high, low] = low.to_be_bytes();
        let address = std::net::Ipv4Addr::new(10, 0, high, low);
        IpNet::new(address.into(), length).unwrap().trunc()
    })
}

prop_compose! {
    fn wish()(
        zones in 1usize..6,
        hosts in prop::collection::vec(prop::option::of(1u64..5000), 1..5),
        taken in prop::collection::vec(part(), 0..5),
        length in 16u8..26,
        with_v6: bool,
    ) -> Wanted {
        let tiers: Vec<Tier> = hosts
            .iter()
            .enumerate()
            .map(|(index, hosts)| Tier { name: format!("t{index}"), hosts: *hosts })
            .collect();
        let mut prefixes: Vec<IpNet> = vec![format!("10.0.0.0/{length}").parse().unwrap()];
        if with_v6 {
            prefixes.push("fd00:10::/56".parse().unwrap());
        }
        let zones = (0..zones).map(|zone| format!("z{zone}")).collect();
        Wanted { prefixes, taken, zones, tiers }
    }
}

fn is_apart(one: &IpNet, other: &IpNet) -> bool {
    !one.contains(other) && !other.contains(one)
}

fn bits(hosts: u64) -> u32 {
    (hosts + 5).next_power_of_two().trailing_zeros()
}

proptest! {
    #[test]
    fn plans_are_inside_apart_and_large_enough(asked in wish()) {
        let Ok(found) = plan(&asked) else { return Ok(()) };
        prop_assert_eq!(plan(&asked).unwrap(), found.clone());
        prop_assert_eq!(found.subnets.len(), asked.zones.len() * asked.tiers.len());
        let used: Vec<&IpNet> = found.subnets.iter().flat_map(|one| &one.cidrs).collect();
        for (index, cidr) in used.iter().enumerate() {
            prop_assert_eq!(cidr.trunc(), **cidr);
            prop_assert!(asked.prefixes.iter().any(|prefix| prefix.contains(*cidr)));
            prop_assert!(asked.taken.iter().chain(&found.free).all(|other| is_apart(other, cidr)));
            prop_assert!(used[..index].iter().all(|other| is_apart(other, cidr)));
        }
        for (index, free) in found.free.iter().enumerate() {
            prop_assert!(asked.taken.iter().all(|other| is_apart(other, free)));
            prop_assert!(found.free[..index].iter().all(|other| is_apart(other, free)));
        }
        for subnet in &found.subnets {
            prop_assert_eq!(subnet.cidrs.len(), asked.prefixes.len());
            let tier = asked.tiers.iter().find(|tier| tier.name == subnet.tier).unwrap();
            prop_assert!(tier.hosts.is_none_or(|hosts| subnet.hosts().unwrap() >= hosts));
        }
    }

    #[test]
    fn what_fits_into_an_empty_network_is_planned_and_nothing_else(mut asked in wish()) {
        asked.taken.clear();
        asked.prefixes.truncate(1);
        for tier in &mut asked.tiers {
            tier.hosts = tier.hosts.or(Some(9));
        }
        let size = 1u64 << (32 - asked.prefixes[0].prefix_len());
        let zones = asked.zones.len() as u64;
        let sizes = asked.tiers.iter().filter_map(|tier| tier.hosts);
        let needed: u64 = sizes.map(|hosts| (1u64 << bits(hosts)) * zones).sum();
        prop_assert_eq!(plan(&asked).is_ok(), needed <= size);
    }

    #[test]
    fn what_is_planned_loads(
        mut asked in wish(),
        prefixes in prop::collection::vec(any_prefix(), 0..3),
        names in prop::sample::subsequence(vec!["public", "null", "true", "1", "0x1", "a-b", "7e1"], 0..4),
    ) {
        let asked_before = asked.prefixes.clone();
        if !prefixes.is_empty() {
            asked.prefixes = prefixes;
        }
        for (tier, name) in asked.tiers.iter_mut().zip(&names) {
            tier.name = (*name).to_owned();
        }
        for (zone, name) in asked.zones.iter_mut().zip(names.iter().rev()) {
            *zone = (*name).to_owned();
        }
        // What has room is refused for its prefixes alone.
        let is_sound = asked.prefixes.iter().all(|prefix| asked_before.contains(prefix));
        let found = match plan(&asked) {
            Ok(found) => found,
            Err(refused) => {
                let is_refused = matches!(refused, Unplannable::Refused { .. });
                prop_assert!(!(is_sound && is_refused), "{}", refused);
                return Ok(());
            }
        };
        let text = format!(
            "version: 1\nfabric: f\nregions: {{ r: {{ zones: [{}] }} }}\n{}{}",
            asked.zones.iter().map(|zone| scalar(zone)).collect::<Vec<_>>().join(", "),
            asked.yaml("n"),
            found.yaml("n")
        );
        let loaded = netloom_model::load(&["f.yaml".to_owned()], |_| Ok(text.clone().into_bytes()));
        prop_assert!(loaded.fabric.is_some(), "{}\n{:?}", text, loaded.diagnostics);
    }
}

/// A prefix of any length anywhere, mostly where networks are.
fn any_prefix() -> impl Strategy<Value = IpNet> {
    let v4 = (prop_oneof![Just(10u8), any::<u8>()], any::<[u8; 3]>(), 0u8..=32);
    let v4 = v4.prop_map(|(first, [a, b, c], length)| {
        IpNet::new(std::net::Ipv4Addr::new(first, a, b, c).into(), length)
    });
    let v6 = (prop_oneof![Just(0xfd00u16), any::<u16>()], any::<u128>(), 0u8..=128);
    let v6 = v6.prop_map(|(first, rest, length)| {
        let address = std::net::Ipv6Addr::from(u128::from(first) << 112 | rest >> 16);
        IpNet::new(address.into(), length)
    });
    prop_oneof![v4, v6].prop_map(|prefix| prefix.unwrap().trunc())
}

#[test]
fn what_the_check_refuses_is_not_planned() {
    for (prefixes, why) in [
        (vec!["0.0.0.0/0"], "0.0.0.0/0 cannot be a network: every address would be local"),
        (vec!["::/0"], "::/0 cannot be a network"),
        (vec!["10.0.0.0/16", "10.0.0.0/17"], "10.0.0.0/17 overlaps 10.0.0.0/16"),
        (vec!["127.0.0.0/8"], "127.0.0.0/8"),
    ] {
        let refused = plan(&wanted(&prefixes, &["a"], &TIERS)).unwrap_err();
        assert!(matches!(refused, Unplannable::Refused { .. }), "{refused}");
        assert!(
            refused.to_string().starts_with(why) || refused.to_string().contains(why),
            "{refused}"
        );
    }
}
