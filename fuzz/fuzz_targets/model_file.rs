//! Hands each input to `netloom_model::fuzz::file`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| netloom_model::fuzz::file(bytes));
