//! Servers in the networks that the other samples make.
#![expect(clippy::print_stdout, reason = "it says what it has done")]

use netloom::network::{Attach, Network, NetworkError, Workload};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), NetworkError> {
    let networking = Network::new(netloom_guides::config())?;
    for (name, subnet, group) in [
        ("web", "app-subnet-1", "web-sg"),
        ("lb", "app-subnet-1", "internal-lb-sg"),
        ("us", "us-west-vpc-public", "web-sg"),
        ("eu", "eu-west-vpc-public", "web-sg"),
        ("old", "legacy-vpc-public", "web-sg"),
    ] {
        let workload =
            Workload::new(name, "alpha", subnet, Attach::ServeHttp(443)).with_security_group(group);
        networking.create_workload(workload).await?;
        println!("workload {name}");
    }
    Ok(())
}
