//! What is measured of one tunnel: transfers by iperf3, and echoes of our own.

use crate::ground::Ground;
use anyhow::{Context as _, ensure};
use serde_json::Value;
use std::net::UdpSocket;
use std::process::Stdio;
use std::time::{Duration, Instant};

const GIB: f64 = (1_u64 << 30) as f64;
/// Echoes of the idle round trip, and the time between them.
const ECHOES: u32 = 300;
const ECHO_INTERVAL: Duration = Duration::from_millis(10);
const ECHO_TIMEOUT: Duration = Duration::from_millis(500);

/// All measures, each with its unit in its name.
pub(crate) fn all(
    ground: &mut Ground,
    seconds: Duration,
) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let mut found = Vec::new();
    // The handshake is not part of anything.
    echo(ground, 20)?;
    let idle = echo(ground, ECHOES)?;
    found.push(("round trip p50 us", idle.0));
    found.push(("round trip p99 us", idle.1));
    let single = transfer(ground, seconds, &[])?;
    found.push(("1 stream Gbit/s", single.gbit_s));
    if let [sender, receiver] = single.cpu_s[..] {
        found.push(("1 stream CPU-s per GiB, sender", sender / single.gib));
        found.push(("1 stream CPU-s per GiB, receiver", receiver / single.gib));
    }
    let loaded = loaded(ground, seconds)?;
    found.push(("round trip beside 1 stream p50 us", loaded.0));
    found.push(("round trip beside 1 stream p99 us", loaded.1));
    found.push(("1 stream back Gbit/s", transfer(ground, seconds, &["--reverse"])?.gbit_s));
    found.push(("8 streams Gbit/s", transfer(ground, seconds, &["--parallel", "8"])?.gbit_s));
    for (rate, cost, bytes) in [
        ("UDP 172 B kpps delivered", "UDP 172 B us per packet, sender", "172"),
        ("UDP 1372 B kpps delivered", "UDP 1372 B us per packet, sender", "1372"),
    ] {
        let flood = transfer(ground, seconds, &["--udp", "--bitrate", "0", "--length", bytes])?;
        found.push((rate, flood.kpps));
        if let Some(sender) = flood.cpu_s.first() {
            found.push((cost, sender * 1e6 / flood.packets_sent.max(1.0)));
        }
    }
    found.extend(ground.memory_mib()?.map(|memory| ("memory MiB", memory)));
    Ok(found)
}

/// Echoes while a stream takes all that there is.
fn loaded(ground: &Ground, seconds: Duration) -> anyhow::Result<(f64, f64)> {
    let count = u32::try_from(seconds.as_millis() / ECHO_INTERVAL.as_millis()).unwrap_or(ECHOES);
    std::thread::scope(|scope| {
        let stream = scope.spawn(|| transfer(ground, seconds + Duration::from_secs(1), &[]));
        std::thread::sleep(Duration::from_millis(800));
        let echoes = echo(ground, count);
        let stream = stream.join().map_err(|_| anyhow::anyhow!("the stream's thread panicked"))?;
        stream?;
        echoes
    })
}

/// What a transfer gave.
pub(crate) struct Transfer {
    gbit_s: f64,
    pub(crate) gib: f64,
    kpps: f64,
    pub(crate) packets_sent: f64,
    /// Of the tunnels' processes, while it lasted.
    pub(crate) cpu_s: Vec<f64>,
}

pub(crate) fn transfer(
    ground: &Ground,
    seconds: Duration,
    options: &[&str],
) -> anyhow::Result<Transfer> {
    let mut server = ground.at(1, "iperf3");
    server.args(["--server", "--one-off"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut server = server.spawn().context("cannot run iperf3")?;
    std::thread::sleep(Duration::from_millis(300));
    let before = ground.cpu_s()?;
    let mut client = ground.at(0, "iperf3");
    client.args(["--client", ground.address, "--json", "--time"]);
    let output = client.arg(seconds.as_secs().to_string()).args(options).output();
    let after = ground.cpu_s()?;
    let _ = server.kill();
    let _ = server.wait();
    let said: Value = serde_json::from_slice(&output?.stdout).context("iperf3 says nothing")?;
    ensure!(said["error"].is_null(), "iperf3: {}", said["error"]);
    let end = &said["end"];
    let number = |value: &Value| value.as_f64().unwrap_or(0.0);
    let cpu_s = before.iter().zip(&after).map(|(before, after)| after - before).collect();
    let udp = options.contains(&"--udp");
    if udp {
        let sum = &end["sum"];
        let (sent, lost) = (number(&sum["packets"]), number(&sum["lost_packets"]));
        let seconds = number(&sum["seconds"]).max(0.001);
        let kpps = (sent - lost) / seconds / 1000.0;
        return Ok(Transfer { gbit_s: 0.0, gib: 0.0, kpps, packets_sent: sent, cpu_s });
    }
    let received = &end["sum_received"];
    Ok(Transfer {
        gbit_s: number(&received["bits_per_second"]) / 1e9,
        gib: number(&received["bytes"]) / GIB,
        kpps: 0.0,
        packets_sent: 0.0,
        cpu_s,
    })
}

/// Sends echoes at a pace; gives the median and the 99th of a hundred round trips in µs.
fn echo(ground: &Ground, count: u32) -> anyhow::Result<(f64, f64)> {
    let far = ground.namespace(1)?;
    let address = ground.address;
    let server = far.run(|| UdpSocket::bind((address, 7)))?.context("the echo's port")?;
    server.set_read_timeout(Some(ECHO_TIMEOUT * 4))?;
    let answering = std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((bytes, from)) = server.recv_from(&mut buffer) {
            let _ = server.send_to(&buffer[..bytes], from);
            if buffer[0] == u8::MAX {
                return;
            }
        }
    });
    let near = ground.namespace(0)?;
    let client = near.run(|| UdpSocket::bind("0.0.0.0:0"))?.context("a port")?;
    client.connect((address, 7))?;
    client.set_read_timeout(Some(ECHO_TIMEOUT))?;
    let mut times = Vec::new();
    for number in 0..count {
        let start = Instant::now();
        client.send(&[u8::from(number + 1 == count) * u8::MAX; 32])?;
        let mut buffer = [0; 64];
        if client.recv(&mut buffer).is_ok() {
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
        std::thread::sleep(ECHO_INTERVAL.saturating_sub(start.elapsed()));
    }
    let _ = answering.join();
    ensure!(times.len() * 10 >= count as usize * 9, "{} of {count} echoes came back", times.len());
    times.sort_by(f64::total_cmp);
    Ok((times[times.len() / 2], times[times.len() * 99 / 100]))
}
