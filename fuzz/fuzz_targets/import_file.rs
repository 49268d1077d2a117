//! Hands each input to `netloom_import::fuzz::file`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| netloom_import::fuzz::file(bytes));
