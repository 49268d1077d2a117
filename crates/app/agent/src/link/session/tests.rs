//! A session that outlives its certificates asks for each new one, and keeps it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::joined::{CA, CERTIFICATE, IDENTITY, JoinedFacts};
use netloom_base::WallTime;
use netloom_cbor::Bytes;
use netloom_control_protocol::{ControlConfig, ControlEvent, ControlSession};
use netloom_pki::{Authority, Certificate, FabricId, PublicKey, SigningSecret};
use netloom_sys::poll::Waker;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{DuplexStream, duplex};

const FABRIC: FabricId = FabricId([7; 16]);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Longer than a certificate's two thirds need: they are gone when it is issued here.
const HOURS_AGO: u64 = 20;

/// Control's end: issues certificates that have lived two thirds of their time already.
struct Issuer {
    authority: Authority,
    node: PublicKey,
}

impl Issuer {
    fn issue(&self) -> Certificate {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let then = WallTime::from_secs(since.as_secs() - HOURS_AGO * 3600);
        self.authority.issue_node("pi", &self.node, then, DAY).unwrap()
    }

    /// Serves until this many certificates were issued; gives them.
    async fn serve(&self, mut stream: DuplexStream, count: usize) -> Vec<Certificate> {
        let config = ControlConfig {
            fabric: FABRIC.0,
            node: "pi".to_owned(),
            features: BTreeSet::new(),
            versions: Versions::OURS,
            timing: Timing::default(),
        };
        let mut machine = ControlSession::new(config, Seed([5; 32]), Time::ZERO);
        let (mut issued, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
        while issued.len() < count {
            let read = stream.read(&mut buffer).await.unwrap();
            assert!(read > 0, "the node has hung up");
            machine.handle_input(Time::ZERO, &buffer[..read]);
            while let Some(event) = machine.poll_event() {
                match event {
                    ControlEvent::Hello(_) => machine.greet(Time::ZERO, 1).unwrap(),
                    ControlEvent::Call(Call::Asked { id, body }) => {
                        assert_eq!(from_bytes::<NodeCall>(&body).unwrap(), NodeCall::Renew {});
                        issued.push(self.issue());
                        let certificate = Bytes(issued.last().unwrap().as_bytes().to_vec());
                        let answer = to_bytes(&Answer::Certificate { certificate });
                        machine.respond(Time::ZERO, id, answer).unwrap();
                    }
                    other => panic!("{other:?}"),
                }
            }
            while let Some(frame) = machine.poll_transmit() {
                stream.write_all(&frame).await.unwrap();
            }
        }
        issued
    }
}

/// A node's state folder, as joining leaves it, and who issued its certificate.
fn joined(folder: &Path) -> Issuer {
    let secret = SigningSecret::generate();
    let authority = Authority::create(FABRIC, WallTime::from_secs(1));
    let issuer = Issuer { authority, node: secret.public() };
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join(IDENTITY), secret.stored().as_bytes()).unwrap();
    std::fs::write(folder.join(CA), issuer.authority.certificate().as_bytes()).unwrap();
    std::fs::write(folder.join(CERTIFICATE), issuer.issue().as_bytes()).unwrap();
    issuer
}

fn ends(folder: &Path) -> Ends {
    let facts = JoinedFacts {
        fabric: "shop".to_owned(),
        fabric_id: format!("{:032x}", u128::from_be_bytes(FABRIC.0)),
        node: "pi".to_owned(),
        control: Vec::new(),
        signing_key: String::new(),
        listen_port: 51_820,
    };
    let (events, _) = std::sync::mpsc::channel();
    let (sender, commands) = unbounded_channel();
    // The session runs as long as its agent does.
    std::mem::forget(sender);
    let waker = Arc::new(Waker::new().unwrap());
    Ends { facts, folder: folder.to_owned(), events, waker, commands }
}

#[test]
fn each_certificate_of_a_long_session_is_renewed_in_its_turn() {
    let folder = std::env::temp_dir().join(format!("netloom-renewal-{}", std::process::id()));
    let issuer = joined(&folder);
    let mut ends = ends(&folder);
    let identity = Identity::read(&folder, &ends.facts).unwrap();
    let mut memory = Memory {
        held: ResourceSet::new(),
        revision: 0,
        keys: None,
        status: None,
        clock_floor_ms: 0,
        has_spoken: false,
        knows_ciphers: false,
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let issued = runtime.unwrap().block_on(async {
        let (near, far) = duplex(1 << 20);
        let local = "127.0.0.1".parse().unwrap();
        let started = tokio::time::Instant::now();
        let session = run(near, local, &mut ends, &mut memory, identity);
        let issued = tokio::select! {
            ended = session => panic!("the session has ended: {ended:?}"),
            issued = issuer.serve(far, 4) => issued,
            () = tokio::time::sleep(DAY) => panic!("a day, and not renewed four times"),
        };
        // One that is old at once is asked for again, but not without end.
        assert!(started.elapsed() >= RENEWAL_LOOK * 3, "{:?}", started.elapsed());
        issued
    });
    // The last answer may be under way still.
    let kept = std::fs::read(folder.join(CERTIFICATE)).unwrap();
    assert_eq!(kept, issued[2].as_bytes());
    std::fs::remove_dir_all(folder).unwrap();
}
