//! Hands each input to `netloom_base::fuzz::coalesce`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| { netloom_base::fuzz::coalesce(bytes); });
