//! Matches on whose the address of a packet is, as the sets of a table know it.

use super::{KEY, Program, digit};
use netloom_state::nft::{Expression, MetaKey, Register};

impl Program {
    /// The packet's link may send from its source address.
    pub(in crate::firewall) fn own_source(self, ipv6: bool) -> Self {
        self.source_of_link(ipv6, false)
    }

    /// The packet's link may not send from its source address.
    pub(in crate::firewall) fn foreign_source(self, ipv6: bool) -> Self {
        self.source_of_link(ipv6, true)
    }

    fn source_of_link(self, ipv6: bool, inverted: bool) -> Self {
        let address = Register(KEY.0 + 4);
        let set = format!("sources{}", digit(ipv6));
        self.family(ipv6)
            .meta(MetaKey::IncomingName, KEY)
            .address(true, ipv6, address)
            .with(Expression::Lookup { set, register: KEY, inverted })
    }

    /// The packet's source (or destination) is an address that the node's own stack has.
    pub(in crate::firewall) fn own_address(self, source: bool, ipv6: bool) -> Self {
        self.address_in("own", source, ipv6, false)
    }

    /// The packet's source (or destination) is in a subnet with an ACL; or is in none.
    pub(in crate::firewall) fn acl_subnet_address(
        self,
        source: bool,
        ipv6: bool,
        inverted: bool,
    ) -> Self {
        self.address_in("acl-subnets", source, ipv6, inverted)
    }

    /// The packet's source (or destination) is a local stock peer's, or behind one; or is neither.
    pub(in crate::firewall) fn stock_address(
        self,
        source: bool,
        ipv6: bool,
        inverted: bool,
    ) -> Self {
        self.address_in("stock", source, ipv6, inverted)
    }

    /// The packet's source (or destination) is in the family's set of a name; or is not.
    fn address_in(self, name: &str, source: bool, ipv6: bool, inverted: bool) -> Self {
        let set = format!("{name}{}", digit(ipv6));
        self.family(ipv6).address(source, ipv6, KEY).with(Expression::Lookup {
            set,
            register: KEY,
            inverted,
        })
    }
}
