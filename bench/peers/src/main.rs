//! One `netloom wireguard` interface with up to 10,000 peers: memory, handshakes, packets, changes, and a storm.
//!
//! ```text
//! namespace a ─ wg0: netloom wireguard ═══ veth ═══ 2,048 addresses of namespace b: all the peers
//! ```
//! The peers are our own machines, each with a key of its own, on real sockets. Everything is measured at 1, 1,000 and
//! as many peers as are asked for; the last one while all of them shake hands anew.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "its figures are what this program is for")]

use clap::Parser as _;
use netloom_bench_peers::interface::{Ground, Interface};
use netloom_bench_peers::swarm::{self, Swarm};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What is measured.
#[derive(Debug, clap::Parser)]
struct Arguments {
    /// Our executable.
    #[arg(long)]
    netloom: PathBuf,
    /// Most peers.
    #[arg(long, default_value_t = 10_000)]
    peers: u32,
}

/// Packets whose cost is measured, and their payload.
const PACKETS: u32 = 100_000;
const PAYLOAD_BYTES: usize = 144;
/// Changes whose time is measured.
const CHANGES: u32 = 50;
/// Time between packets of the flow beside the storm.
const FLOW_INTERVAL: Duration = Duration::from_millis(5);
/// Peers that shake hands at a time.
const AT_ONCE: usize = 64;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn figure(name: &str, value: impl std::fmt::Display) {
    println!("{name}: {value}");
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let ground = Ground::make()?;
    let mut base_kib = 0;
    for count in [1, 1_000, arguments.peers] {
        println!("… {count} peers");
        let mut interface = Interface::start(&ground, &arguments.netloom)?;
        if base_kib == 0 {
            base_kib = interface.memory_kib()?;
            figure("memory without peers MiB", base_kib / 1024);
        }
        let start = Instant::now();
        // One more, for the flow beside the storm.
        interface.set_peers(count + 1)?;
        figure(&format!("{count} peers, set ms"), start.elapsed().as_millis());
        let idle_kib = interface.memory_kib()?;
        figure(&format!("{count} peers, memory MiB"), idle_kib / 1024);
        let each = idle_kib.saturating_sub(base_kib) * 1024 / u64::from(count);
        figure(&format!("{count} peers, bytes each"), each);
        let mut swarm = Swarm::new(&ground, &interface.public_key(), 0..count)?;
        let before = interface.cpu_us()?;
        let time = swarm.shake_hands(0..count as usize, AT_ONCE)?;
        let cost = (interface.cpu_us()? - before) / u64::from(count);
        figure(&format!("{count} peers, handshakes per second"), per_second(count, time));
        figure(&format!("{count} peers, us of CPU per handshake"), cost);
        let kib = interface.memory_kib()?;
        figure(&format!("{count} peers, memory with sessions MiB"), kib / 1024);
        let each = (kib.saturating_sub(base_kib)) * 1024 / u64::from(count);
        figure(&format!("{count} peers, bytes each with sessions"), each);
        figure(
            &format!("{count} peers, us of CPU per packet"),
            packets(&ground, &interface, count)?,
        );
        let (p50, cpu) = changes(&mut interface, count)?;
        figure(&format!("{count} peers, change of one us p50"), p50);
        figure(&format!("{count} peers, us of CPU per change"), cpu);
        if count == arguments.peers {
            storm(&ground, &interface, &mut swarm, count)?;
            figure("storm, memory after MiB", interface.memory_kib()? / 1024);
        }
    }
    Ok(())
}

fn per_second(count: u32, time: Duration) -> u64 {
    (f64::from(count) / time.as_secs_f64().max(1e-6)) as u64
}

/// Sends packets to all peers in turn; gives what one costs.
fn packets(ground: &Ground, interface: &Interface, count: u32) -> anyhow::Result<String> {
    let socket = ground.inner_socket()?;
    let before = interface.cpu_us()?;
    for number in 0..PACKETS {
        // Far apart, so that neighbours in a table are no help.
        let peer = (u64::from(number) * 7_919 % u64::from(count)) as u32;
        let _ = socket.send_to(&[0; PAYLOAD_BYTES], (swarm::address(peer), 9));
        if number % 64 == 0 {
            std::thread::sleep(Duration::from_micros(500));
        }
    }
    std::thread::sleep(Duration::from_millis(200));
    let cost = (interface.cpu_us()? - before) as f64 / f64::from(PACKETS);
    Ok(format!("{cost:.2}"))
}

/// Gives one peer after the other an address more; gives time and processor time of one change.
fn changes(interface: &mut Interface, count: u32) -> anyhow::Result<(u128, u64)> {
    let before = interface.cpu_us()?;
    let mut times = Vec::new();
    for number in 0..CHANGES {
        let start = Instant::now();
        let extra = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 64, 0, 0)) + number);
        interface.add_address((number * 131) % count, extra)?;
        times.push(start.elapsed().as_micros());
    }
    times.sort_unstable();
    let cpu = (interface.cpu_us()? - before) / u64::from(CHANGES);
    Ok((times[times.len() / 2], cpu))
}

/// All peers start anew at once; a flow to another one goes on meanwhile.
fn storm(
    ground: &Ground,
    interface: &Interface,
    swarm: &mut Swarm,
    count: u32,
) -> anyhow::Result<()> {
    let mut other = Swarm::new(ground, &interface.public_key(), count..count + 1)?;
    other.shake_hands(0..1, 1)?;
    let socket = ground.inner_socket()?;
    let is_over = Arc::new(AtomicBool::new(false));
    let sending = std::thread::spawn({
        let is_over = Arc::clone(&is_over);
        move || {
            let mut sent = 0_u32;
            while !is_over.load(Ordering::Relaxed) {
                sent += u32::from(socket.send_to(&[1; 64], (swarm::address(count), 9)).is_ok());
                std::thread::sleep(FLOW_INTERVAL);
            }
            sent
        }
    });
    let receiving = std::thread::spawn({
        let is_over = Arc::clone(&is_over);
        move || {
            while !is_over.load(Ordering::Relaxed) {
                other.rest(FLOW_INTERVAL)?;
            }
            other.rest(Duration::from_millis(300))?;
            Ok::<_, anyhow::Error>(other.watched())
        }
    });
    swarm.start_anew(0..count as usize);
    let time = swarm.shake_hands(0..count as usize, count as usize)?;
    is_over.store(true, Ordering::Relaxed);
    let lost = |_| anyhow::anyhow!("a thread of the flow failed");
    let sent = sending.join().map_err(lost)?;
    let (received, gap) = receiving.join().map_err(lost)??;
    figure("storm, handshakes per second", per_second(count, time));
    figure("storm, packets of a flow beside it", sent);
    figure("storm, packets of it that were lost", i64::from(sent) - i64::from(received));
    figure("storm, longest gap of the flow ms", gap.as_millis());
    Ok(())
}
