//! Hands each input to `netloom_wg_quick::fuzz::file`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| netloom_wg_quick::fuzz::file(bytes));
