//! The run: both ends on their ground, traffic, moves, samples, and the figures of it.

use crate::bulk::{Bulk, Pauses};
use crate::memory::Samples;
use crate::node::Node;
use crate::place::Place;
use crate::roaming::{Moves, PORT};
use crate::trickle::Trickle;
use crate::{Arguments, counters, figure};
use anyhow::{Context as _, ensure};
use netloom_wireguard_interop::traffic::ping;
use netloom_wireguard_interop::{Family, Side, ground};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

const DEVICES: [&str; 2] = ["soak0", "soak1"];
/// Longest until the first packet is through.
const UP_MAX: Duration = Duration::from_secs(15);
/// How often traffic is looked at; memory and sessions are each second.
const LOOK: Duration = Duration::from_millis(20);
const SAMPLE: Duration = Duration::from_secs(1);
/// The time of a handshake is told by a clock that is compared with another one each time.
const SAME_HANDSHAKE: Duration = Duration::from_millis(500);
/// Least of the time that is left out as the warm-up, and its part of a long run.
const WARM_UP_MIN: Duration = Duration::from_secs(10);
const WARM_UP_PART: u32 = 10;

/// What is counted while it goes on.
#[derive(Default)]
struct Watch {
    memory: [Samples; 2],
    last_handshake: [Duration; 2],
    rekeys: [u64; 2],
    longest_session: [Duration; 2],
}

pub(crate) fn run(arguments: &Arguments, folder: &Path) -> anyhow::Result<()> {
    let duration = Duration::from_secs_f64(arguments.minutes * 60.0);
    let mut place = Place::make(folder)?;
    let nodes = start(arguments, &mut place)?;
    place.lose(arguments.loss_per_mille)?;
    let streams = (0..arguments.streams).map(|number| {
        let from = Side::BOTH[number % 2];
        let address = ground::inner(from.other(), Family::BOTH[(number / 2) % 2]);
        Bulk::start(place.host(from), place.host(from.other()), address, number as u16)
    });
    let streams = streams.collect::<anyhow::Result<Vec<Bulk>>>()?;
    let trickle = |from: Side| {
        let address = ground::inner(from.other(), Family::Ipv4);
        Trickle::start(place.host(from), place.host(from.other()), address)
    };
    let trickles = [trickle(Side::Ours)?, trickle(Side::Theirs)?];
    let (start, mut watch) = (Instant::now(), Watch::default());
    let (mut moves, mut pauses) = (Moves::default(), Pauses::new());
    let (mut sampled, mut moved) = (start, start);
    while start.elapsed() < duration {
        std::thread::sleep(LOOK);
        pauses.look(&streams);
        ensure!(
            !streams.iter().any(Bulk::has_ended),
            "a connection has broken: {}",
            ended(streams)
        );
        if sampled.elapsed() >= SAMPLE {
            sampled = Instant::now();
            watch.look(start.elapsed(), &nodes)?;
        }
        if moved.elapsed() >= Duration::from_secs(arguments.roam_after_s) {
            moved = Instant::now();
            moves.go(&mut place, &nodes)?;
        }
    }
    let took = start.elapsed();
    let lost = place.lost()?;
    let bytes = streams.iter().map(Bulk::received).sum::<u64>();
    for stream in streams {
        stream.finish().context("a connection")?;
    }
    tell_traffic(took, bytes, &pauses, trickles)?;
    tell_events(took, arguments, &watch, &moves, lost);
    for side in Side::BOTH {
        tell_end(side, took, &place, &nodes, &watch)?;
    }
    Ok(())
}

/// Starts both ends and tells them of each other; waits for the first packet.
fn start(arguments: &Arguments, place: &mut Place) -> anyhow::Result<[Node; 2]> {
    let rekey_after = Duration::from_secs(arguments.rekey_after_s);
    let mut node = |side: Side| -> anyhow::Result<Node> {
        let (device, host) = (DEVICES[side as usize], place.host(side));
        let node = Node::start(&arguments.netloom, host, device, PORT, rekey_after)?;
        place.furnish(side, device)?;
        Ok(node)
    };
    let nodes = [node(Side::Ours)?, node(Side::Theirs)?];
    for side in Side::BOTH {
        let other = side.other();
        let endpoint = SocketAddr::new(place.outer(other), PORT);
        let allowed: Vec<IpAddr> = Family::BOTH.map(|family| ground::inner(other, family)).to_vec();
        let key = nodes[other as usize].public_key();
        nodes[side as usize].set_peer(&key, endpoint, &allowed)?;
    }
    for family in Family::BOTH {
        let to = ground::inner(Side::Theirs, family);
        let reply = ping(place.host(Side::Ours), to, UP_MAX)?;
        reply.with_context(|| format!("no reply from {to}"))?;
    }
    Ok(nodes)
}

