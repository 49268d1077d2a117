//! Fails as soon as a packet comes through a tunnel, which takes a handshake to reach: shows that a fault so deep is
//! found from nothing.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    assert_eq!(netloom_node::fuzz::events(bytes), 0, "planted: a packet came through");
});
