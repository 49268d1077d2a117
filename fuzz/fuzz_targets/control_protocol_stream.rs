//! Hands each input to `netloom_control_protocol::fuzz::stream`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| netloom_control_protocol::fuzz::stream(bytes));
