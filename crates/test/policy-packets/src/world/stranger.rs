//! A stranger on the internet, who knows by which address and port somebody has called out.

use super::World;
use crate::flow::Trial;
use anyhow::Context as _;
use netloom_base::packet::IpView;
use netloom_lab::underlay::{INTERNET_ADDRESS, INTERNET_ADDRESS_V6};
use netloom_model::fabric::Party;
use std::net::IpAddr;

impl World {
    /// Sends a datagram from the internet to where the packet of a trial came from, out of a port that
    /// was not called; whether it reaches the one who has called.
    ///
    /// # Errors
    /// The packet has not arrived on the internet, or a namespace cannot be entered.
    pub fn stranger_reaches(&mut self, trial: &Trial, id: u16) -> anyhow::Result<bool> {
        let seen = trial.seen.as_deref().context("the packet has not arrived")?;
        let view = IpView::parse(seen).context("the packet is none")?;
        let port = view.payload.get(..2).context("the packet is short")?;
        let internet: IpAddr = match view.source {
            IpAddr::V4(_) => INTERNET_ADDRESS.into(),
            IpAddr::V6(_) => INTERNET_ADDRESS_V6.into(),
        };
        let mut datagram = Trial {
            id,
            sender: Party::Address(internet),
            receiver: trial.sender.clone(),
            source: internet,
            destination: view.source,
            port: u16::from_be_bytes([port[0], port[1]]),
            expected: false,
            obstacle: None,
            arrived: false,
            seen: None,
            ..trial.clone()
        };
        let packet = datagram.packet();
        // It would arrive with the address of the one who has called.
        datagram.destination = trial.source;
        let mut trials = [datagram];
        let receivers = self.listen(&trials)?;
        let refused = self.refused()?;
        let (seat, namespace, _) = self.place(&trials[0].sender).context("no internet")?;
        self.inside(&seat, &namespace, || netloom_sys::packet::inject_packet(&packet))??;
        self.settle(&mut trials, &receivers, refused)?;
        Ok(trials[0].arrived)
    }
}
