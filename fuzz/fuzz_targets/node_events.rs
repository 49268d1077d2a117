//! Hands each input to `netloom_node::fuzz::events`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| { netloom_node::fuzz::events(bytes); });
