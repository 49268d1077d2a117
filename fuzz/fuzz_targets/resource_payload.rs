//! Hands each input to `netloom_resource::fuzz::payload`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| netloom_resource::fuzz::payload(bytes));
