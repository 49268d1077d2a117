//! Two nodes and what the paper promises them, on virtual time.

use crate::world::{Link, MTU, NETWORK, World, inner_address, packet};
use netloom_base::{PacketBatch, Seed, Time, WallTime};
use netloom_node::wireguard::limits::WAITING_PACKETS_MAX;
use netloom_node::wireguard::{
    DropReason as WireguardDropReason, PresharedKey, PrivateKey, Role, Transmit, TunnelEvent,
};
use netloom_node::{DropReason, Inbound, NetworkConfig, PeerConfig};
use std::collections::BTreeSet;
use std::time::Duration;

fn dropped(world: &World, host: usize, reason: WireguardDropReason) -> u64 {
    world.hosts[host].node.counters().dropped(DropReason::Wireguard(reason))
}

#[test]
fn the_first_packet_makes_a_session_and_arrives() {
    let mut world = World::pair(1);
    world.send(0, 1, 0..3);
    world.run_secs(1);
    assert_eq!(world.numbers(1), [0, 1, 2]);
    assert!(world.has_event(0, &TunnelEvent::HandshakeCompleted { started_by: Role::Initiator }));
    assert!(world.has_event(1, &TunnelEvent::HandshakeCompleted { started_by: Role::Responder }));
    world.send(1, 0, 10..13);
    world.run_secs(1);
    assert_eq!(world.numbers(0), [10, 11, 12]);
    assert_eq!(world.hosts[0].received[0].0, NETWORK);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = |seed| {
        let mut world = World::pair(seed);
        world.link = Link::BAD;
        for round in 0..50 {
            world.send(0, 1, round * 10..round * 10 + 10);
            world.send(1, 0, round * 10..round * 10 + 5);
            world.run_secs(7);
        }
        world.trace()
    };
    for seed in 1..6 {
        assert_eq!(trace(seed), trace(seed));
        assert_ne!(trace(seed), trace(seed + 1));
    }
}

/// Loss, reordering and repetition on the way: what arrives arrives once, and unharmed.
#[test]
fn a_bad_link_never_repeats_a_packet_and_the_tunnel_survives() {
    for seed in 0..20 {
        let mut world = World::pair(seed);
        world.link = Link::BAD;
        for round in 0..400 {
            world.send(0, 1, round * 5..round * 5 + 5);
            world.send(1, 0, round * 5..round * 5 + 5);
            world.run_secs(1);
        }
        for host in 0..2 {
            let numbers = world.numbers(host);
            let mut once = numbers.clone();
            once.dedup();
            assert_eq!(numbers, once, "seed {seed}");
            assert!(numbers.len() > 1_600, "seed {seed}: {} of 2000 packets", numbers.len());
            assert!(world.handshakes(host) >= 3, "seed {seed}: rekeyed");
        }
    }
}

/// §6.2: the old session stays until the new one is in use at both ends.
#[test]
fn a_rekey_under_traffic_loses_nothing() {
    for seed in 0..5 {
        let mut world = World::pair(seed);
        world.link = Link { jitter_ms: 15, ..Link::GOOD };
        let mut sent = 0;
        for _ in 0..4_000 {
            world.send(0, 1, sent..sent + 3);
            world.send(1, 0, sent..sent + 3);
            sent += 3;
            world.run(Duration::from_millis(100));
        }
        world.run_secs(1);
        for host in 0..2 {
            let received: BTreeSet<_> = world.numbers(host).into_iter().collect();
            let missing: Vec<_> = (0..sent).filter(|n| !received.contains(n)).collect();
            let counters = world.hosts[host].node.counters();
            let drops: Vec<_> = counters.drops().collect();
            assert_eq!(missing, [0; 0], "seed {seed}, host {host}: {drops:?}");
            assert!(world.handshakes(host) >= 4, "seed {seed}");
        }
    }
}

