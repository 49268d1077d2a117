//! Hands each input to `netloom_vpn::fuzz::uapi`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| { netloom_vpn::fuzz::uapi(bytes); });
