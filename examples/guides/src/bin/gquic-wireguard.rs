//! GQUIC guide, "WireGuard Integration" and "Container Networking": an interface, a peer, and a container
//! that is a peer with labels and a policy.
#![expect(clippy::print_stdout, reason = "it says what it has done")]

use netloom::vpn::{
    ContainerPeerInfo, NetworkPolicy, PolicyAction, PolicyPort, PolicySelector, WireGuardManager,
    WireGuardPeer,
};
use std::error::Error;
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let wg_manager = WireGuardManager::new(netloom_guides::config(), "alpha")
        .with_key_rotation(Duration::from_secs(3600));

    // Create WireGuard interface
    let interface_name =
        wg_manager.create_interface("gquic-wg0", "10.0.0.1".parse()?, "10.0.0.0/24").await?;
    println!("interface {interface_name}");

    // Add peer
    let peer = WireGuardPeer {
        public_key: netloom_guides::peer_key(0)?,
        endpoint: Some("192.168.1.100:51820".to_owned()),
        allowed_ips: vec!["10.0.0.2/32".to_owned()],
        persistent_keepalive: Some(Duration::from_secs(25)),
        ..Default::default()
    };
    let peer = wg_manager.add_peer(&interface_name, peer).await?;
    println!("peer {} in {}", peer.addresses.join(" "), peer.network);

    // Create hybrid tunnel, which is refused as long as there is none.
    if let Err(error) = wg_manager.create_hybrid_tunnel(&peer.name).await {
        println!("refused: {error}");
    }

    // Container peer
    let containers =
        wg_manager.create_interface("containers", "10.244.1.1".parse()?, "10.244.1.0/24").await?;
    let container_info = ContainerPeerInfo {
        container_id: "container-abc123".to_owned(),
        namespace: "default".to_owned(),
        assigned_ip: "10.244.1.100".parse()?,
        labels: [("app", "web-server"), ("version", "v1.0")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        policies: vec![NetworkPolicy {
            name: "allow-ingress".to_owned(),
            from: vec![PolicySelector {
                namespace_selector: Some([("name".to_owned(), "frontend".to_owned())].into()),
                ..PolicySelector::default()
            }],
            to: vec![],
            ports: vec![PolicyPort { port: 8080, protocol: "TCP".to_owned() }],
            action: PolicyAction::Allow,
        }],
    };
    let peer_config = WireGuardPeer {
        public_key: netloom_guides::peer_key(1)?,
        allowed_ips: vec!["10.244.1.100/32".to_owned()],
        ..Default::default()
    };
    let peer = wg_manager.add_container_peer(&containers, container_info, peer_config).await?;
    println!("container {} {}", peer.name, peer.addresses.join(" "));

    for peer in wg_manager.list_peers().await? {
        println!("listed {} in {}", peer.name, peer.network);
    }
    Ok(())
}
