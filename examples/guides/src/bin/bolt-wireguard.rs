//! Bolt guide, "WireGuard Integration": an interface with a key, a port and a peer.
#![expect(clippy::print_stdout, reason = "it says what it has done")]

use netloom::vpn::{WireGuardConfig, WireGuardManager, WireGuardPeer, generate_private_key};
use std::error::Error;
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut vpn_manager = WireGuardManager::new(netloom_guides::config(), "alpha");
    if let Some(folder) = std::env::args().nth(2) {
        vpn_manager = vpn_manager.with_key_folder(folder);
    }

    let wg_config = WireGuardConfig {
        interface: "wg0",
        private_key: generate_private_key()?,
        listen_port: 51820,
        peers: vec![WireGuardPeer {
            name: "peer1".to_owned(),
            public_key: netloom_guides::peer_key(0)?,
            allowed_ips: vec!["10.0.0.2/32".to_owned()],
            endpoint: Some("peer1.example.com:51820".to_owned()),
            persistent_keepalive: Some(Duration::from_secs(25)),
        }],
        ..WireGuardConfig::default()
    };
    for peer in vpn_manager.add_wireguard_tunnel(wg_config).await? {
        println!("peer {} {} by {}", peer.name, peer.addresses.join(" "), peer.node);
    }
    Ok(())
}
