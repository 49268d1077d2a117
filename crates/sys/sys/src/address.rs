//! Socket addresses to and from the kernel's structures.

use crate::system;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Room for an address of either family.
#[derive(Clone, Copy)]
pub(crate) union RawAddress {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl RawAddress {
    /// Room for an address that is to be received.
    pub(crate) fn empty() -> Self {
        Self { v6: system::zeroed() }
    }

    /// The kernel's form of `address`, for a socket of IPv6 or of IPv4, and its length.
    ///
    /// A socket of IPv6 takes IPv4 addresses in mapped form (RFC 4291 §2.5.5.2).
    pub(crate) fn new(address: SocketAddr, ipv6_socket: bool) -> (Self, libc::socklen_t) {
        match address {
            SocketAddr::V4(v4) if !ipv6_socket => {
                let mut raw: libc::sockaddr_in = system::zeroed();
                raw.sin_family = libc::AF_INET as libc::sa_family_t;
                raw.sin_port = v4.port().to_be();
                raw.sin_addr.s_addr = u32::from_ne_bytes(v4.ip().octets());
                (Self { v4: raw }, system::length_of::<libc::sockaddr_in>())
            }
            SocketAddr::V4(v4) => {
                Self::new_v6(SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0))
            }
            SocketAddr::V6(v6) => Self::new_v6(v6),
        }
    }

    fn new_v6(address: SocketAddrV6) -> (Self, libc::socklen_t) {
        let mut raw: libc::sockaddr_in6 = system::zeroed();
        raw.sin6_family = libc::AF_INET6 as libc::sa_family_t;
        raw.sin6_port = address.port().to_be();
        raw.sin6_flowinfo = address.flowinfo();
        raw.sin6_addr.s6_addr = address.ip().octets();
        raw.sin6_scope_id = address.scope_id();
        (Self { v6: raw }, system::length_of::<libc::sockaddr_in6>())
    }

    /// The address that the kernel has put here; a mapped one as the IPv4 address that it means.
    pub(crate) fn get(&self) -> Option<SocketAddr> {
        // SAFETY: every variant begins with the family, and all bytes are initialised.
        let family = i32::from(unsafe { self.family });
        match family {
            libc::AF_INET => {
                // SAFETY: the family says that this is the variant; all its bytes are initialised.
                let raw = unsafe { self.v4 };
                let ip = Ipv4Addr::from(raw.sin_addr.s_addr.to_ne_bytes());
                Some(SocketAddr::new(ip.into(), u16::from_be(raw.sin_port)))
            }
            libc::AF_INET6 => {
                // SAFETY: as above.
                let raw = unsafe { self.v6 };
                let (ip, port) =
                    (Ipv6Addr::from(raw.sin6_addr.s6_addr), u16::from_be(raw.sin6_port));
                Some(match ip.to_ipv4_mapped() {
                    Some(v4) => SocketAddr::new(IpAddr::V4(v4), port),
                    None => {
                        SocketAddrV6::new(ip, port, raw.sin6_flowinfo, raw.sin6_scope_id).into()
                    }
                })
            }
            _ => None,
        }
    }

    pub(crate) fn as_ptr(&self) -> *const libc::sockaddr {
        std::ptr::from_ref(self).cast()
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut libc::sockaddr {
        std::ptr::from_mut(self).cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_kernels_form() {
        for (text, ipv6_socket) in [
            ("192.0.2.1:53", false),
            ("192.0.2.1:53", true),
            ("[2001:db8::1]:443", true),
            ("[fe80::1%7]:443", true),
        ] {
            let address: SocketAddr = text.parse().unwrap();
            let (raw, _) = RawAddress::new(address, ipv6_socket);
            assert_eq!(raw.get(), Some(address));
        }
        assert_eq!(RawAddress::empty().get(), None);
    }
}
