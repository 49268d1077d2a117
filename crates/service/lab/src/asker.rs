//! Who has asked for something, hears of its progress, and may go away meanwhile.

use crate::LabError;
use crate::protocol::Event;
use netloom_sys::poll::{Interest, PollSet};
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::{Child, Output};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// How often it is looked whether the one who asked is still there.
const LOOK: Duration = Duration::from_millis(20);

/// Who has asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'a>(Option<&'a UnixStream>);

impl<'a> Asker<'a> {
    /// Whoever is at the other end, whose request has been read.
    pub(crate) fn at(stream: &'a UnixStream) -> Self {
        Self(Some(stream))
    }

    /// Nobody: the work is to be done whoever goes away.
    pub(crate) fn nobody() -> Self {
        Self(None)
    }

    /// Says what is being done; the work ends if nobody listens any more.
    pub(crate) fn tell(self, text: String) -> Result<(), LabError> {
        let Some(stream) = self.0 else { return Ok(()) };
        send(stream, &Event::Progress(text)).map_err(|_| LabError::Abandoned)
    }

    /// Fails if nobody listens any more.
    pub(crate) fn check(self) -> Result<(), LabError> {
        let Some(stream) = self.0 else { return Ok(()) };
        let mut set = PollSet::new();
        set.add(stream.as_fd(), Interest::Read);
        // Nothing more is said over it, so what can be read is its end.
        match set.wait(Some(Duration::ZERO)) {
            Ok(0) => Ok(()),
            Ok(_) | Err(_) => Err(LabError::Abandoned),
        }
    }

    /// Waits for a while between two looks at something.
    pub(crate) fn pause(self, time: Duration) -> Result<(), LabError> {
        self.check()?;
        std::thread::sleep(time);
        Ok(())
    }

    /// Waits for the end of a program; gives what it printed.
    pub(crate) fn wait_for(self, child: Child) -> Result<Output, LabError> {
        let (sender, receiver) = channel();
        let waiter = std::thread::Builder::new().name("waits".to_owned());
        waiter
            .spawn(move || sender.send(child.wait_with_output()))
            .map_err(|source| LabError::io("start a thread", source))?;
        loop {
            match receiver.recv_timeout(LOOK) {
                Ok(output) => {
                    return output.map_err(|source| LabError::io("wait for a program", source));
                }
                Err(RecvTimeoutError::Timeout) => self.check()?,
                Err(RecvTimeoutError::Disconnected) => {
                    let source = std::io::ErrorKind::BrokenPipe.into();
                    return Err(LabError::io("wait for a program", source));
                }
            }
        }
    }
}

/// Says one line.
pub(crate) fn send(stream: &UnixStream, event: &Event) -> std::io::Result<()> {
    let mut text = serde_json::to_string(event)?;
    text.push('\n');
    let mut stream = stream;
    stream.write_all(text.as_bytes())
}
