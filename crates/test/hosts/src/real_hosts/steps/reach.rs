//! Whether what is attached answers.

use super::super::fabric::FABRIC;
use super::{Scene, Step, expect};
use crate::ground::wait_until;
use std::net::SocketAddr;
use std::process::Command;

/// Who serves HTTP, and on which port.
const SERVERS: [(&str, u16); 4] = [("web-1", 80), ("db-1", 80), ("host-3", 8080), ("blue-3", 8080)];

impl Scene<'_> {
    /// Everything that is attached, and a node itself, sends when control asks, wherever it is.
    pub(super) fn packets_agree(&self) -> Step {
        for from in ["web-1", "db-1", "host-3", "blue-3", "echo-2", "gamma"] {
            let to = if from == "web-1" { "db-1" } else { "web-1" };
            let words = ["network", "test-connectivity", from, to, "80/tcp", "7/udp", "icmp"];
            let said = self.control().succeed(&words)?;
            expect(&said, &format!("{from} -> {to}"))?;
            expect(&said, "allowed")?;
            expect(&said, "denied")?;
        }
        Ok(())
    }

    pub(super) fn address(&self, workload: &str, ipv6: bool) -> Result<std::net::IpAddr, String> {
        let status = self.control().status()?;
        let addresses = status["workloads"][workload]["addresses"].as_array().cloned();
        let mut parsed = addresses
            .into_iter()
            .flatten()
            .filter_map(|one| one.as_str()?.parse::<std::net::IpAddr>().ok());
        parsed.find(|one| one.is_ipv6() == ipv6).ok_or_else(|| format!("{workload} has no address"))
    }

    /// Asks for a port from inside web-1's namespace; gives whether it is open.
    fn is_open(&self, workload: &str, port: u16, ipv6: bool) -> Result<bool, String> {
        let to = SocketAddr::new(self.address(workload, ipv6)?, port).to_string();
        let netns = self.control().run().join(FABRIC).join("netns/workload-echo-1");
        let output = Command::new("nsenter")
            .arg(format!("--net={}", netns.display()))
            .arg(&self.netloom)
            .args(["connect", &to])
            .output()
            .map_err(|error| error.to_string())?;
        Ok(output.status.success())
    }

    pub(super) fn all_answer(&self, open: bool) -> Step {
        for (workload, port) in SERVERS {
            for ipv6 in [false, true] {
                // The container's own server speaks IPv4 only in some builds.
                if ipv6 && workload == "db-1" {
                    continue;
                }
                wait_until(workload, || match self.is_open(workload, port, ipv6)? == open {
                    true => Ok(()),
                    false => Err(format!("{workload}:{port} is not as it should be")),
                })?;
            }
        }
        Ok(())
    }
}
