//! What waking a thread costs on this machine: bytes there and back between two threads that sleep.

use anyhow::{Context as _, ensure};
use std::io::{PipeReader, PipeWriter, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Round trips, and the time between them, in which both threads and their processors fall asleep.
const ROUND_TRIPS: u32 = 250;
const INTERVAL: Duration = Duration::from_millis(4);
/// Wake-ups of one round trip between the threads, and of one through two tunnels beside those of the bare link.
const OF_THREADS: f64 = 2.0;
pub(crate) const OF_TUNNELS: f64 = 4.0;

/// Prints the round trip of a byte, and what follows for tunnels.
pub(crate) fn report() -> anyhow::Result<()> {
    let processors = std::thread::available_parallelism()?.get();
    println!(
        "… wake-ups: a byte goes over a pipe to a sleeping thread and back, {} ms apart; that is {OF_THREADS} of \
         them, and a round trip through two tunnels has {OF_TUNNELS} beside those of the bare link",
        INTERVAL.as_millis()
    );
    for (name, far) in [("the same processor", 0), ("different processors", 1)] {
        if far >= processors {
            println!("… wake-ups: there is one processor only");
            continue;
        }
        let us = round_trip_us(0, far)?;
        println!("wake-ups | round trip of a byte on {name} us: {us:.1}");
        let tunnels = us / OF_THREADS * OF_TUNNELS;
        println!("wake-ups | of a round trip through two tunnels, {name} us: {tunnels:.1}");
    }
    Ok(())
}

/// The median between threads on two processors.
fn round_trip_us(near: usize, far: usize) -> anyhow::Result<f64> {
    let (there_end, mut there) = std::io::pipe()?;
    let (mut back_end, back) = std::io::pipe()?;
    let answering = std::thread::spawn(move || answer(far, there_end, back));
    // On a thread of its own, so that this one stays where it was.
    let asking = std::thread::spawn(move || {
        pin(near)?;
        let mut times = Vec::new();
        for _ in 0..ROUND_TRIPS {
            std::thread::sleep(INTERVAL);
            let (start, mut byte) = (Instant::now(), [1]);
            there.write_all(&byte)?;
            back_end.read_exact(&mut byte)?;
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
        times.sort_by(f64::total_cmp);
        Ok::<_, anyhow::Error>(times[times.len() / 2])
    });
    // The pipe's end is dropped with its thread, which ends the other one.
    let found = asking.join().map_err(|_| anyhow::anyhow!("the asking thread panicked"))?;
    answering.join().map_err(|_| anyhow::anyhow!("the answering thread panicked"))??;
    found
}

fn answer(processor: usize, mut from: PipeReader, mut to: PipeWriter) -> anyhow::Result<()> {
    pin(processor)?;
    let mut byte = [0];
    while from.read_exact(&mut byte).is_ok() {
        to.write_all(&byte)?;
    }
    Ok(())
}

/// Keeps this thread on a processor.
fn pin(processor: usize) -> anyhow::Result<()> {
    let thread = std::fs::read_link("/proc/thread-self")?;
    let thread = thread.file_name().context("a thread without a number")?;
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", "--pid", &processor.to_string()]).arg(thread);
    let status = command.stdout(Stdio::null()).status().context("cannot run taskset")?;
    ensure!(status.success(), "taskset refuses processor {processor}");
    Ok(())
}
