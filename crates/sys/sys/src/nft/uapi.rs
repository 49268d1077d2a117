//! Numbers of `linux/netfilter/nf_tables.h` and `nfnetlink.h`, in their own words.

pub(crate) const SUBSYSTEM: u16 = 10;
pub(crate) const NFPROTO_INET: u8 = 1;
pub(crate) const NFPROTO_IPV4: u8 = 2;
pub(crate) const NFPROTO_IPV6: u8 = 10;
/// Bytes of `struct nfgenmsg`.
pub(crate) const NFGENMSG_BYTES: usize = 4;
pub(crate) const BATCH_BEGIN: u16 = 16;
pub(crate) const BATCH_END: u16 = 17;
pub(crate) const LIST_ELEM: u16 = 1;

pub(crate) const NLM_F_CREATE: u16 = 0x400;
pub(crate) const NLM_F_APPEND: u16 = 0x800;

pub(crate) const NEWTABLE: u16 = 0;
pub(crate) const GETTABLE: u16 = 1;
pub(crate) const DELTABLE: u16 = 2;
pub(crate) const NEWCHAIN: u16 = 3;
pub(crate) const GETCHAIN: u16 = 4;
pub(crate) const DELCHAIN: u16 = 5;
pub(crate) const NEWRULE: u16 = 6;
pub(crate) const GETRULE: u16 = 7;
pub(crate) const DELRULE: u16 = 8;
pub(crate) const NEWSET: u16 = 9;
pub(crate) const GETSET: u16 = 10;
pub(crate) const DELSET: u16 = 11;
pub(crate) const NEWSETELEM: u16 = 12;
pub(crate) const GETSETELEM: u16 = 13;
pub(crate) const DELSETELEM: u16 = 14;
pub(crate) const GETGEN: u16 = 16;

pub(crate) const TABLE_NAME: u16 = 1;
pub(crate) const TABLE_FLAGS: u16 = 2;
pub(crate) const TABLE_USERDATA: u16 = 6;
pub(crate) const TABLE_F_OWNER: u32 = 2;
pub(crate) const TABLE_F_PERSIST: u32 = 4;

pub(crate) const CHAIN_TABLE: u16 = 1;
pub(crate) const CHAIN_NAME: u16 = 3;
pub(crate) const CHAIN_HOOK: u16 = 4;
pub(crate) const CHAIN_POLICY: u16 = 5;
pub(crate) const CHAIN_TYPE: u16 = 7;
pub(crate) const HOOK_HOOKNUM: u16 = 1;
pub(crate) const HOOK_PRIORITY: u16 = 2;

pub(crate) const RULE_TABLE: u16 = 1;
pub(crate) const RULE_CHAIN: u16 = 2;
pub(crate) const RULE_EXPRESSIONS: u16 = 4;
pub(crate) const RULE_USERDATA: u16 = 7;

pub(crate) const SET_TABLE: u16 = 1;
pub(crate) const SET_NAME: u16 = 2;
pub(crate) const SET_FLAGS: u16 = 3;
pub(crate) const SET_KEY_TYPE: u16 = 4;
pub(crate) const SET_KEY_LEN: u16 = 5;
pub(crate) const SET_DATA_TYPE: u16 = 6;
pub(crate) const SET_DATA_LEN: u16 = 7;
pub(crate) const SET_ID: u16 = 10;
/// How many elements there are, since Linux 6.17.
pub(crate) const SET_COUNT: u16 = 20;
pub(crate) const SET_F_INTERVAL: u32 = 4;
pub(crate) const SET_F_MAP: u32 = 8;
pub(crate) const DATA_TYPE_VERDICT: u32 = 0xffff_ff00;

pub(crate) const ELEM_LIST_TABLE: u16 = 1;
pub(crate) const ELEM_LIST_SET: u16 = 2;
pub(crate) const ELEM_LIST_ELEMENTS: u16 = 3;
pub(crate) const ELEM_KEY: u16 = 1;
pub(crate) const ELEM_DATA: u16 = 2;
pub(crate) const ELEM_FLAGS: u16 = 3;
pub(crate) const ELEM_F_INTERVAL_END: u32 = 1;

pub(crate) const DATA_VALUE: u16 = 1;
pub(crate) const DATA_VERDICT: u16 = 2;
pub(crate) const VERDICT_CODE: u16 = 1;
pub(crate) const VERDICT_CHAIN: u16 = 2;
pub(crate) const NF_DROP: i32 = 0;
pub(crate) const NF_ACCEPT: i32 = 1;
pub(crate) const NFT_JUMP: i32 = -3;
pub(crate) const NFT_GOTO: i32 = -4;
pub(crate) const NFT_RETURN: i32 = -5;

