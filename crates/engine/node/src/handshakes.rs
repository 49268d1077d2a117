//! Handshakes of others: judged when they come, and answered a few at a time, since each costs as much as
//! hundreds of packets, which must not wait for all of them.

use crate::config::{NetworkId, PeerId};
use crate::counters::DropReason;
use crate::limits::HANDSHAKES_WAITING_MAX;
use crate::node::Node;
use netloom_base::Time;
use netloom_wireguard::message::{CookieReply, Initiation, Macs, Response};
use netloom_wireguard::{
    Admission, DropReason as WireguardDropReason, Identity, Message, Transmit,
};
use std::net::SocketAddr;
use std::sync::Arc;

/// A handshake message that has been admitted.
pub(crate) struct WaitingHandshake {
    from: SocketAddr,
    /// The network whose key an initiation is for.
    network: NetworkId,
    datagram: Vec<u8>,
}

impl Node {
    /// Answers up to `most` of the handshakes that wait; whether more of them do.
    pub fn handle_handshakes(&mut self, now: Time, most: usize) -> bool {
        for _ in 0..most {
            let Some(waiting) = self.handshakes.pop_front() else { return false };
            let WaitingHandshake { from, network, datagram } = waiting;
            let handled = match Message::parse(&datagram) {
                Ok(Message::Initiation(message)) => {
                    self.handle_initiation(now, from, network, &message)
                }
                Ok(Message::Response(message)) => self.handle_response(now, from, &message),
                Ok(Message::CookieReply(_) | Message::Data(_)) => Ok(()),
                Err(reason) => Err(reason.into()),
            };
            if let Err(reason) = handled {
                self.counters.drop_packet(reason);
            }
        }
        !self.handshakes.is_empty()
    }

    pub(crate) fn keep_initiation(
        &mut self,
        now: Time,
        from: SocketAddr,
        message: &Initiation<'_>,
        datagram: &[u8],
    ) -> Result<(), DropReason> {
        let macs = message.macs();
        let (network, identity) = self
            .networks
            .iter()
            .map(|(id, network)| (*id, &network.identity))
            .find(|(_, identity)| identity.is_addressed(&macs))
            .map(|(id, identity)| (id, identity.clone()))
            .ok_or(WireguardDropReason::BadMac1)?;
        self.admit(now, from, &identity, &macs)?;
        self.keep_handshake(from, network, datagram)
    }

    pub(crate) fn keep_response(
        &mut self,
        now: Time,
        from: SocketAddr,
        message: &Response<'_>,
        datagram: &[u8],
    ) -> Result<(), DropReason> {
        let unknown = WireguardDropReason::UnknownIndex;
        let id = PeerId(self.indexes.owner(message.receiver()).ok_or(unknown)?);
        let network = self.peers.get(&id).map(|peer| peer.network).ok_or(unknown)?;
        let identity = self.networks.get(&network).ok_or(unknown)?.identity.clone();
        let macs = message.macs();
        if !identity.is_addressed(&macs) {
            return Err(WireguardDropReason::BadMac1.into());
        }
        self.admit(now, from, &identity, &macs)?;
        self.keep_handshake(from, network, datagram)
    }

    /// Who comes when too many wait already calls again by itself.
    fn keep_handshake(
        &mut self,
        from: SocketAddr,
        network: NetworkId,
        datagram: &[u8],
    ) -> Result<(), DropReason> {
        if self.handshakes.len() >= HANDSHAKES_WAITING_MAX {
            return Err(DropReason::HandshakesFull);
        }
        let datagram = datagram.to_vec();
        self.handshakes.push_back(WaitingHandshake { from, network, datagram });
        Ok(())
    }

    fn handle_initiation(
        &mut self,
        now: Time,
        from: SocketAddr,
        network: NetworkId,
        message: &Initiation<'_>,
    ) -> Result<(), DropReason> {
        // The network may have gone meanwhile, or have another key.
        let unknown = WireguardDropReason::BadMac1;
        let identity = self.networks.get(&network).ok_or(unknown)?.identity.clone();
        let initiation = identity.open(message)?;
        let Some(id) = self.peer_id(network, &initiation.remote) else {
            self.strangers.keep(now, from, network, initiation);
            return Err(DropReason::UnknownPeer);
        };
        let peer = self.peers.get_mut(&id).ok_or(DropReason::UnknownPeer)?;
        peer.tunnel.handle_initiation(now, from, initiation, &mut self.indexes)?;
        self.settle(id);
        Ok(())
    }

    fn handle_response(
        &mut self,
        now: Time,
        from: SocketAddr,
        message: &Response<'_>,
    ) -> Result<(), DropReason> {
        let unknown = WireguardDropReason::UnknownIndex;
        let id = PeerId(self.indexes.owner(message.receiver()).ok_or(unknown)?);
        let peer = self.peers.get_mut(&id).ok_or(unknown)?;
        let handled = peer.tunnel.handle_response(now, from, message, &mut self.indexes);
        // One that cannot be opened may be a reason to call again.
        self.settle(id);
        self.begin_path(now, id);
        Ok(handled?)
    }

    pub(crate) fn handle_cookie_reply(
        &mut self,
        now: Time,
        message: &CookieReply<'_>,
    ) -> Result<(), DropReason> {
        let unknown = WireguardDropReason::UnknownIndex;
        let id = PeerId(self.indexes.owner(message.receiver()).ok_or(unknown)?);
        let peer = self.peers.get_mut(&id).ok_or(unknown)?;
        peer.tunnel.handle_cookie_reply(now, message)?;
        self.settle(id);
        Ok(())
    }

    fn admit(
        &mut self,
        now: Time,
        from: SocketAddr,
        identity: &Arc<Identity>,
        macs: &Macs<'_>,
    ) -> Result<(), DropReason> {
        match self.gate.admit(now, from, identity, macs, self.handshakes.len()) {
            Admission::Admit => Ok(()),
            Admission::Challenge(reply) => {
                self.transmit(Transmit { to: from, datagram: reply.to_vec(), ecn: 0 });
                Err(WireguardDropReason::CookieSent.into())
            }
            Admission::Refuse(reason) => Err(reason.into()),
        }
    }
}
