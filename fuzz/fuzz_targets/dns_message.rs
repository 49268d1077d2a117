//! Hands each input to `netloom_dns::fuzz::message`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| netloom_dns::fuzz::message(bytes));