/// §6.2: only the initiator rekeys by age, so one handshake every 120 s suffices.
#[test]
fn sessions_are_replaced_every_two_minutes_and_not_more_often() {
    let mut world = World::pair(1);
    for second in 0..1_200 {
        world.send(0, 1, second..second + 1);
        world.run_secs(1);
    }
    assert_eq!(world.handshakes(0), 10);
    assert_eq!(world.sent_of_type(0, 1), 10);
    assert_eq!(world.sent_of_type(1, 1), 0, "the responder leaves it to the initiator");
}

/// §6.2: an initiator that only receives rekeys before the session is rejected.
#[test]
fn a_receiving_initiator_rekeys_in_the_last_minute() {
    let mut world = World::pair(1);
    world.send(0, 1, 0..1);
    world.run_secs(1);
    for second in 0..170 {
        world.send(1, 0, second..second + 1);
        world.run_secs(1);
    }
    assert_eq!(world.numbers(0).len(), 170);
    assert_eq!(world.sent_of_type(0, 1), 2, "at 165 s");
    assert_eq!(world.sent_of_type(1, 1), 0);
}

/// §5.1: the responder must not send with a session that the initiator has not confirmed.
#[test]
fn the_responder_waits_for_the_first_packet() {
    let mut world = World::pair(1);
    world.send(0, 1, 0..1);
    // The response is under way; the initiator cannot have confirmed anything.
    world.run(Duration::from_millis(15));
    assert_eq!(world.sent_of_type(1, 2), 1);
    world.send(1, 0, 50..51);
    assert_eq!(world.sent_of_type(1, 4), 0);
    world.run(Duration::from_millis(16));
    assert_eq!(world.sent_of_type(1, 4), 1, "confirmed, so what waited is sent");
    world.run_secs(1);
    assert_eq!(world.numbers(0), [50]);
    assert_eq!(world.sent_of_type(1, 1), 0, "no handshake of its own");
}

/// §6.5: data that nothing answers is answered by a keepalive after ten seconds.
#[test]
fn one_way_data_is_answered_by_a_keepalive() {
    let mut world = World::pair(1);
    world.send(0, 1, 0..1);
    world.run(Duration::from_millis(10_020));
    assert_eq!(world.sent_of_type(1, 4), 0);
    world.run_secs(1);
    assert_eq!(world.sent_of_type(1, 4), 1);
    assert_eq!(world.hosts[0].node.counters().keepalives, 1);
    world.run_secs(300);
    assert_eq!(world.sent_of_type(1, 4), 1, "a keepalive is not answered");
    assert_eq!(world.sent_of_type(0, 1), 1, "and an idle tunnel makes no handshake");
}

/// §6.5: a peer that has lost its keys is found out after 15 s.
#[test]
fn a_peer_that_restarted_is_found_out() {
    let mut world = World::pair(1);
    world.send(0, 1, 0..1);
    world.run_secs(1);
    world.restart(1);
    world.send(0, 1, 1..2);
    world.run_secs(14);
    assert_eq!(world.sent_of_type(0, 1), 1);
    world.run_secs(3);
    assert_eq!(world.sent_of_type(0, 1), 2);
    world.send(0, 1, 2..3);
    world.run_secs(1);
    assert_eq!(world.numbers(1), [0, 2]);
    assert_eq!(dropped(&world, 1, WireguardDropReason::UnknownIndex), 1);
}

/// §6.4: an initiation is repeated after 5 s and a bit, for 90 s.
#[test]
fn attempts_end_after_ninety_seconds() {
    let mut world = World::pair(1);
    world.link.loss_per_mille = 1_000;
    world.send(0, 1, 0..1);
    world.run_secs(89);
    assert!(!world.has_event(0, &TunnelEvent::HandshakeFailed));
    let sent = world.sent_of_type(0, 1);
    assert!((16..=18).contains(&sent), "{sent} initiations");
    world.run_secs(8);
    assert!(world.has_event(0, &TunnelEvent::HandshakeFailed));
    let sent = world.sent_of_type(0, 1);
    world.run_secs(600);
    assert_eq!(world.sent_of_type(0, 1), sent, "then there is silence");
    world.link.loss_per_mille = 0;
    world.send(0, 1, 1..2);
    world.run_secs(1);
    assert_eq!(world.numbers(1), [1], "what waited is gone, what is new arrives");
}

