//! One source file: its code, which of its lines are tests, and its functions.

use super::{Token, closing, follows, mask, tokens};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// A source file.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// Path from the root of the repository.
    pub path: &'a str,
    /// As written.
    pub text: &'a str,
    /// Without comments and literals.
    pub code: String,
    /// Whether all of it is compiled for tests only.
    pub is_test: bool,
    test_lines: Vec<RangeInclusive<usize>>,
}

/// A function and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// First line, from 1: that of its name.
    pub line: usize,
    /// Lines to the closing brace, both included.
    pub lines: usize,
    /// Whether an attribute `#[test]` stands before it.
    pub is_test: bool,
}

impl Source<'_> {
    /// Whether a line is compiled for tests only.
    pub fn in_test(&self, line: usize) -> bool {
        self.is_test || self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    /// Its tokens.
    pub fn tokens(&self) -> Vec<Token<'_>> {
        tokens(&self.code)
    }

    /// Tokens that are not compiled for tests only.
    pub fn shipped_tokens(&self) -> Vec<Token<'_>> {
        let mut tokens = self.tokens();
        tokens.retain(|token| !self.in_test(token.line));
        tokens
    }

    /// Functions that have a body.
    pub fn functions(&self) -> Vec<Function> {
        let tokens = self.tokens();
        let named =
            |at: usize| tokens[at].text == "fn" && tokens.get(at + 1).is_some_and(Token::is_word);
        let starts = (0..tokens.len()).filter(|at| named(*at));
        starts.filter_map(|at| function(&tokens, at)).collect()
    }
}

fn function(tokens: &[Token<'_>], at: usize) -> Option<Function> {
    let open = item_end(tokens, at + 1)?;
    if tokens[open].text == ";" {
        return None;
    }
    let close = closing(tokens, open)?;
    let (line, last) = (tokens[at].line, tokens[close].line);
    let before = (0..at).rev().find(|before| !tokens[*before].is_word());
    let is_test = before.is_some_and(|before| has_test_attribute(tokens, before));
    Some(Function { name: tokens[at + 1].text.to_owned(), line, lines: last - line + 1, is_test })
}

/// Whether among the attributes that end at `last` is `#[test]`.
fn has_test_attribute(tokens: &[Token<'_>], mut last: usize) -> bool {
    while tokens[last].text == "]" {
        let opens = (0..last)
            .rev()
            .find(|at| closing(tokens, *at) == Some(last) && tokens[*at].text == "[");
        let Some(open) = opens else { return false };
        if follows(tokens, open, &["[", "test", "]"]) {
            return true;
        }
        let Some(before) = open.checked_sub(2) else { return false };
        last = before;
    }
    false
}

/// The `;` or `{` that ends the head of the item at `at`.
fn item_end(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match token.text {
            "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.checked_sub(1)?,
            ";" | "{" if depth == 0 => return Some(index),
            _ => {}
        }
    }
    None
}

/// Parses all sources; files of `#[cfg(test)]` modules are known from the files that name them.
pub fn sources<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Source<'a>> {
    let mut test_modules = BTreeSet::new();
    let mut sources: Vec<Source<'a>> = Vec::new();
    for (path, text) in files {
        let code = mask(text);
        let test_lines = test_regions(path, &tokens(&code), &mut test_modules);
        let is_test = path.split('/').any(|part| matches!(part, "tests" | "benches"));
        sources.push(Source { path, text, code, is_test, test_lines });
    }
    for source in &mut sources {
        let module = source.path.trim_end_matches(".rs");
        let inside = |test: &String| {
            module
                .strip_prefix(test.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        source.is_test |= test_modules.iter().any(inside);
    }
    sources
}

/// Lines under `#[cfg(test)]`; modules in files of their own are added to `modules`.
fn test_regions(
    path: &str,
    tokens: &[Token<'_>],
    modules: &mut BTreeSet<String>,
) -> Vec<RangeInclusive<usize>> {
    let mut regions = Vec::new();
    for at in 0..tokens.len() {
        if !follows(tokens, at, &["#", "[", "cfg", "(", "test", ")", "]"]) {
            continue;
        }
        let mut item = at + 7;
        while follows(tokens, item, &["#", "["]) {
            let Some(end) = closing(tokens, item + 1) else { return regions };
            item = end + 1;
        }
        let Some(end) = item_end(tokens, item) else { continue };
        if tokens[end].text == ";" {
            if follows(tokens, end.saturating_sub(2), &["mod"]) {
                modules.insert(format!("{}/{}", module_folder(path), tokens[end - 1].text));
            }
            regions.push(tokens[at].line..=tokens[end].line);
        } else if let Some(close) = closing(tokens, end) {
            regions.push(tokens[at].line..=tokens[close].line);
        }
    }
    regions
}

/// The folder of a file's modules.
fn module_folder(path: &str) -> &str {
    let (folder, file) = path.rsplit_once('/').unwrap_or((".", path));
    match file {
        "lib.rs" | "main.rs" | "mod.rs" => folder,
        _ => path.trim_end_matches(".rs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_known_in_the_file_and_in_files_of_their_own() {
        let files = [
            ("a/src/lib.rs", "mod b;\n#[cfg(test)]\nmod c;\n"),
            (
                "a/src/b.rs",
                "fn x() {}\n#[cfg(test)]\n#[expect(dead_code)]\nmod tests {\n}\nfn y() {}\n",
            ),
            ("a/src/c.rs", "fn z() {}"),
            ("a/src/c/d.rs", ""),
            ("a/src/cc.rs", ""),
            ("a/tests/e.rs", ""),
        ];
        let sources = sources(files.into_iter());
        let tests: Vec<&str> =
            sources.iter().filter(|source| source.is_test).map(|source| source.path).collect();
        assert_eq!(tests, ["a/src/c.rs", "a/src/c/d.rs", "a/tests/e.rs"]);
        let inside: Vec<usize> = (1..=6).filter(|line| sources[1].in_test(*line)).collect();
        assert_eq!(inside, [2, 3, 4, 5]);
    }

    #[test]
    fn functions_are_measured_from_name_to_brace() {
        let text = "trait T { fn a(); }\n#[test]\n#[ignore = \"x\"]\npub fn b<F: Fn(u8)>(\n  f: F,\n) where F: Copy {\n  {}\n}\n";
        let sources = sources([("a/src/lib.rs", text)].into_iter());
        let expected = Function { name: "b".to_owned(), line: 4, lines: 5, is_test: true };
        assert_eq!(sources[0].functions(), [expected]);
    }

    #[test]
    fn the_test_attribute_is_seen_among_others() {
        let text = "#[test]\n#[cfg(unix)]\nfn a() {}\n#[cfg(unix)]\nfn b() {}\n";
        let sources = sources([("a/src/lib.rs", text)].into_iter());
        let tests: Vec<bool> = sources[0].functions().iter().map(|f| f.is_test).collect();
        assert_eq!(tests, [true, false]);
    }
}