/// Why connections have ended.
fn ended(streams: Vec<Bulk>) -> String {
    let broken = streams.into_iter().filter(Bulk::has_ended);
    let reasons: Vec<String> = broken
        .map(|one| one.finish().map_or_else(|error| format!("{error:#}"), |n| n.to_string()))
        .collect();
    reasons.join("; ")
}

impl Watch {
    fn look(&mut self, at: Duration, nodes: &[Node; 2]) -> anyhow::Result<()> {
        for (end, node) in nodes.iter().enumerate() {
            self.memory[end].add(at, node.resident()?);
            let (told, before) = (node.told()?.last_handshake, self.last_handshake[end]);
            let age = told.saturating_sub(before);
            if before.is_zero() {
                self.last_handshake[end] = told;
            } else if age > SAME_HANDSHAKE {
                self.last_handshake[end] = told;
                self.rekeys[end] += 1;
                self.longest_session[end] = self.longest_session[end].max(age);
            }
        }
        Ok(())
    }
}

fn tell_traffic(
    took: Duration,
    bytes: u64,
    pauses: &Pauses,
    trickles: [Trickle; 2],
) -> anyhow::Result<()> {
    figure("seconds", took.as_secs());
    figure("bulk GB", format!("{:.2}", bytes as f64 / 1e9));
    figure("bulk Mbit/s", format!("{:.0}", bytes as f64 * 8e-6 / took.as_secs_f64()));
    figure("longest pause of all bulk ms", pauses.longest.as_millis());
    for (side, trickle) in Side::BOTH.into_iter().zip(trickles) {
        let found = trickle.finish()?;
        let lost_per_mille = found.lost as f64 * 1000.0 / found.sent.max(1) as f64;
        figure(&format!("{side}, small packets sent"), found.sent);
        figure(&format!("{side}, small packets lost"), found.lost);
        figure(&format!("{side}, small packets lost per mille"), format!("{lost_per_mille:.1}"));
        figure(&format!("{side}, small packets refused by the kernel"), found.refused);
        figure(&format!("{side}, small packets repeated"), found.repeated);
        figure(&format!("{side}, longest gap ms"), found.longest_gap.as_millis());
        figure(&format!("{side}, longest stall ms"), found.longest_stall.as_millis());
        let stall_at_s = found.stall_at.as_secs_f64();
        figure(&format!("{side}, longest stall at s"), format!("{stall_at_s:.1}"));
        figure(&format!("{side}, sender's longest pause ms"), found.longest_pause.as_millis());
    }
    Ok(())
}

fn tell_events(
    took: Duration,
    arguments: &Arguments,
    watch: &Watch,
    moves: &Moves,
    [lost, passed]: [u64; 2],
) {
    figure("datagrams lost on the way", lost);
    figure("datagrams passed on", passed);
    let per_mille = lost as f64 * 1000.0 / (lost + passed).max(1) as f64;
    figure("lost on the way per mille", format!("{per_mille:.2}"));
    // Handshakes are counted by looking each second, and one of them may be lost and take five seconds.
    figure("rekeys", watch.rekeys[0].min(watch.rekeys[1]));
    figure("rekeys at least", (took.as_secs() / (arguments.rekey_after_s + 1)).saturating_sub(2));
    let longest = watch.longest_session[0].max(watch.longest_session[1]);
    figure("longest between rekeys ms", longest.as_millis());
    figure("moves", moves.made);
    figure("moves followed", moves.followed);
    figure("moves followed within ms", moves.longest.as_millis());
}

fn tell_end(
    side: Side,
    took: Duration,
    place: &Place,
    nodes: &[Node; 2],
    watch: &Watch,
) -> anyhow::Result<()> {
    let (end, node) = (side as usize, &nodes[side as usize]);
    let warm_up = WARM_UP_MIN.max(took / WARM_UP_PART);
    let drift = watch.memory[end].drift(warm_up).context("too few samples: give it longer")?;
    figure(&format!("{side}, memory KiB first"), format!("{:.0}", drift.first_kib));
    figure(&format!("{side}, memory KiB last"), format!("{:.0}", drift.last_kib));
    figure(&format!("{side}, memory KiB peak"), format!("{:.0}", drift.peak_kib));
    let growth = drift.last_kib - drift.first_kib;
    figure(&format!("{side}, memory grown KiB"), format!("{growth:.0}"));
    let slope = drift.slope_kib_per_hour;
    figure(&format!("{side}, memory slope KiB per hour"), format!("{slope:.0}"));
    let over_run = slope * took.saturating_sub(warm_up).as_secs_f64() / 3600.0;
    figure(&format!("{side}, memory slope over the run KiB"), format!("{over_run:.0}"));
    let told = node.told()?;
    figure(&format!("{side}, bytes received"), told.rx_bytes);
    figure(&format!("{side}, bytes sent"), told.tx_bytes);
    figure(&format!("{side}, processor s"), format!("{:.1}", node.cpu()?.as_secs_f64()));
    for (name, value) in counters::of(place.host(side), DEVICES[end])? {
        figure(&format!("{side}, {name}"), value);
    }
    Ok(())
}