/// §6.1 and §6.3: a session dies at 180 s, all keys at 540 s.
#[test]
fn idle_keys_are_rejected_and_then_wiped() {
    let mut world = World::pair(1);
    world.send(0, 1, 0..1);
    world.run_secs(1);
    let recorded = world.wire.last().unwrap().clone();
    let peer = world.hosts[1].key;
    world.run_secs(178);
    assert!(world.hosts[0].node.peer_status(world.now, NETWORK, &peer).unwrap().has_session);
    world.run_secs(2);
    assert!(!world.hosts[0].node.peer_status(world.now, NETWORK, &peer).unwrap().has_session);
    world.deliver(recorded.0, recorded.1, &recorded.2);
    world.run_secs(365);
    for host in 0..2 {
        assert!(world.has_event(host, &TunnelEvent::SessionExpired), "host {host}");
        assert_eq!(world.hosts[host].node.poll_timeout(), None, "nothing is left to do");
    }
    let expired = (0..2).map(|h| dropped(&world, h, WireguardDropReason::SessionExpired)).sum();
    assert_eq!(1u64, expired);
}

#[test]
fn both_ends_starting_at_once_end_up_with_a_session() {
    for seed in 0..20 {
        let mut world = World::pair(seed);
        world.send(0, 1, 0..1);
        world.send(1, 0, 0..1);
        world.run_secs(2);
        assert_eq!((world.numbers(0), world.numbers(1)), (vec![0], vec![0]), "seed {seed}");
        world.send(0, 1, 1..2);
        world.send(1, 0, 1..2);
        world.run_secs(2);
        assert_eq!((world.numbers(0), world.numbers(1)), (vec![0, 1], vec![0, 1]));
    }
}

#[test]
fn what_was_recorded_cannot_be_replayed() {
    let mut world = World::pair(1);
    world.send(0, 1, 0..5);
    world.send(0, 1, 5..10);
    world.run_secs(1);
    world.send(1, 0, 0..5);
    world.run_secs(1);
    let before = [world.numbers(0), world.numbers(1)];
    let recorded = world.wire.clone();
    for (from, to, datagram) in &recorded {
        world.deliver(*from, *to, datagram);
    }
    world.run_secs(1);
    assert_eq!([world.numbers(0), world.numbers(1)], before);
    assert_eq!(dropped(&world, 1, WireguardDropReason::StaleTimestamp), 1);
    assert_eq!(dropped(&world, 0, WireguardDropReason::UnexpectedResponse), 1);
    assert!(dropped(&world, 1, WireguardDropReason::Replayed) >= 10);
    assert_eq!(world.handshakes(0), 1);
}

/// §5.1: after a restart the high-water mark, if kept, still refuses an old initiation.
#[test]
fn a_kept_timestamp_refuses_an_initiation_from_before_the_restart() {
    let mut world = World::pair(1);
    world.send(0, 1, 0..1);
    world.run_secs(1);
    let (from, to, initiation) = world.wire[0].clone();
    let peer = world.hosts[0].key;
    let status = world.hosts[1].node.peer_status(world.now, NETWORK, &peer).unwrap();
    for floor in [None, status.newest_timestamp] {
        world.restart(1);
        if let Some(floor) = floor {
            assert!(world.hosts[1].node.set_timestamp_floor(NETWORK, &peer, floor));
        }
        world.deliver(from, to, &initiation);
        let refused = dropped(&world, 1, WireguardDropReason::StaleTimestamp);
        assert_eq!(refused, u64::from(floor.is_some()));
    }
}

#[test]
fn clocks_that_step_do_not_stop_the_tunnel() {
    let mut world = World::pair(1);
    let steps = [0, -86_400, 3_600, -1, -500_000_000, 900_000_000];
    for (round, step) in (0..).zip(steps) {
        world.hosts[0].wall_secs += step;
        // Long enough for a session to be rejected, so that each round needs a handshake.
        world.run_secs(200);
        world.send(0, 1, round..round + 1);
        world.run_secs(1);
        assert_eq!(world.numbers(1).len() as u32, round + 1, "after a step of {step} s");
    }
    assert_eq!(world.handshakes(0), steps.len() as u64);
}

