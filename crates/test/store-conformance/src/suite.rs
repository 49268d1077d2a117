//! The conformance suite: what every backend must do, each case on a place that is empty at first.

mod changes;
mod commits;
mod garbage;
pub mod model;
mod values;
mod writers;

use crate::place::Place;
use netloom_store::{Change, Snapshot};

/// One case.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What holds.
    pub name: &'static str,
    /// Tries it; an error says what does not hold.
    pub run: fn(&Place) -> anyhow::Result<()>,
}

/// All cases.
#[must_use]
pub fn cases() -> Vec<Case> {
    let parts = [
        values::CASES,
        commits::CASES,
        changes::CASES,
        writers::CASES,
        garbage::CASES,
        model::CASES,
    ];
    parts.concat()
}

/// Runs all cases, each on a place of its own; gives how many hold, and those that do not with the reason.
///
/// # Errors
/// There is no place.
pub fn run(
    mut place: impl FnMut() -> anyhow::Result<Place>,
    mut each: impl FnMut(&'static str),
) -> anyhow::Result<(u64, Vec<String>)> {
    let (mut passed, mut failed) = (0, Vec::new());
    for Case { name, run } in cases() {
        each(name);
        let place = place()?;
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&place)));
        match tried {
            Ok(Ok(())) => passed += 1,
            Ok(Err(error)) => failed.push(format!("{name}: {error:#}")),
            Err(_) => failed.push(format!("{name}: it ended with a panic, as said above")),
        }
    }
    Ok((passed, failed))
}

/// Gives a name a value.
#[must_use]
pub fn put(name: impl Into<String>, value: impl Into<Vec<u8>>) -> Change {
    Change::Put { name: name.into(), value: value.into() }
}

/// Removes a name.
#[must_use]
pub fn delete(name: impl Into<String>) -> Change {
    Change::Delete { name: name.into() }
}

/// A value as text, for comparisons that read well.
fn text(snapshot: &Snapshot, name: &str) -> anyhow::Result<Option<String>> {
    Ok(snapshot.get(name)?.map(|value| String::from_utf8_lossy(&value).into_owned()))
}

/// Fails unless both are equal, and shows both.
macro_rules! same {
    ($left:expr, $right:expr $(, $($words:tt)+)?) => {{
        let (left, right) = (&$left, &$right);
        if *left != *right {
            #[allow(unused_mut, unused_assignments, reason = "there are words, or there are none")]
            let mut words = String::new();
            $(words = format!("{}: ", format_args!($($words)+));)?
            anyhow::bail!("{words}{} is {left:?}, expected {right:?}", stringify!($left));
        }
    }};
}
pub(crate) use same;