pub(crate) const EXPR_NAME: u16 = 1;
pub(crate) const EXPR_DATA: u16 = 2;
/// `NFTA_TARGET_NAME`, of targets of iptables.
pub(crate) const TARGET_NAME: u16 = 1;
pub(crate) const REG_VERDICT: u32 = 0;
/// `NFT_REG32_00`.
pub(crate) const REG32_FIRST: u32 = 8;
/// `NFT_REG32_15`.
pub(crate) const REG32_LAST: u32 = 23;
/// `NFT_REG_1` to `NFT_REG_4`, of 16 bytes each, name every fourth 32-bit register.
pub(crate) const REG_WIDE_LAST: u32 = 4;

pub(crate) const META_DREG: u16 = 1;
pub(crate) const META_KEY: u16 = 2;
pub(crate) const META_SREG: u16 = 3;
pub(crate) const META_KEY_MARK: u32 = 3;
pub(crate) const META_KEY_IIFNAME: u32 = 6;
pub(crate) const META_KEY_OIFNAME: u32 = 7;
pub(crate) const META_KEY_NFPROTO: u32 = 15;
pub(crate) const META_KEY_L4PROTO: u32 = 16;

pub(crate) const PAYLOAD_DREG: u16 = 1;
pub(crate) const PAYLOAD_BASE: u16 = 2;
pub(crate) const PAYLOAD_OFFSET: u16 = 3;
pub(crate) const PAYLOAD_LEN: u16 = 4;
pub(crate) const PAYLOAD_BASE_NETWORK: u32 = 1;
pub(crate) const PAYLOAD_BASE_TRANSPORT: u32 = 2;

pub(crate) const CT_DREG: u16 = 1;
pub(crate) const CT_KEY: u16 = 2;
pub(crate) const CT_KEY_STATE: u32 = 0;
pub(crate) const CT_KEY_STATUS: u32 = 2;

pub(crate) const BITWISE_SREG: u16 = 1;
pub(crate) const BITWISE_DREG: u16 = 2;
pub(crate) const BITWISE_LEN: u16 = 3;
pub(crate) const BITWISE_MASK: u16 = 4;
pub(crate) const BITWISE_XOR: u16 = 5;
/// Absent or 0 (`NFT_BITWISE_MASK_XOR`) is the only form used here.
pub(crate) const BITWISE_OP: u16 = 6;

pub(crate) const CMP_SREG: u16 = 1;
pub(crate) const CMP_OP: u16 = 2;
pub(crate) const CMP_DATA: u16 = 3;
pub(crate) const CMP_OP_EQ: u32 = 0;
pub(crate) const CMP_OP_NEQ: u32 = 1;

pub(crate) const LOOKUP_SET: u16 = 1;
pub(crate) const LOOKUP_SREG: u16 = 2;
pub(crate) const LOOKUP_DREG: u16 = 3;
pub(crate) const LOOKUP_FLAGS: u16 = 5;
pub(crate) const LOOKUP_F_INVERT: u32 = 1;

pub(crate) const IMMEDIATE_DREG: u16 = 1;
pub(crate) const IMMEDIATE_DATA: u16 = 2;

pub(crate) const COUNTER_BYTES: u16 = 1;
pub(crate) const COUNTER_PACKETS: u16 = 2;

pub(crate) const REJECT_TYPE: u16 = 1;
pub(crate) const REJECT_ICMP_CODE: u16 = 2;
pub(crate) const REJECT_TCP_RST: u32 = 1;
pub(crate) const REJECT_ICMPX_UNREACH: u32 = 2;
pub(crate) const REJECT_ICMPX_ADMIN_PROHIBITED: u8 = 3;

pub(crate) const NAT_TYPE: u16 = 1;
pub(crate) const NAT_FAMILY: u16 = 2;
pub(crate) const NAT_REG_ADDR_MIN: u16 = 3;
pub(crate) const NAT_REG_ADDR_MAX: u16 = 4;
pub(crate) const NAT_REG_PROTO_MIN: u16 = 5;
pub(crate) const NAT_REG_PROTO_MAX: u16 = 6;
/// The kernel adds what follows from the attributes themselves.
pub(crate) const NAT_FLAGS: u16 = 7;
pub(crate) const NAT_TYPE_DNAT: u32 = 1;
pub(crate) const NAT_RANGE_MAP_IPS: u32 = 1;
pub(crate) const NAT_RANGE_PROTO_SPECIFIED: u32 = 2;
pub(crate) const NAT_RANGE_NETMAP: u32 = 1 << 6;

pub(crate) const FIB_DREG: u16 = 1;
pub(crate) const FIB_RESULT: u16 = 2;
pub(crate) const FIB_FLAGS: u16 = 3;
pub(crate) const FIB_RESULT_ADDRTYPE: u32 = 3;
pub(crate) const FIB_F_DADDR: u32 = 1 << 1;
pub(crate) const MASQ_FLAGS: u16 = 1;

pub(crate) const GEN_ID: u16 = 1;
