//! Words that people read.

use std::fmt::Display;

/// So many of something that has a regular plural: `1 error`, `2 errors`.
pub fn counted<N: PartialEq + From<u8> + Display>(count: N, one: &str) -> String {
    let plural = if count == N::from(1) { "" } else { "s" };
    format!("{count} {one}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        let all = [0, 1, 2].map(|count| counted(count, "error"));
        assert_eq!(all, ["0 errors", "1 error", "2 errors"]);
    }
}
