//! What a crowd of peers costs any implementation: memory with so many configured, and handshakes per second.

use crate::interface::{Ground, Interface};
use crate::swarm::Swarm;
use std::path::Path;
use std::time::Duration;

/// Numbers of peers whose memory is measured, upwards, and how they are called.
const SIZES: [(u32, &str); 3] = [(1, "1 peer"), (1_000, "1,000 peers"), (10_000, "10,000 peers")];
/// How long a program may take to be given its peers.
const CONFIGURED: Duration = Duration::from_secs(30);
/// How long it may use memory that it gives back.
const SETTLED: Duration = Duration::from_millis(300);
/// Peers that shake hands at a time, and how long all of them may take.
const AT_ONCE: usize = 64;
const SHAKEN: Duration = Duration::from_secs(15);

/// What was found; what is missing could not be measured, and a remark says why.
#[derive(Debug, Default)]
pub struct Crowd {
    /// Numbers of configured peers, with the memory of the process in MiB.
    pub memory_mib: Vec<(&'static str, f64)>,
    /// Handshakes per second until nine of ten peers have a session.
    pub handshakes_per_second: Option<f64>,
    /// What a reader of these figures should know.
    pub remarks: Vec<String>,
}

/// Measures a program that takes `-f INTERFACE` and obeys `wg`, with its first arguments, on a ground of its own.
pub fn measure(program: &Path, arguments: &[String]) -> anyhow::Result<Crowd> {
    let ground = Ground::make()?;
    let mut crowd = Crowd::default();
    for (size, name) in SIZES {
        let interface = match configured(&ground, program, arguments, size) {
            Ok(interface) => interface,
            // More of them will not go either.
            Err(error) => {
                crowd.remarks.push(format!("does not take {name}: {error:#}"));
                break;
            }
        };
        crowd.memory_mib.push((name, interface.memory_kib()? as f64 / 1024.0));
        if size == SIZES[SIZES.len() - 1].0 {
            shake(&ground, &interface, size, &mut crowd)?;
        }
    }
    Ok(crowd)
}

fn configured(
    ground: &Ground,
    program: &Path,
    arguments: &[String],
    size: u32,
) -> anyhow::Result<Interface> {
    let interface = Interface::serve(ground, program, arguments)?;
    interface.configure_peers(size, CONFIGURED)?;
    std::thread::sleep(SETTLED);
    Ok(interface)
}

/// All peers call, so many at a time beside those whose calls went unanswered, until all have a session or the time is over.
fn shake(
    ground: &Ground,
    interface: &Interface,
    size: u32,
    crowd: &mut Crowd,
) -> anyhow::Result<()> {
    let mut swarm = Swarm::new(ground, &interface.public_key(), 0..size)?;
    let shaken = swarm.shake_hands_within(0..size as usize, AT_ONCE, SHAKEN)?;
    crowd.handshakes_per_second = Some(shaken.per_second(size as usize));
    crowd.remarks.extend(remarks(shaken.done as u64, swarm.calls(), swarm.cookies()));
    Ok(())
}

/// What was between the calls and the handshakes.
fn remarks(done: u64, calls: u64, cookies: u64) -> Vec<String> {
    let mut remarks =
        vec![format!("{calls} calls, {cookies} of them answered by cookies, {done} handshakes")];
    // WireGuard §6.1: whoever is not answered, or by a cookie, waits for REKEY_TIMEOUT.
    let waits = "who calls again waits for 5 s first";
    if cookies * 10 > done {
        remarks.push(format!("its limit on handshakes dominates their rate: {waits}"));
    } else if calls.saturating_sub(cookies + done) * 10 > done {
        remarks.push(format!("calls without an answer dominate the rate of handshakes: {waits}"));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dominates_the_rate_of_handshakes_is_said() {
        assert_eq!(remarks(1_000, 1_000, 0).len(), 1);
        assert_eq!(remarks(1_000, 1_050, 50).len(), 1);
        assert!(remarks(100, 300, 200)[1].contains("limit on handshakes"));
        assert!(remarks(100, 300, 0)[1].contains("without an answer"));
        assert_eq!(remarks(9_853, 9_901, 0).len(), 1);
        assert!(remarks(0, 64, 0)[1].contains("without an answer"));
    }
}
