//! Rust sources as far as the rules read them: code without comments and literals, tokens, tests, functions.

mod mask;
mod paths;
mod source;

pub use mask::mask;
pub use paths::{UsedPath, used_paths};
pub use source::{Function, Source, sources};

/// A word or a mark of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// The word, `::`, or one other character.
    pub text: &'a str,
    /// Line, from 1.
    pub line: usize,
}

impl Token<'_> {
    /// Whether it is a word: an identifier, a keyword or a number.
    pub fn is_word(&self) -> bool {
        self.text.starts_with(is_word_char)
    }
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The tokens of masked code.
pub fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = if is_word_char(first) {
                rest.find(|c| !is_word_char(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            let (text, after) = rest.split_at(length);
            tokens.push(Token { text, line: index + 1 });
            rest = after.trim_start();
        }
    }
    tokens
}

/// Whether the tokens from `at` on are those of `texts`.
pub fn follows(tokens: &[Token<'_>], at: usize, texts: &[&str]) -> bool {
    let found = tokens.get(at..at + texts.len());
    found.is_some_and(|found| found.iter().zip(texts).all(|(token, text)| token.text == *text))
}

/// The index of the token that closes the bracket at `open`.
pub fn closing(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(index);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_words_and_marks_with_their_lines() {
        let code = "use a::b;\nfn f(x: u8) {}";
        let texts: Vec<&str> = tokens(code).iter().map(|token| token.text).collect();
        let expected = ["use", "a", "::", "b", ";", "fn", "f", "(", "x", ":", "u8", ")", "{", "}"];
        assert_eq!(texts, expected);
        assert_eq!(tokens(code)[5].line, 2);
        assert_eq!(closing(&tokens(code), 7), Some(11));
    }
}
