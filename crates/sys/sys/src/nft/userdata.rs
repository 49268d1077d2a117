//! User data as the `nft` program writes it: type, length, value; of which a comment is one.

/// `NFTNL_UDATA_RULE_COMMENT`, and the same number for tables.
const USERDATA_COMMENT: u8 = 0;
/// What fits the length byte of a comment, less its NUL.
const NAME_BYTES_MAX: usize = 250;

/// A comment in the form of user data that `nft list` shows.
pub(super) fn comment(text: &str) -> Vec<u8> {
    let fits = |end: &usize| text.is_char_boundary(*end);
    let end = (0..=text.len().min(NAME_BYTES_MAX)).rev().find(fits).unwrap_or(0);
    let text = &text.as_bytes()[..end];
    // The length is at most 251.
    let mut bytes = vec![USERDATA_COMMENT, (text.len() + 1) as u8];
    bytes.extend_from_slice(text);
    bytes.push(0);
    bytes
}

/// The comment in user data, if there is one.
pub(super) fn read_comment(mut userdata: &[u8]) -> Option<String> {
    loop {
        let ([kind, length], rest) = userdata.split_first_chunk::<2>()?;
        let value = rest.get(..usize::from(*length))?;
        if *kind == USERDATA_COMMENT {
            return Some(crate::netlink::text(value));
        }
        userdata = &rest[value.len()..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_survive_and_are_cut_at_a_character() {
        assert_eq!(read_comment(&comment("egress-denied")).as_deref(), Some("egress-denied"));
        let long = "é".repeat(200);
        assert_eq!(read_comment(&comment(&long)), Some("é".repeat(125)));
        assert_eq!(read_comment(&[7, 1, 9, 0, 3, b'o', b'k', 0]).as_deref(), Some("ok"));
        assert_eq!(read_comment(&[0, 9, b'x']), None, "its length lies");
    }
}
