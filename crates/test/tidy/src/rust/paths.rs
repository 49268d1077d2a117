//! The paths that code names, with the groups of `use` spelled out.

use super::Token;

/// A path as the code names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedPath<'a> {
    /// Its parts.
    pub parts: Vec<&'a str>,
    /// Line, from 1.
    pub line: usize,
}

/// Every path in `tokens`; single words are paths of one part.
pub fn used_paths<'a>(tokens: &[Token<'a>]) -> Vec<UsedPath<'a>> {
    let mut reader = Reader { tokens, at: 0, found: Vec::new() };
    while let Some(token) = reader.peek() {
        if token.text == "use" {
            reader.at += 1;
            reader.tree(Vec::new());
        } else if token.is_word() {
            reader.plain();
        } else {
            reader.at += 1;
        }
    }
    reader.found
}

struct Reader<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
    found: Vec<UsedPath<'a>>,
}

impl<'a> Reader<'_, 'a> {
    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).copied()
    }

    fn skip(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.text == text);
        self.at += usize::from(found);
        found
    }

    /// `a::b::c`.
    fn plain(&mut self) {
        let mut path = UsedPath { parts: Vec::new(), line: 0 };
        while let Some(token) = self.peek().filter(Token::is_word) {
            path.line = token.line;
            path.parts.push(token.text);
            self.at += 1;
            if !self.skip("::") {
                break;
            }
        }
        self.found.push(path);
    }

    /// What stands after `use` or in a group: `a::{b, c::d as e}`.
    fn tree(&mut self, mut parts: Vec<&'a str>) {
        self.skip("::");
        while let Some(token) = self.peek() {
            if token.text == "{" {
                self.at += 1;
                self.group(&parts);
                return;
            }
            if !token.is_word() && token.text != "*" {
                return;
            }
            parts.push(token.text);
            self.at += 1;
            if !self.skip("::") {
                self.found.push(UsedPath { parts, line: token.line });
                if self.skip("as") {
                    self.at += 1;
                }
                return;
            }
        }
    }

    fn group(&mut self, parts: &[&'a str]) {
        while self.peek().is_some() && !self.skip("}") {
            let before = self.at;
            self.tree(parts.to_vec());
            self.skip(",");
            // Code that is no `use` after all must not stop the reader.
            self.at = self.at.max(before + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rust::tokens;

    #[test]
    fn groups_are_spelled_out() {
        let code = "use std::{fs, net::{IpAddr, UdpSocket as S}, env::*};\nlet a = b::c(d);";
        let paths: Vec<String> =
            used_paths(&tokens(code)).iter().map(|path| path.parts.join("::")).collect();
        let expected = ["std::fs", "std::net::IpAddr", "std::net::UdpSocket", "std::env::*"];
        assert_eq!(paths[..4], expected);
        assert!(paths.contains(&"b::c".to_owned()) && paths.contains(&"d".to_owned()));
    }
}
