//! The engine as a whole: nodes in memory, other implementations, and replayed bytes.
//!
//! | the paper says | tested by |
//! |---|---|
//! | §2.1 the endpoint follows authenticated packets | `the_endpoint_follows_the_peer`, `a_forged_or_replayed_datagram_moves_no_endpoint` |
//! | §5.1 an old timestamp is refused | `what_was_recorded_cannot_be_replayed`, `a_kept_timestamp_…`, `clocks_that_step_…` |
//! | §5.1 the responder waits for confirmation | `the_responder_waits_for_the_first_packet` |
//! | §5.2 preshared keys | `preshared_keys_must_agree`, `keys_are_agreed_upon_…`, `a_node_that_lost_…` |
//! | §5.3 cookies under load, both ways | `a_node_under_load_…`, `two_nodes_under_load_…`, `their_cookie_…`, `our_cookie_…` |
//! | §5.4 every byte of a message counts | `a_flipped_bit_anywhere_is_refused` |
//! | §5.4.6 each counter once, in any order | `a_bad_link_never_repeats_a_packet_…` |
//! | §5.4.7 a cookie covers address and port, for two minutes | `a_node_under_load_…` |
//! | §6.2 rekey at 120 s by the initiator, at 165 s if it only receives | `sessions_are_replaced_…`, `a_receiving_initiator_…` |
//! | §6.2 a rekey loses nothing | `a_rekey_under_traffic_loses_nothing`, `ten_minutes_of_traffic_…` |
//! | §6.2, §6.3 rejected at 180 s, wiped at 540 s | `idle_keys_are_rejected_and_then_wiped` |
//! | §6.4 attempts every 5 s for 90 s | `attempts_end_after_ninety_seconds` |
//! | §6.5 passive keepalives, dead peers | `one_way_data_…`, `a_peer_that_restarted_is_found_out` |
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod corpus;
mod differential;
mod keys;
mod networks;
mod pair;
mod path;
mod suites;
mod world;
