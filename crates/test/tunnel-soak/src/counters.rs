//! What the kernel of a host has counted: datagrams that it refused, TCP's repetitions, the device's drops.

use anyhow::Context as _;
use netloom_sys::namespace::NamespaceHandle;
use std::collections::BTreeMap;

/// Counters of `/proc/net/snmp` and of a device, by name.
pub(crate) fn of(
    place: &NamespaceHandle,
    device: &str,
) -> anyhow::Result<BTreeMap<&'static str, u64>> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/thread-self/net/{name}"));
    let (snmp, devices) = place.run(|| (read("snmp"), read("dev")))?;
    let (snmp, devices) = (snmp?, devices?);
    let udp = |name| snmp_value(&snmp, "Udp:", name);
    let tcp = |name| snmp_value(&snmp, "Tcp:", name);
    Ok(BTreeMap::from([
        ("UDP datagrams without room at a socket", udp("RcvbufErrors")?),
        ("UDP datagrams in error", udp("InErrors")?),
        ("TCP segments sent", tcp("OutSegs")?),
        ("TCP segments sent again", tcp("RetransSegs")?),
        ("packets that the device dropped", dropped(&devices, device)?),
    ]))
}

/// A value of `/proc/net/snmp`, which has a line of names and one of values for each protocol.
fn snmp_value(text: &str, protocol: &str, name: &str) -> anyhow::Result<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with(protocol));
    let mut words = || lines.next().map(str::split_whitespace);
    let (names, values) = (words().context("no names")?, words().context("no values")?);
    let value = names.zip(values).find(|(found, _)| *found == name);
    let (_, value) = value.with_context(|| format!("the kernel counts no {protocol} {name}"))?;
    Ok(value.parse()?)
}

/// Packets that a device has dropped, both ways (`/proc/net/dev`).
fn dropped(text: &str, device: &str) -> anyhow::Result<u64> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix(device)?.strip_prefix(':'));
    let fields: Vec<&str> = line.context("the device is gone")?.split_whitespace().collect();
    let at = |place: usize| fields.get(place).copied().unwrap_or("0").parse::<u64>();
    Ok(at(3)? + at(11)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name() {
        let snmp = "Tcp: OutSegs RetransSegs\nTcp: 10 3\nUdp: InErrors\nUdp: 7\n";
        assert_eq!(snmp_value(snmp, "Tcp:", "RetransSegs").unwrap(), 3);
        assert!(snmp_value(snmp, "Udp:", "Nothing").is_err());
        let devices = "face |bytes\n soak0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
        assert_eq!(dropped(devices, "soak0").unwrap(), 16);
        assert!(dropped(devices, "soak1").is_err());
    }
}
