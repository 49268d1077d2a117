//! Hands each input to `netloom_path::fuzz::message`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| netloom_path::fuzz::message(bytes));