/// §2.1: who authenticates from elsewhere is answered there.
#[test]
fn the_endpoint_follows_the_peer() {
    let mut world = World::pair(1);
    world.send(0, 1, 0..1);
    world.run_secs(1);
    let before = world.hosts[0].address;
    let after = ([203, 0, 113, 9], 4_444).into();
    world.hosts[0].address = after;
    world.send(1, 0, 0..1);
    world.run_secs(1);
    assert!(world.numbers(0).is_empty(), "sent to where nobody is");
    world.send(0, 1, 1..2);
    world.run_secs(1);
    let moved = TunnelEvent::EndpointChanged { from: Some(before), to: after };
    assert!(world.has_event(1, &moved));
    world.send(1, 0, 1..2);
    world.run_secs(1);
    assert_eq!(world.numbers(0), [1]);
}

/// Who is on the way can have packets come from its own address, and then go away.
#[test]
fn who_was_led_away_is_found_where_it_is_declared_to_be() {
    let mut world = World::pair(3);
    world.send(0, 1, 0..1);
    world.run_secs(1);
    let between = ([203, 0, 113, 66], 666).into();
    world.link.loss_per_mille = 1000;
    world.wire.clear();
    world.send(0, 1, 1..2);
    world.send(1, 0, 1..2);
    for (_, to, datagram) in world.wire.clone() {
        world.deliver(between, to, &datagram);
    }
    world.link.loss_per_mille = 0;
    for host in 0..2 {
        let peer = world.hosts[1 - host].key;
        let status = world.hosts[host].node.peer_status(world.now, NETWORK, &peer).unwrap();
        assert_eq!(status.endpoint, Some(between), "host {host} was led away");
    }
    for number in 2..40 {
        world.send(0, 1, number..number + 1);
        world.run_secs(1);
    }
    let found = TunnelEvent::EndpointChanged { from: Some(between), to: world.hosts[1].address };
    assert!(world.has_event(0, &found));
    assert_eq!(world.numbers(1).last(), Some(&39));
    assert!(world.numbers(1).len() > 15, "{:?}", world.numbers(1));
}

/// A new key of the network is no new declaration of where its peers are.
#[test]
fn who_was_led_away_is_found_after_the_network_has_another_key_too() {
    let mut world = World::pair(3);
    world.send(0, 1, 0..1);
    world.run_secs(1);
    let between = ([203, 0, 113, 66], 666).into();
    world.wire.clear();
    world.link.loss_per_mille = 1000;
    world.send(1, 0, 1..2);
    for (_, to, datagram) in world.wire.split_off(0) {
        world.deliver(between, to, &datagram);
    }
    let config = NetworkConfig::new(PrivateKey::from_seed(Seed::from_number(99)), MTU);
    world.hosts[0].node.set_network(world.now, NETWORK, &config).unwrap();
    let peer = world.hosts[1].key;
    let status = world.hosts[0].node.peer_status(world.now, NETWORK, &peer).unwrap();
    assert_eq!(status.endpoint, Some(between), "the last that was heard");
    world.send(0, 1, 2..3);
    world.run_secs(20);
    let own = world.wire.iter().filter(|(from, ..)| *from == world.hosts[0].address);
    let called: BTreeSet<_> = own.map(|(_, to, _)| *to).collect();
    assert_eq!(called, BTreeSet::from([between, world.hosts[1].address]));
}

#[test]
fn a_forged_or_replayed_datagram_moves_no_endpoint() {
    let mut world = World::pair(1);
    world.send(0, 1, 0..1);
    world.run_secs(1);
    let stranger = ([203, 0, 113, 66], 666).into();
    for (_, to, mut datagram) in world.wire.clone() {
        world.deliver(stranger, to, &datagram);
        let middle = datagram.len() / 2;
        datagram[middle] ^= 1;
        world.deliver(stranger, to, &datagram);
    }
    for host in 0..2 {
        let peer = world.hosts[1 - host].key;
        let status = world.hosts[host].node.peer_status(world.now, NETWORK, &peer).unwrap();
        assert_eq!(status.endpoint, Some(world.hosts[1 - host].address));
    }
}

