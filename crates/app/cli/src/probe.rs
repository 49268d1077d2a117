//! `netloom ping`, `connect`, `lookup` and `serve`: what is built in for trying a network.

use crate::output;
use anyhow::Context as _;
use netloom_model::fabric::ServeKind;
use netloom_probe::{Family, PingOptions, RecordType, Transport};
use std::process::ExitCode;
use std::time::Duration;

/// Sends ICMP echo requests.
#[derive(Debug, clap::Args)]
pub(crate) struct Ping {
    /// Name or address.
    host: String,
    /// How many.
    #[arg(short, long, default_value_t = 4)]
    count: u16,
    /// Bytes of payload.
    #[arg(short, long, default_value_t = 56, value_parser = clap::value_parser!(u16).range(16..=65_507))]
    size: u16,
    /// How long to wait for each answer.
    #[arg(long, default_value = "2s", value_parser = duration)]
    timeout: Duration,
    #[command(flatten)]
    common: Common,
}

/// Connects to a port.
#[derive(Debug, clap::Args)]
pub(crate) struct Connect {
    /// HOST:PORT, HOST:PORT/tcp or HOST:PORT/udp; IPv6 addresses in brackets.
    target: String,
    /// Send a datagram and wait for its echo, instead of making a connection; the same as PORT/udp.
    #[arg(long)]
    udp: bool,
    /// How long to wait.
    #[arg(long, default_value = "3s", value_parser = duration)]
    timeout: Duration,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// Options of all probes.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    /// IPv4 only.
    #[arg(short = '4', conflicts_with = "ipv6")]
    ipv4: bool,
    /// IPv6 only.
    #[arg(short = '6')]
    ipv6: bool,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// Looks up a name.
#[derive(Debug, clap::Args)]
pub(crate) struct Lookup {
    /// Name, or address for its name.
    name: String,
    /// Record type: A, AAAA, PTR, SRV …; A and AAAA if none.
    #[arg(short = 't', long = "type")]
    kind: Option<String>,
    /// Server to ask, instead of those of /etc/resolv.conf.
    #[arg(long)]
    server: Option<String>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the built-in servers.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Name that the servers answer with.
    #[arg(long, default_value = "netloom")]
    name: String,
    /// HTTP on this port.
    #[arg(long)]
    http: Vec<u16>,
    /// TCP echo on this port.
    #[arg(long)]
    tcp: Vec<u16>,
    /// UDP echo on this port.
    #[arg(long)]
    udp: Vec<u16>,
}

impl Common {
    fn family(&self) -> Option<Family> {
        match (self.ipv4, self.ipv6) {
            (true, _) => Some(Family::V4),
            (false, true) => Some(Family::V6),
            (false, false) => None,
        }
    }
}

fn done(success: bool) -> ExitCode {
    if success { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

pub(crate) fn ping(arguments: &Ping) -> anyhow::Result<ExitCode> {
    let Ping { host, count, size, timeout, common } = arguments;
    let options = PingOptions {
        count: *count,
        payload_bytes: usize::from(*size),
        timeout: *timeout,
        family: common.family(),
        ..PingOptions::new(host)
    };
    let report = netloom_probe::ping(&options, &mut |echo| {
        if !common.json {
            output::print(&format!("{echo}\n"));
        }
    })?;
    output::print(&shown(&report, &report.to_json(), common.json));
    Ok(done(report.is_reached()))
}

pub(crate) fn connect(arguments: &Connect) -> anyhow::Result<ExitCode> {
    let (host, port) = arguments
        .target
        .rsplit_once(':')
        .context("the target needs a port: HOST:PORT, such as db-1:5432 or [fd00::1]:80")?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let (port, transport) = self::port(port, arguments.udp)?;
    let report = netloom_probe::connect(host, port, transport, arguments.timeout)?;
    output::print(&shown(&report, &report.to_json(), arguments.json));
    Ok(done(report.is_reached()))
}

/// The port of a target, and its protocol: written behind it as for `netloom explain`, or by the option.
fn port(text: &str, udp: bool) -> anyhow::Result<(u16, Transport)> {
    let (number, transport) = match text.split_once('/') {
        Some((number, "udp")) => (number, Transport::Udp),
        Some((number, "tcp")) => {
            anyhow::ensure!(!udp, "{text} and --udp contradict each other: leave one of them out");
            (number, Transport::Tcp)
        }
        Some((_, other)) => {
            anyhow::bail!("`{other}` is not tcp or udp; `netloom ping` is for icmp")
        }
        None if text == "icmp" => anyhow::bail!("icmp has no ports: use `netloom ping`"),
        None => (text, if udp { Transport::Udp } else { Transport::Tcp }),
    };
    let port = number.parse().ok().filter(|port| *port != 0);
    let port =
        port.with_context(|| format!("`{number}` is not a port: write a number from 1 to 65535"))?;
    Ok((port, transport))
}

pub(crate) fn lookup(arguments: &Lookup) -> anyhow::Result<ExitCode> {
    let Lookup { name, kind, server, json } = arguments;
    let kind = kind.as_deref().map(str::parse::<RecordType>).transpose()?;
    let server = server.as_deref().map(netloom_probe::lookup::server).transpose()?;
    let report = netloom_probe::lookup(name, kind, server)?;
    output::print(&shown(&report, &report.to_json(), *json));
    Ok(done(report.is_found()))
}

pub(crate) fn serve(arguments: &Serve) -> anyhow::Result<ExitCode> {
    let all = [
        (ServeKind::Http, &arguments.http),
        (ServeKind::Tcp, &arguments.tcp),
        (ServeKind::Udp, &arguments.udp),
    ];
    let servers: Vec<(ServeKind, u16)> =
        all.iter().flat_map(|(kind, ports)| ports.iter().map(move |port| (*kind, *port))).collect();
    anyhow::ensure!(!servers.is_empty(), "nothing to serve: give --http, --tcp or --udp a port");
    netloom_probe::Server::start(&arguments.name, &servers)?.run();
    Ok(ExitCode::SUCCESS)
}

fn shown(report: &dyn std::fmt::Display, value: &serde_json::Value, json: bool) -> String {
    if json { format!("{value:#}\n") } else { format!("{report}\n") }
}

/// A time such as `500ms` or `3s`.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, factor) = match text.strip_suffix("ms") {
        Some(number) => (number, 1.0),
        None => (text.strip_suffix('s').unwrap_or(text), 1000.0),
    };
    let millis: f64 = number.parse().map_err(|_| "write it like 500ms or 3s".to_owned())?;
    Duration::try_from_secs_f64(millis * factor / 1000.0)
        .map_err(|_| "write it like 500ms or 3s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_has_its_protocol_behind_it_or_by_the_option() {
        for (text, udp, expected) in [
            ("5432", false, (5432, Transport::Tcp)),
            ("5432/tcp", false, (5432, Transport::Tcp)),
            ("53", true, (53, Transport::Udp)),
            ("53/udp", false, (53, Transport::Udp)),
            ("53/udp", true, (53, Transport::Udp)),
        ] {
            assert_eq!(port(text, udp).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_port_is_told_with_what_to_write() {
        for (text, udp, told) in [
            ("80/tcp", true, "80/tcp and --udp contradict each other"),
            ("80/sctp", false, "`sctp` is not tcp or udp"),
            ("icmp", false, "use `netloom ping`"),
            ("http", false, "`http` is not a port: write a number"),
            ("http/udp", false, "`http` is not a port"),
            ("0", false, "`0` is not a port"),
        ] {
            let error = format!("{:#}", port(text, udp).unwrap_err());
            assert!(error.contains(told) && !error.contains("digit"), "{error}");
        }
    }
}
