//! Hands each input to `netloom_sys::fuzz::netlink_reply`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| netloom_sys::fuzz::netlink_reply(bytes));