#[test]
fn a_repeated_or_changed_declaration_leaves_the_session() {
    let mut world = World::pair(1);
    world.send(0, 1, 0..1);
    world.run_secs(1);
    let mut peer = world.peer_config(1);
    let moved = ([198, 51, 100, 7], 51820).into();
    world.hosts[1].address = moved;
    world.send(1, 0, 0..1);
    world.run_secs(1);
    world.set_peer(0, peer.clone());
    world.send(0, 1, 1..2);
    world.run_secs(1);
    assert_eq!(world.numbers(1), [0, 1], "the same declaration does not undo roaming");

    peer.allowed.push("10.9.0.0/16".parse().unwrap());
    peer.psk = Some(PresharedKey::from_bytes([1; 32]));
    peer.endpoint = Some(moved);
    world.set_peer(0, peer);
    let through_allowed = packet(inner_address(0), [10, 9, 8, 7].into(), 2, 64);
    world.send_packets(0, NETWORK, &[through_allowed]);
    world.run_secs(1);
    assert_eq!(world.numbers(1), [0, 1, 2]);
    assert_eq!(world.handshakes(0), 1);
}

#[test]
fn persistent_keepalives_start_at_once_and_go_on() {
    let mut world = World::pair(1);
    let keepalive = Some(Duration::from_secs(25));
    let peer = PeerConfig { keepalive, ..world.peer_config(1) };
    world.set_peer(0, peer.clone());
    world.run_secs(1);
    assert_eq!(world.handshakes(0), 1, "without any packet");
    world.run_secs(99);
    assert_eq!(world.sent_of_type(0, 4), 4);
    world.set_peer(0, PeerConfig { keepalive: None, ..peer });
    world.run_secs(300);
    assert_eq!(world.sent_of_type(0, 4), 4, "switched off");
}

#[test]
fn a_peer_without_an_endpoint_waits_for_one() {
    let mut world = World::pair(1);
    world.set_peer(0, PeerConfig { endpoint: None, ..world.peer_config(1) });
    world.send(0, 1, 0..1);
    world.run_secs(3);
    assert!(world.has_event(0, &TunnelEvent::EndpointWanted));
    assert!(world.wire.is_empty());
    let (now, peer, address) = (world.now, world.hosts[1].key, world.hosts[1].address);
    assert!(world.hosts[0].node.set_peer_endpoint(now, NETWORK, &peer, Some(address)));
    world.run_secs(1);
    assert_eq!(world.numbers(1), [0]);
}

#[test]
fn the_queue_for_a_handshake_keeps_the_newest() {
    let mut world = World::pair(1);
    let max = u32::try_from(WAITING_PACKETS_MAX).unwrap();
    world.send(0, 1, 0..max + 10);
    world.run_secs(1);
    assert_eq!(world.numbers(1), (10..max + 10).collect::<Vec<_>>());
    let peer = world.hosts[1].key;
    let status = world.hosts[0].node.peer_status(world.now, NETWORK, &peer).unwrap();
    assert_eq!(status.waiting_dropped, 10);
}

/// Every bit of every message counts: flipped anywhere, nothing comes of it.
#[test]
fn a_flipped_bit_anywhere_is_refused() {
    let mut world = World::pair(1);
    world.send(0, 1, 0..1);
    world.run_secs(1);
    let recorded: Vec<_> = world.wire.clone();
    let mut fresh = World::pair(1);
    for (from, to, datagram) in recorded {
        // mac2 is looked at under load only.
        let bytes = if datagram[0] < 3 { datagram.len() - 16 } else { datagram.len() };
        for bit in 0..bytes * 8 {
            let mut forged = datagram.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            fresh.deliver(from, to, &forged);
        }
    }
    assert!(fresh.hosts.iter().all(|host| host.received.is_empty() && host.events.is_empty()));
    assert!(fresh.wire.is_empty(), "nothing is answered");
}

