//! Packets of a world: sent, answered, and looked for on the links of those who should receive them.

use super::World;
use crate::flow::Trial;
use anyhow::Context as _;
use netloom_model::fabric::Party;
use netloom_plan::firewall::{TABLE, drop_reason};
use netloom_plan::reach::StepKind;
use netloom_sys::clock::monotonic_now;
use netloom_sys::packet::{PacketSocket, inject_packet};
use std::time::Duration;

/// Longest wait for packets that should arrive or be counted.
const SETTLE_MAX: Duration = Duration::from_millis(2500);
/// Wait after the last packet is accounted for, in which one that should not might still arrive.
const GRACE: Duration = Duration::from_millis(15);

impl World {
    /// Sends the packet of every trial and notes which arrived.
    ///
    /// # Errors
    /// A namespace cannot be entered.
    pub fn send(&mut self, trials: &mut [Trial]) -> anyhow::Result<()> {
        let receivers = self.listen(trials)?;
        let refused_before = self.refused()?;
        for trial in &*trials {
            let (seat, namespace, _) =
                self.place(&trial.sender).context("a sender has no place")?;
            let packet = trial.packet();
            // A packet that the kernel does not even take is one that does not arrive.
            let _ = self.inside(&seat, &namespace, || inject_packet(&packet))?;
        }
        self.settle(trials, &receivers, refused_before)
    }

    /// Sends the packet of every trial, and an answer to each that arrived; notes which arrived, and
    /// which answers came back. To TCP and to echo the kernel of who receives them answers itself.
    ///
    /// What should have come and did not is sent once more, as every sender does: on a busy machine a neighbour is
    /// sometimes given up before it could answer. What should not have come is never asked twice.
    ///
    /// # Errors
    /// A namespace cannot be entered.
    pub fn converse(&mut self, trials: &mut [Trial]) -> anyhow::Result<()> {
        self.exchange(trials)?;
        let is_missing = |trial: &&mut Trial| {
            trial.expected && !(trial.arrived && (trial.answered || !trial.answer_expected))
        };
        let missing: Vec<&mut Trial> = trials.iter_mut().filter(is_missing).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut again: Vec<Trial> = missing.iter().map(|trial| (**trial).clone()).collect();
        self.sent_again += again.len() as u64;
        self.exchange(&mut again)?;
        for (trial, again) in missing.into_iter().zip(again) {
            *trial = again;
        }
        Ok(())
    }

    fn exchange(&mut self, trials: &mut [Trial]) -> anyhow::Result<()> {
        let mut back: Vec<Trial> = trials.iter().map(Trial::turned).collect();
        let receivers = self.listen(&back)?;
        self.send(trials)?;
        for trial in trials.iter().filter(|trial| trial.arrived && trial.is_udp()) {
            let Some(packet) = trial.seen.as_deref().and_then(crate::flow::answer) else {
                continue;
            };
            let (seat, namespace, _) = self.place(&trial.receiver).context("no place")?;
            let _ = self.inside(&seat, &namespace, || inject_packet(&packet))?;
        }
        for (trial, back) in trials.iter().zip(&mut back) {
            back.expected = trial.arrived && trial.answer_expected;
        }
        let refused = self.refused()?;
        self.settle(&mut back, &receivers, refused)?;
        for (trial, back) in trials.iter_mut().zip(&back) {
            trial.answered = back.arrived;
        }
        Ok(())
    }

    /// Ends a node's engine at once, as a crash does; what it holds in the kernel stays.
    pub fn kill(&mut self, node: &str) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.tunnels = None;
        }
    }

    pub(super) fn listen(
        &mut self,
        trials: &[Trial],
    ) -> anyhow::Result<Vec<(Party, PacketSocket)>> {
        let mut receivers: Vec<(Party, PacketSocket)> = Vec::new();
        for trial in trials {
            if receivers.iter().any(|(party, _)| *party == trial.receiver) {
                continue;
            }
            let (seat, namespace, links) = self.place(&trial.receiver).context("no receiver")?;
            for link in links {
                let socket = self.inside(&seat, &namespace, || PacketSocket::open(&link))??;
                receivers.push((trial.receiver.clone(), socket));
            }
        }
        Ok(receivers)
    }

    pub(super) fn settle(
        &mut self,
        trials: &mut [Trial],
        receivers: &[(Party, PacketSocket)],
        refused_before: u64,
    ) -> anyhow::Result<()> {
        let expected = trials.iter().filter(|trial| trial.expected).count();
        let counted = trials.iter().filter(|trial| is_counted(trial)).count() as u64;
        let deadline = monotonic_now() + SETTLE_MAX;
        loop {
            collect(trials, receivers);
            let arrived = trials.iter().filter(|trial| trial.expected && trial.arrived).count();
            let refused = self.refused()?.saturating_sub(refused_before);
            if (arrived == expected && refused >= counted) || monotonic_now() > deadline {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(GRACE);
        collect(trials, receivers);
        Ok(())
    }

    /// Packets that policy and source checks have dropped so far, on all nodes.
    pub(super) fn refused(&mut self) -> anyhow::Result<u64> {
        let mut sum = 0;
        for node in self.nodes.values_mut() {
            for network in node.plan.networks.values() {
                let counters = node.executor.counters(&network.namespace, TABLE)?;
                let reasons = [
                    drop_reason::SPOOFED_SOURCE,
                    drop_reason::EGRESS_DENIED,
                    drop_reason::INGRESS_DENIED,
                    drop_reason::ACL_EGRESS_DENIED,
                    drop_reason::ACL_INGRESS_DENIED,
                ];
                let found = reasons.iter().filter_map(|reason| counters.get(*reason));
                sum += found.map(|counter| counter.packets).sum::<u64>();
            }
        }
        Ok(sum)
    }
}

/// Whether the end of a denied packet is visible in a counter.
fn is_counted(trial: &Trial) -> bool {
    matches!(
        trial.obstacle,
        Some(
            StepKind::Egress
                | StepKind::Ingress
                | StepKind::SourceCheck
                | StepKind::AclEgress
                | StepKind::AclIngress
        )
    )
}

fn collect(trials: &mut [Trial], receivers: &[(Party, PacketSocket)]) {
    const ETHERNET_HEADER_BYTES: usize = 14;
    let mut frame = [0; 2048];
    for (party, socket) in receivers {
        while let Ok(Some(captured)) = socket.read(&mut frame) {
            if captured.outgoing || captured.length <= ETHERNET_HEADER_BYTES {
                continue;
            }
            let packet = &frame[ETHERNET_HEADER_BYTES..captured.length];
            for trial in trials.iter_mut().filter(|trial| trial.receiver == *party) {
                if trial.is(packet) {
                    trial.arrived = true;
                    trial.seen.get_or_insert_with(|| packet.to_vec());
                }
            }
        }
    }
}
