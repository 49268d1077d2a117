//! A network that is made, joined, left and removed while everything runs.

use super::{Scene, Step, expect};
use crate::ground::wait_until;

/// The network.
const LAB: &str = "lab";

impl Scene<'_> {
    /// A foreign namespace, the host's own stack and a running container are brought into a network, reach each other
    /// there, and are taken out again; what they had before goes on.
    pub(super) fn networks(&self) -> Step {
        let control = self.control();
        // One that holds where the hosts call each other would leave no way back.
        let cut = ["network", "create", LAB, "--cidr", "192.0.2.0/28"];
        expect(&control.fail(&cut)?, "would cut it off")?;
        expect(&control.fail(&["network", "connect", LAB, "blue-3"])?, LAB)?;
        control.succeed(&["network", "create", LAB, "--cidr", "10.7.0.0/24"])?;
        let mut members = vec![("host-3", "8080/tcp"), ("blue-3", "8080/tcp")];
        if self.docker.is_some() {
            members.push(("db-1", "80/tcp"));
        }
        for (member, _) in &members {
            control.succeed(&["network", "connect", LAB, member])?;
        }
        expect(&control.fail(&["network", "connect", LAB, "web-1"])?, "web-1")?;
        let shown = control.succeed(&["network", "inspect", LAB])?;
        for (member, _) in &members {
            expect(&shown, &format!("{member}-{LAB}"))?;
            self.is_attached(&format!("{member}-{LAB}"))?;
        }
        for (from, _) in &members {
            for (to, port) in members.iter().filter(|(to, _)| to != from) {
                let (from, to) = (format!("{from}-{LAB}"), format!("{to}-{LAB}"));
                let words = ["network", "test-connectivity", &from, &to, port, "9999/tcp"];
                let said = control.succeed(&words)?;
                expect(&said, "allowed")?;
                expect(&said, "denied")?;
            }
        }
        let mistyped = ["network", "connect", LAB, "no-such-container"];
        expect(&control.succeed(&mistyped)?, "is not there yet")?;
        control.succeed(&["network", "disconnect", LAB, "no-such-container"])?;
        // It is in use, so that it stays.
        expect(&control.fail(&["network", "rm", LAB])?, LAB)?;
        for (member, _) in &members {
            control.succeed(&["network", "disconnect", LAB, member])?;
        }
        control.succeed(&["network", "rm", LAB])?;
        if control.succeed(&["network", "ls"])?.contains(LAB) {
            return Err(format!("network {LAB} is still there"));
        }
        self.all_answer(true)
    }

    fn is_attached(&self, workload: &str) -> Step {
        wait_until(&format!("{workload} is attached"), || {
            let status = self.control().status()?;
            expect(&status["workloads"][workload]["state"].to_string(), "attached")
        })
        .map(drop)
    }
}
