//! Samples as perf prints them, and the groups that they belong to.

use super::*;

const TEXT: &str = "\
tunnels 71/75
\tffffffff81b69d34 _copy_from_iter
\tffffffff820445c2 udp_sendmsg
\tffffffff81e2f7dd __x64_sys_sendmmsg
\tffffffff81000130 entry_SYSCALL_64_after_hwframe
\t          10b106 __sendmmsg

tunnels 71/75
\t         10a3c04 ring_core_0_17_14__chacha20_poly1305_seal_avx2
\t 52b89d40b1531f0 [unknown]

tunnels 72/76
\t         109fb0b ring_core_0_17_14__chacha20_poly1305_open_avx2

lto cgu.09 71/80
\t         88021af llvm::MachineFunction::CreateMachineInstr

tunnels 71/75
\t         10a3c04 ring_core_0_17_14__chacha20_poly1305_seal_avx2

";

fn group_of(lines: &[&str]) -> Group {
    let frames: Vec<Frame<'_>> = lines.iter().filter_map(|line| Frame::of(line)).collect();
    assert_eq!(frames.len(), lines.len());
    Group::of(&frames)
}

#[test]
fn samples_of_the_tunnels_thread_are_counted_by_group_and_symbol() {
    let spots = HotSpots::of(TEXT, 71);
    assert_eq!(spots.samples(), 3);
    assert_eq!(spots.of_group(Group::Sealing), 2);
    assert_eq!(spots.of_group(Group::SendingUdp), 1);
    assert_eq!(spots.hottest(1), [("ring_core_0_17_14__chacha20_poly1305_seal_avx2", 2)]);
    assert_eq!(HotSpots::of(TEXT, 72).of_group(Group::Opening), 1);
    assert_eq!(HotSpots::of(TEXT, 73).samples(), 0);
}

#[test]
fn without_a_tunnels_thread_all_threads_count() {
    let text = TEXT.replace("tunnels 71/75", "tokio-runtime-w 71/75");
    assert_eq!(HotSpots::of(&text, 71).samples(), 4);
}

#[test]
fn the_kernels_functions_are_grouped_by_the_call() {
    let read = ["ffffffff81b69d34 _copy_to_iter", "ffffffff81b69d35 tun_chr_read_iter"];
    assert_eq!(group_of(&read), Group::ReadingTun);
    let begun = ["ffffffff821ecc51 do_syscall_64", "f82ec read"];
    assert_eq!(group_of(&begun), Group::ReadingTun);
    let write = ["ffffffff81b69d34 tcp_v4_rcv", "ffffffff81b69d35 tun_get_user", "f8 writev"];
    assert_eq!(group_of(&write), Group::WritingTun);
    let receive = ["ffffffff81b69d34 _copy_to_iter", "ffffffff81b69d35 __x64_sys_recvmmsg"];
    assert_eq!(group_of(&receive), Group::ReceivingUdp);
}

#[test]
fn waking_and_interrupts_count_wherever_they_happen() {
    let waking = [
        "ffffffff81b69d34 _raw_spin_unlock_irqrestore",
        "ffffffff81b69d35 sock_def_readable",
        "ffffffff81b69d36 tun_get_user",
    ];
    assert_eq!(group_of(&waking), Group::Waiting);
    assert_eq!(group_of(&["ffffffff81b69d34 __x64_sys_epoll_wait"]), Group::Waiting);
    let timer = [
        "ffffffff81b69d34 handle_softirqs",
        "ffffffff81b69d35 asm_sysvec_apic_timer_interrupt",
        "ffffffff81b69d36 tun_get_user",
    ];
    assert_eq!(group_of(&timer), Group::Interrupts);
}

#[test]
fn functions_of_programs_are_grouped_by_name() {
    for (symbol, group) in [
        ("netloom_base::checksum::transport_sum", Group::Checksums),
        ("__memmove_avx_unaligned_erms", Group::Copying),
        ("netloom_base::offload::Splitter::next", Group::Copying),
        ("aes_gcm_enc_update_vaes_avx512", Group::Sealing),
        ("aws_lc_0_39_0_aesni_gcm_decrypt", Group::Opening),
        ("gcm_ghash_vpclmulqdq_avx2_1", Group::Cipher),
        ("golang.org/x/crypto/chacha20poly1305.chacha20Poly1305Seal", Group::Sealing),
        ("netloom_wireguard::aead::Aead::open", Group::Opening),
        ("netloom_sys::udp::send::<impl netloom_sys::udp::UdpSocket>::send", Group::SendingUdp),
        ("netloom_sys::tunnel::tun::Tun::read_one", Group::ReadingTun),
        ("netloom_sys::tunnel::tun::write_run", Group::WritingTun),
        ("netloom_node::inner::route", Group::Rest),
        ("[unknown]", Group::Rest),
    ] {
        assert_eq!(group_of(&[&format!("10a3c04 {symbol}")]), group, "{symbol}");
    }
}

#[test]
fn every_group_is_listed_once() {
    let mut all = Group::ALL.to_vec();
    all.sort();
    all.dedup();
    assert_eq!(all, Group::ALL);
}
