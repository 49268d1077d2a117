//! Addresses, prefixes and endpoints.

use super::{Decode, Encode};
use crate::decoder::Decoder;
use crate::encoder::Encoder;
use crate::error::{DecodeError, Problem};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

impl Encode for IpAddr {
    fn encode(&self, encoder: &mut Encoder) {
        match self {
            Self::V4(address) => encoder.bytes(&address.octets()),
            Self::V6(address) => encoder.bytes(&address.octets()),
        }
    }
}

impl Decode for IpAddr {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let wrong = decoder.error("an address of 4 or 16 bytes", Problem::Range);
        let bytes = decoder.bytes()?;
        if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
            return Ok(octets.into());
        }
        <[u8; 16]>::try_from(bytes).map(Self::from).map_err(|_| wrong)
    }
}

impl Encode for IpNet {
    fn encode(&self, encoder: &mut Encoder) {
        (self.addr(), self.prefix_len()).encode(encoder);
    }
}

impl Decode for IpNet {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let wrong = decoder.error("a prefix no longer than its address", Problem::Range);
        let (address, length) = <(IpAddr, u8)>::decode(decoder)?;
        Self::new(address, length).map_err(|_| wrong)
    }
}

impl Encode for SocketAddr {
    fn encode(&self, encoder: &mut Encoder) {
        (self.ip(), self.port()).encode(encoder);
    }
}

impl Decode for SocketAddr {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        <(IpAddr, u16)>::decode(decoder).map(Self::from)
    }
}
