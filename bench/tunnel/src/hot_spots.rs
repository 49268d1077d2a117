//! Samples of `perf script` by what they were spent on.

use std::collections::BTreeMap;

/// The thread of our programs that moves packets; of others, all threads are counted.
const THREAD: &str = "tunnels";
/// Addresses of the kernel begin here, on every processor that it runs on with 64 bits.
const KERNEL: u64 = 0xffff_0000_0000_0000;

/// What a tunnel spends processor time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    Sealing,
    Opening,
    Cipher,
    Checksums,
    Copying,
    ReadingTun,
    WritingTun,
    SendingUdp,
    ReceivingUdp,
    Waiting,
    Interrupts,
    Rest,
}

/// Functions of the kernel, the rarer before the more frequent, as any of them decides on a sample.
const KERNEL_GROUPS: [(Group, &[&str]); 6] = [
    (Group::Interrupts, &["asm_sysvec_", "asm_common_interrupt", "asm_exc_"]),
    (
        Group::Waiting,
        &[
            "ep_poll_callback",
            "try_to_wake_up",
            "__wake_up",
            "sock_def_readable",
            "schedule",
            "epoll_",
            "_sys_poll",
            "_sys_ppoll",
            "futex",
            "eventfd_",
        ],
    ),
    (Group::ReadingTun, &["tun_chr_read", "tun_do_read", "ksys_read", "vfs_readv"]),
    (
        Group::WritingTun,
        &["tun_chr_write", "tun_get_user", "ksys_write", "vfs_writev", "do_writev"],
    ),
    (Group::SendingUdp, &["_sendmmsg", "_sendmsg", "_sys_sendto"]),
    (Group::ReceivingUdp, &["_recvmmsg", "_recvmsg", "_sys_recvfrom"]),
];

/// Functions of programs, by parts of their names in lower case; the first that fits decides.
const USER_GROUPS: [(Group, &[&str]); 10] = [
    (Group::Checksums, &["checksum", "csum"]),
    (Group::SendingUdp, &["sendmmsg", "sendmsg", "sendto", "sys::udp::send", "udp::segment"]),
    (Group::ReceivingUdp, &["recvmmsg", "recvmsg", "recvfrom", "sys::udp::receive"]),
    (Group::Waiting, &["epoll", "sys::poll", "futex", "runtime.netpoll", "runtime.park"]),
    (Group::WritingTun, &["writev", "tun::write"]),
    (Group::ReadingTun, &["readv", "tun::read", "::read_one"]),
    (
        Group::Sealing,
        &["seal", "encrypt_avx", "gcm_encrypt", "enc_update", "process_extra_in_trailer"],
    ),
    (Group::Opening, &["open", "gcm_decrypt", "dec_update", "crypto_memcmp"]),
    (Group::Cipher, &["chacha", "poly1305", "aes_", "aesni", "gcm_", "ghash", "aead"]),
    (
        Group::Copying,
        &["memmove", "memcpy", "memset", "::offload::", "::coalesce::", "::batch::", "splitter"],
    ),
];

impl Group {
    pub(crate) const ALL: [Self; 12] = [
        Self::Sealing,
        Self::Opening,
        Self::Cipher,
        Self::Checksums,
        Self::Copying,
        Self::ReadingTun,
        Self::WritingTun,
        Self::SendingUdp,
        Self::ReceivingUdp,
        Self::Waiting,
        Self::Interrupts,
        Self::Rest,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sealing => "sealing",
            Self::Opening => "opening",
            Self::Cipher => "ciphers, sealing or opening",
            Self::Checksums => "checksums",
            Self::Copying => "copying and splitting in the tunnel",
            Self::ReadingTun => "reading TUN",
            Self::WritingTun => "writing TUN",
            Self::SendingUdp => "sending UDP",
            Self::ReceivingUdp => "receiving UDP",
            Self::Waiting => "waiting and waking",
            Self::Interrupts => "interrupts",
            Self::Rest => "rest",
        }
    }

    /// The group of a sample, whose functions begin with the innermost one.
    fn of(frames: &[Frame<'_>]) -> Self {
        let kernel = frames.iter().filter(|frame| frame.in_kernel);
        for (group, names) in KERNEL_GROUPS {
            let mut kernel = kernel.clone();
            if kernel.any(|frame| names.iter().any(|name| frame.symbol.contains(name))) {
                return group;
            }
        }
        // Stacks of programs without frame pointers are wrong beyond the first function.
        let user = frames.iter().find(|frame| !frame.in_kernel);
        let symbol = user.map(|frame| frame.symbol.to_lowercase()).unwrap_or_default();
        // A call of the kernel that has just begun.
        if kernel.clone().next().is_some() && symbol == "read" {
            return Self::ReadingTun;
        }
        let fits = |names: &[&str]| names.iter().any(|name| symbol.contains(name));
        USER_GROUPS.iter().find(|(_, names)| fits(names)).map_or(Self::Rest, |(group, _)| *group)
    }
}

struct Frame<'a> {
    in_kernel: bool,
    symbol: &'a str,
}

impl<'a> Frame<'a> {
    /// A line `ADDRESS SYMBOL`.
    fn of(line: &'a str) -> Option<Self> {
        let line = line.trim();
        let (address, symbol) = line.split_once(' ').unwrap_or((line, "[unknown]"));
        let address = u64::from_str_radix(address, 16).ok()?;
        Some(Self { in_kernel: address >= KERNEL, symbol: symbol.trim() })
    }
}

/// The samples of one process.
#[derive(Debug, Default)]
pub(crate) struct HotSpots {
    groups: BTreeMap<Group, u64>,
    symbols: BTreeMap<String, u64>,
}

impl HotSpots {
    /// Reads what `perf script -F comm,pid,tid,ip,sym` prints: a line for the thread, then one for each function.
    pub(crate) fn of(text: &str, process: u32) -> Self {
        let (mut ours, mut all) = (Self::default(), Self::default());
        for sample in text.split("\n\n") {
            let mut lines = sample.lines().filter(|line| !line.trim().is_empty());
            let Some((thread, owner)) = lines.next().and_then(header) else { continue };
            let frames: Vec<Frame<'_>> = lines.filter_map(Frame::of).collect();
            if owner == process {
                all.add(&frames);
                if thread == THREAD {
                    ours.add(&frames);
                }
            }
        }
        if ours.samples() > 0 { ours } else { all }
    }

    fn add(&mut self, frames: &[Frame<'_>]) {
        *self.groups.entry(Group::of(frames)).or_default() += 1;
        let symbol = frames.first().map_or("[unknown]", |frame| frame.symbol);
        *self.symbols.entry(symbol.to_owned()).or_default() += 1;
    }

    pub(crate) fn samples(&self) -> u64 {
        self.groups.values().sum()
    }

    pub(crate) fn of_group(&self, group: Group) -> u64 {
        self.groups.get(&group).copied().unwrap_or(0)
    }

    /// The innermost functions with most samples.
    pub(crate) fn hottest(&self, count: usize) -> Vec<(&str, u64)> {
        let mut all: Vec<_> = self.symbols.iter().map(|(name, n)| (name.as_str(), *n)).collect();
        all.sort_by_key(|(_, samples)| std::cmp::Reverse(*samples));
        all.truncate(count);
        all
    }
}

/// The thread's name and its process, of a line `NAME PID/TID`; names may have blanks.
fn header(line: &str) -> Option<(&str, u32)> {
    let (thread, ids) = line.trim().rsplit_once(' ')?;
    Some((thread.trim(), ids.split_once('/')?.0.parse().ok()?))
}

#[cfg(test)]
mod tests;
