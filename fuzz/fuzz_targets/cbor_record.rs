//! Hands each input to `netloom_cbor::fuzz::record`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| netloom_cbor::fuzz::record(bytes));
