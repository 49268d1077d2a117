//! Progress for people, figures for the show.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is what this program is for")]

/// Says what is being done.
pub(crate) fn progress(text: &str) {
    eprintln!("{text}");
}

/// A figure, as `name: value`.
pub(crate) fn figure(name: &str, value: impl std::fmt::Display) {
    println!("{name}: {value}");
}

/// A step that holds or not, as a figure too; gives whether it holds.
pub(crate) fn step(name: &str, result: Result<(), String>) -> bool {
    match result {
        Ok(()) => {
            figure(name, "yes");
            true
        }
        Err(why) => {
            progress(&format!("{name}: {why}"));
            figure(name, "no");
            false
        }
    }
}
