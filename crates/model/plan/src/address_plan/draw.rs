//! A plan as bars: what each part of a prefix is for.

use super::{Plan, Wanted};
use ipnet::IpNet;
use std::fmt::Write as _;
use std::net::IpAddr;

/// Columns of a bar.
const WIDTH: u128 = 64;

impl Plan {
    /// A bar for each IPv4 prefix of `wanted`: a letter for each tier, `#` for what was taken, `·` for
    /// what is free. Of IPv6, where a subnet is too small to be seen, it only says how much is used.
    pub fn bars(&self, wanted: &Wanted) -> String {
        let mut text = String::new();
        let v4 = wanted.prefixes.iter().filter(|prefix| prefix.addr().is_ipv4());
        for prefix in v4 {
            let row: String =
                (0..WIDTH).map(|column| self.letter(wanted, *prefix, column)).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {prefix}\n  [{row}]");
        }
        let legend: Vec<String> = wanted
            .tiers
            .iter()
            .enumerate()
            .map(|(index, tier)| format!("{} {}", tier_letter(index), tier.name))
            .collect();
        let taken = if wanted.taken.is_empty() { "" } else { "  # taken" };
        let _ = writeln!(text, "   {}{taken}  · free", legend.join("  "));
        text
    }

    /// What the part of a prefix at a column is mostly for: the first of what is in it.
    fn letter(&self, wanted: &Wanted, prefix: IpNet, column: u128) -> char {
        let (first, size) = range(prefix);
        let at = first + size * column / WIDTH;
        let end = (first + size * (column + 1) / WIDTH).max(at + 1);
        let is_here = |cidr: &IpNet| {
            let (start, size) = range(*cidr);
            cidr.addr().is_ipv4() && start < end && at < start + size
        };
        let tier = self.subnets.iter().find(|subnet| subnet.cidrs.iter().any(is_here));
        let tier = tier.and_then(|subnet| {
            wanted.tiers.iter().position(|tier| tier.name == subnet.tier).map(tier_letter)
        });
        tier.unwrap_or_else(|| if wanted.taken.iter().any(is_here) { '#' } else { '·' })
    }
}

fn tier_letter(index: usize) -> char {
    let letters = ('A'..='Z').chain('a'..='z');
    letters.cycle().nth(index).unwrap_or('A')
}

fn range(prefix: IpNet) -> (u128, u128) {
    let first = match prefix.network() {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    };
    (
        first,
        1u128.checked_shl(u32::from(prefix.max_prefix_len() - prefix.prefix_len())).unwrap_or(0),
    )
}
