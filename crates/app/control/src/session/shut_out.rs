//! Why a node gets nothing, in words.

use crate::record::Standing;

/// Why a node gets nothing, and what the fabric's admin does about it.
pub(super) fn shut_out_words(node: &str, standing: Option<Standing>) -> (String, String) {
    match standing {
        Some(Standing::Waiting) => (
            format!("node `{node}` waits for approval"),
            format!("at control: netloom approve {node}"),
        ),
        Some(Standing::Revoked) => (
            format!("node `{node}` was revoked"),
            format!(
                "if it shall take part again: `netloom remove {node}` at control, `netloom down` here, and join with a \
                 new token"
            ),
        ),
        Some(Standing::Approved) => (
            format!("node `{node}` is not declared"),
            "declare it in the fabric's file, and netloom apply".to_owned(),
        ),
        None => (
            format!("node `{node}` is not known"),
            "`netloom down` here, and join with a new token".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_shut_out_is_told_its_own_cure() {
        let said = |standing| {
            let (text, solution) = shut_out_words("beta", standing);
            format!("{text}; {solution}")
        };
        assert!(said(Some(Standing::Waiting)).contains("netloom approve beta"));
        assert!(said(Some(Standing::Revoked)).contains("netloom remove beta"));
        assert!(said(Some(Standing::Approved)).contains("not declared"));
        assert!(said(None).contains("new token"));
    }
}
