//! Values and names: empty, small, large, and those that cannot be stored.

use super::{Case, delete, put, same, text};
use crate::place::Place;
use anyhow::{Context as _, ensure};
use netloom_store::chunk::CHUNK_BYTES_MAX;
use netloom_store::{CommitError, InputError, SECTIONS_MAX, VALUE_BYTES_MAX};

pub(super) const CASES: &[Case] = &[
    Case { name: "an empty store is one", run: empty_store },
    Case { name: "values are read as they were written", run: read_back },
    Case { name: "large values are read as they were written", run: large_values },
    Case { name: "names are listed in order", run: listed_in_order },
    Case { name: "what cannot be stored is refused", run: refused },
];

fn empty_store(place: &Place) -> anyhow::Result<()> {
    let store = place.store()?;
    let empty = store.snapshot()?;
    same!(empty.version(), 0);
    same!(empty.names(), 0);
    same!(empty.list("")?, Vec::<String>::new());
    for name in ["a/b", "a", "", "/", "a/"] {
        same!(empty.get(name)?, None, "{name}");
    }
    same!(empty.verify()?.names, 0);
    // Opened again, it is the same.
    same!(place.store()?.snapshot()?.root(), empty.root());
    let same = store.commit(&empty, Vec::new())?;
    same!(same.version(), 0, "a commit without changes");
    let same = store.commit(&empty, vec![delete("a/b")])?;
    same!(same.version(), 0, "a commit that deletes what is not there");
    Ok(())
}

fn read_back(place: &Place) -> anyhow::Result<()> {
    let store = place.store()?;
    let empty = store.snapshot()?;
    let longest = format!("{}/{}", "s".repeat(64), "n".repeat(447));
    let values: [(&str, &[u8]); 5] = [
        ("a/empty", b""),
        ("a/zero", b"\0"),
        ("ü/ö/ä", "ß".as_bytes()),
        (&longest, b"longest name"),
        ("a/not text", &[0xff, 0xfe, 0]),
    ];
    let changes = values.iter().map(|(name, value)| put(*name, *value)).collect();
    let first = store.commit(&empty, changes)?;
    same!(first.version(), 1);
    for snapshot in [&first, &store.snapshot()?, &place.store()?.snapshot()?] {
        same!(snapshot.root(), first.root());
        for (name, value) in values {
            let found = snapshot.get(name)?;
            same!(found.as_deref(), Some(value), "{name}");
        }
        same!(snapshot.names(), 5);
        same!(snapshot.verify()?.names, 5);
    }
    // Of several changes of one name the last counts; a value that it has already changes nothing.
    let changes =
        vec![put("a/zero", "1"), delete("a/zero"), put("a/zero", "2"), put("a/empty", "")];
    let second = store.commit(&first, changes)?;
    same!(text(&second, "a/zero")?, Some("2".to_owned()));
    same!(second.changed_since(&first)?, ["a/zero"]);
    let third = store.commit(&second, vec![put("a/zero", "2")])?;
    same!(third.version(), 2);
    Ok(())
}

fn large_values(place: &Place) -> anyhow::Result<()> {
    let store = place.store()?;
    let mut snapshot = store.snapshot()?;
    let value = |bytes: usize, start: usize| -> Vec<u8> {
        // The period is prime, so chunks differ.
        (start..start + bytes).map(|at| (at % 65_521 % 256) as u8).collect()
    };
    let lengths = [
        CHUNK_BYTES_MAX - 1,
        CHUNK_BYTES_MAX,
        CHUNK_BYTES_MAX + 1,
        4 * CHUNK_BYTES_MAX,
        4 * CHUNK_BYTES_MAX + 1,
        place.large_bytes,
    ];
    for (index, bytes) in lengths.into_iter().enumerate() {
        let name = format!("large/{index}");
        snapshot = store.commit(&snapshot, vec![put(&name, value(bytes, index))])?;
        let found = place.store()?.snapshot()?.get(&name)?.context("it is gone")?;
        ensure!(found == value(bytes, index), "{bytes} bytes differ");
    }
    // All at once, and equal ones.
    let changes = (0..6).map(|index| put(format!("again/{index}"), value(700_000, index % 2)));
    snapshot = store.commit(&snapshot, changes.collect())?;
    for (index, (name, found)) in snapshot.values("again/")?.into_iter().enumerate() {
        ensure!(found == value(700_000, index % 2), "{name} differs");
    }
    let all: usize = lengths.iter().sum::<usize>() + 6 * 700_000;
    same!(snapshot.verify()?.bytes, all as u64);
    Ok(())
}

fn listed_in_order(place: &Place) -> anyhow::Result<()> {
    let store = place.store()?;
    let empty = store.snapshot()?;
    // `.` and `-` come before `/`, so sections and names are in different orders.
    let names = ["a-b/x", "a.b/y", "a/b/c", "a/b/d", "a/ba", "ab/z"];
    let snapshot =
        store.commit(&empty, names.iter().rev().map(|name| put(*name, *name)).collect())?;
    for (prefix, expected) in [
        ("", &names[..]),
        ("a", &names[..]),
        ("a/", &["a/b/c", "a/b/d", "a/ba"]),
        ("a/b", &["a/b/c", "a/b/d", "a/ba"]),
        ("a/b/", &["a/b/c", "a/b/d"]),
        ("a/b/c", &["a/b/c"]),
        ("a/b/cc", &[]),
        ("a.", &["a.b/y"]),
        ("b", &[]),
        ("/", &[]),
    ] {
        same!(snapshot.list(prefix)?, expected, "prefix {prefix:?}");
        let values = snapshot.values(prefix)?;
        let values: Vec<String> =
            values.iter().map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect();
        same!(values, expected, "values of {prefix:?}");
    }
    Ok(())
}

fn refused(place: &Place) -> anyhow::Result<()> {
    let store = place.store()?;
    let first = store.commit(&store.snapshot()?, vec![put("a/b", "kept")])?;
    for name in ["", "a", "/b", "a/", "a/\0", &"x".repeat(70), &format!("a/{}", "x".repeat(511))] {
        let refused = store.commit(&first, vec![put("a/b", "lost"), put(name, "")]);
        let is_right = matches!(refused, Err(CommitError::Input(InputError::Name { .. })));
        ensure!(is_right, "{name:?}: {refused:?}");
    }
    let refused = store.commit(&first, vec![put("a/large", vec![0; VALUE_BYTES_MAX + 1])]);
    let is_right = matches!(refused, Err(CommitError::Input(InputError::ValueTooLarge { .. })));
    ensure!(is_right, "a value that is too long: {refused:?}");
    let sections = (0..SECTIONS_MAX).map(|number| put(format!("s{number}/x"), "y")).collect();
    let refused = store.commit(&first, sections);
    let is_right = matches!(refused, Err(CommitError::Input(InputError::TooManySections { .. })));
    ensure!(is_right, "too many sections: {refused:?}");
    let after = store.snapshot()?;
    same!(after.root(), first.root());
    same!(text(&after, "a/b")?, Some("kept".to_owned()));
    Ok(())
}
