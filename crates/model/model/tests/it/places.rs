//! Places are exact: line and column in characters, in both languages, through every way of reading.

use netloom_model::tree::{self, Tree, Value};

/// The place of every scalar and key, as `text@line:column`.
fn places(file: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let tree = tree::read(file, text, &mut found).unwrap();
    assert!(found.is_empty(), "{found:?}");
    let mut places = Vec::new();
    walk(&tree, &mut places);
    places
}

fn walk(tree: &Tree, places: &mut Vec<String>) {
    let span = &tree.span;
    match &tree.value {
        Value::Scalar { text, .. } => places.push(format!("{text}@{}:{}", span.line, span.column)),
        Value::List(items) => items.iter().for_each(|item| walk(item, places)),
        Value::Map(entries) => {
            for (key, value) in entries.iter() {
                places.push(format!("{}@{}:{}", key.name, key.span.line, key.span.column));
                walk(value, places);
            }
        }
        Value::Null => places.push(format!("null@{}:{}", span.line, span.column)),
        Value::Broken => places.push("broken".to_owned()),
    }
}

#[test]
fn yaml_places_are_of_the_first_character() {
    // A value with an anchor begins at its anchor.
    assert_eq!(
        places("a.yaml", "# ü\na: b\n\"ö\": { c: 'é', d: [1,  2] }\n"),
        ["a@2:1", "b@2:4", "ö@3:1", "c@3:8", "é@3:11", "d@3:16", "1@3:20", "2@3:24",]
    );
    assert_eq!(
        places("a.yaml", "a:\n  - b: c\n    d: é e\n  - f\ng:\n"),
        ["a@1:1", "b@2:5", "c@2:8", "d@3:5", "é e@3:8", "f@4:5", "g@5:1", "null@5:2",]
    );
    assert_eq!(
        places("a.yaml", "a: &x 1\r\nb: *x\r\nü: *x # é\r\nc: d\r\n"),
        ["a@1:1", "1@1:4", "b@2:1", "1@2:4", "ü@3:1", "1@3:4", "c@4:1", "d@4:4",]
    );
}

#[test]
fn toml_places_are_of_the_first_character() {
    assert_eq!(
        places("a.toml", "# ü\na = \"b\"\n\"ö\" = { c = 'é', d = [1,  2] }\n"),
        ["a@2:1", "b@2:5", "ö@3:1", "c@3:9", "é@3:13", "d@3:18", "1@3:23", "2@3:27",]
    );
    assert_eq!(
        places("a.toml", "[a.b]\r\nc = 0x10\r\n[a.d]\r\n\"é\" = true # x\r\n"),
        ["a@1:2", "b@1:4", "c@2:1", "16@2:5", "d@3:4", "é@4:1", "true@4:7",]
    );
}

#[test]
fn places_after_recovery_are_those_of_the_file() {
    let yaml = "ü: [é\na: &x { b: c }\nd:\n  e: { f: }}\n  g: [é, h]\n\ti: j\nk: *x\n";
    let mut found = Vec::new();
    let tree = tree::read("a.yaml", yaml, &mut found).unwrap();
    let at: Vec<_> = found.iter().map(|one| (one.span.line, one.span.column)).collect();
    assert_eq!(at, [(6, 1), (1, 4), (4, 12)], "{found:?}");
    let mut places = Vec::new();
    walk(&tree, &mut places);
    assert_eq!(
        places,
        [
            "ü@1:1", "broken", "a@2:1", "b@2:9", "c@2:12", "d@3:1", "e@4:3", "broken", "g@5:3",
            "é@5:7", "h@5:10", "i@6:2", "j@6:5", "k@7:1", "b@2:9", "c@2:12",
        ]
        .map(str::to_owned)
        .into_iter()
        .collect::<Vec<_>>()
    );
    let toml = "a = \"é\" x\nb = \"é\"\n[c\nd = [\"é\", \"f\"]\n";
    let mut found = Vec::new();
    let tree = tree::read("a.toml", toml, &mut found).unwrap();
    let at: Vec<_> = found.iter().map(|one| (one.span.line, one.span.column)).collect();
    assert_eq!(at, [(1, 9), (3, 3)], "{found:?}");
    let mut places = Vec::new();
    walk(&tree, &mut places);
    assert_eq!(places, ["a@1:1", "broken", "b@2:1", "é@2:5", "c@3:2", "d@4:1", "é@4:6", "f@4:11"]);
}
