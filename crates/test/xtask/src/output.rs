//! Writing to the terminal: a reader that has gone away ends the program quietly, not with a panic.

use std::io::Write as _;

/// Writes to standard output.
pub(crate) fn print(text: &str) {
    let mut stdout = std::io::stdout();
    if stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_err() {
        std::process::exit(1);
    }
}

/// Writes to standard error; there is nobody left to tell if that fails.
pub(crate) fn error(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Says what is done now.
pub(crate) fn progress(text: &str) {
    print(&format!("==> {text}\n"));
}