/// The three steps that a driver with threads takes give what the one step gives.
#[test]
fn planning_and_finishing_survive_a_removal_in_between() {
    let mut world = World::pair(1);
    world.send(0, 1, 0..1);
    world.run_secs(1);
    world.link.loss_per_mille = 1_000;
    world.send(0, 1, 1..2);
    let (from, _, datagram) = world.wire.last().unwrap().clone();
    let key = world.hosts[0].key;
    let node = &mut world.hosts[1].node;
    let mut batch = PacketBatch::new(1, MTU + 100);
    let mut inbound = Inbound::new();
    assert!(batch.push(&datagram));
    node.plan_outer(world.now, |_| from, &batch, &mut inbound);
    inbound.open(&mut batch);
    assert!(node.remove_peer(NETWORK, &key));
    node.finish_outer(world.now, &mut batch, &mut inbound);
    assert_eq!(inbound.arrivals().count(), 0);
    assert_eq!(dropped(&world, 1, WireguardDropReason::UnknownIndex), 1);
    world.hosts[1].node.handle_timeout(Time::from_millis(10_000_000), WallTime(0));
    assert_eq!(world.hosts[1].node.poll_timeout(), None);
}

#[test]
fn a_node_under_load_answers_who_proves_its_address() {
    let mut world = World::under_load(1, &[1]);
    world.send(0, 1, 0..1);
    world.run_secs(1);
    assert_eq!(world.sent_of_type(1, 3), 1, "a cookie");
    assert_eq!(world.handshakes(1), 0);
    world.run_secs(6);
    assert_eq!(world.numbers(1), [0]);
    assert_eq!(dropped(&world, 1, WireguardDropReason::CookieSent), 1);

    // The same initiation from another port proves nothing: the cookie covers the port.
    let proved = world.wire.iter().rfind(|(_, _, datagram)| datagram[0] == 1).unwrap().clone();
    let mut elsewhere = proved.0;
    elsewhere.set_port(9);
    world.deliver(elsewhere, proved.1, &proved.2);
    assert_eq!(dropped(&world, 1, WireguardDropReason::CookieSent), 2);
    // After two minutes the secret is another one.
    world.run_secs(121);
    world.deliver(proved.0, proved.1, &proved.2);
    assert_eq!(dropped(&world, 1, WireguardDropReason::CookieSent), 3);
}

#[test]
fn a_cookie_reply_that_nobody_asked_for_is_refused() {
    let mut world = World::under_load(1, &[1]);
    world.send(0, 1, 0..1);
    world.run(Duration::from_millis(15));
    let reply = world.wire.iter().find(|(_, _, datagram)| datagram[0] == 3).unwrap().clone();
    let mut forged = reply.clone();
    forged.2[40] ^= 1;
    world.deliver(forged.0, forged.1, &forged.2);
    assert_eq!(dropped(&world, 0, WireguardDropReason::BadCookieReply), 1);
    world.run_secs(1);
    world.launch(reply.0, Transmit { to: reply.1, datagram: reply.2, ecn: 0 });
    world.run_secs(1);
    assert_eq!(dropped(&world, 0, WireguardDropReason::BadCookieReply), 2, "taken once");
}

#[test]
fn two_nodes_under_load_prove_themselves_to_each_other() {
    let mut world = World::under_load(1, &[0, 1]);
    world.send(0, 1, 0..1);
    world.run_secs(12);
    assert_eq!(world.numbers(1), [0]);
    assert_eq!((world.sent_of_type(0, 3), world.sent_of_type(1, 3)), (1, 1));
}

/// Who has restarted calls at once: its peer, which may never have anything to send, would go on with a
/// session that nobody can open.
#[test]
fn who_has_lost_a_session_calls() {
    let mut world = World::pair(1);
    world.send(0, 1, 0..1);
    world.run_secs(1);
    world.restart(0);
    let (now, peer) = (world.now, world.hosts[1].key);
    assert!(world.hosts[0].node.call_peer(now, NETWORK, &peer));
    world.run_secs(1);
    world.send(1, 0, 1..4);
    world.run_secs(1);
    assert_eq!(world.numbers(0), [1, 2, 3]);
}
