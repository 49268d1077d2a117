//! Somebody between the ends who knows the key of one of them, and sends it initiations in bursts.

use anyhow::Context as _;
use netloom_base::{Seed, Time, WallTime};
use netloom_sys::namespace::NamespaceHandle;
use netloom_wireguard::limits::REKEY_AFTER_TIME;
use netloom_wireguard::{
    Identity, IndexTable, PresharedKey, PrivateKey, PublicKey, Suite, Tunnel, TunnelConfig,
};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Initiations of a burst: more than an end answers before the next one comes in, less than its
/// queue takes, so that who else calls is heard between them.
const BURST: u32 = 200;
/// Between bursts: 20,000 initiations a second.
const INTERVAL: Duration = Duration::from_millis(10);
/// The inner MTU, which initiations do not depend on.
const MTU_BYTES: usize = 1420;

/// A running flood.
#[derive(Debug)]
pub struct Flood {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<u64>>,
}

impl Flood {
    /// Begins to send from `namespace`.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn start(
        namespace: &NamespaceHandle,
        target: SocketAddr,
        called: PublicKey,
    ) -> anyhow::Result<Self> {
        let message = initiation(target, called)?;
        let any: SocketAddr = match target {
            SocketAddr::V4(_) => ([0; 4], 0).into(),
            SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
        };
        let socket = namespace.run(|| UdpSocket::bind(any))??;
        let stop = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("flood".to_owned()).spawn(move || {
            let mut sent = 0;
            while !ended.load(Ordering::Relaxed) {
                for _ in 0..BURST {
                    sent += u64::from(socket.send_to(&message, target).is_ok());
                }
                std::thread::sleep(INTERVAL);
            }
            sent
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends it; gives how many initiations were sent.
    ///
    /// # Errors
    /// Its thread has failed.
    pub fn stop(mut self) -> anyhow::Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().context("it has been stopped")?;
        thread.join().map_err(|_| anyhow::anyhow!("the flood's thread panicked"))
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// An initiation as a stranger makes it: addressed properly, from nobody who is known.
fn initiation(target: SocketAddr, called: PublicKey) -> anyhow::Result<Vec<u8>> {
    let stranger = PrivateKey::from_seed(Seed::from_number(0xf100d));
    let config = TunnelConfig {
        remote: called,
        preshared: PresharedKey::default(),
        suite: Suite::default(),
        endpoint: Some(target),
        keepalive: None,
        mtu_bytes: MTU_BYTES,
        timestamp_floor: None,
        agrees_keys: false,
        rekey_after: REKEY_AFTER_TIME,
    };
    let seed = Seed::from_number(1);
    let identity = Arc::new(Identity::new(stranger));
    let mut tunnel = Tunnel::new(identity, config, 0, seed, Time::ZERO)?;
    let mut indexes = IndexTable::new(seed);
    tunnel.call(Time::ZERO);
    tunnel.handle_timeout(Time::ZERO, WallTime(1), &mut indexes);
    let transmit = tunnel.poll_transmit().context("no initiation was made")?;
    Ok(transmit.datagram)
}
