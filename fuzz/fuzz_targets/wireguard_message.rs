//! Hands each input to `netloom_wireguard::fuzz::message`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| netloom_wireguard::fuzz::message(bytes));
