//! A disk in memory that can lose power: what was synced stays, of the rest some is written, some torn, and some lost.

use netloom_testkit::random_fabric::Dice;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a disk writes at once or not at all.
const SECTOR_BYTES: usize = 512;
/// `ENOSPC`.
const NO_SPACE: i32 = 28;

/// A disk. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What is read.
    seen: Vec<u8>,
    /// What was there at the last sync.
    synced: Vec<u8>,
    /// What was done since.
    since: Vec<Done>,
    /// So many more operations until the power goes; never, if there is none.
    left: Option<u64>,
    is_off: bool,
    /// How long the file can be.
    room: Option<Room>,
}

#[derive(Clone, Copy, Debug)]
struct Room {
    bytes: u64,
    /// A file is lengthened without asking for room, as file systems with holes do; writing fails then.
    has_holes: bool,
}

#[derive(Debug)]
enum Done {
    Write(u64, Vec<u8>),
    Length(u64),
}

impl Disk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The power goes after so many more writes, syncs and changes of length.
    pub fn cut_power_after(&self, operations: u64) {
        self.state().left = Some(operations);
    }

    /// Limits the file's length; with holes, writing fails rather than lengthening.
    pub fn limit(&self, bytes: u64, has_holes: bool) {
        self.state().room = Some(Room { bytes, has_holes });
    }

    /// Takes the limit away.
    pub fn make_room(&self) {
        self.state().room = None;
    }

    /// What is in the file.
    #[must_use]
    pub fn image(&self) -> Vec<u8> {
        self.state().seen.clone()
    }

    /// A disk with this in the file.
    #[must_use]
    pub fn of(image: Vec<u8>) -> Self {
        let state = State { seen: image.clone(), synced: image, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Whether the power has gone.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.state().is_off
    }

    /// The disk as it is found when power is back. Of what was not synced, each piece is kept, torn or lost as the dice say.
    #[must_use]
    pub fn after_power_cut(&self, dice: &mut Dice) -> Self {
        let state = self.state();
        let mut image = state.synced.clone();
        for done in &state.since {
            match (done, dice.below(3)) {
                (_, 0) => {}
                (Done::Write(offset, bytes), 1) => {
                    let mut at = 0;
                    for sector in sectors(*offset, bytes) {
                        if dice.one_in(2) {
                            write(&mut image, *offset as usize + at, sector);
                        }
                        at += sector.len();
                    }
                }
                (Done::Write(offset, bytes), _) => write(&mut image, *offset as usize, bytes),
                (Done::Length(bytes), _) => image.resize(*bytes as usize, 0),
            }
        }
        Self::of(image)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A write, cut where sectors of the disk begin.
fn sectors(offset: u64, bytes: &[u8]) -> Vec<&[u8]> {
    let first = SECTOR_BYTES - offset as usize % SECTOR_BYTES;
    let (first, rest) = bytes.split_at(first.min(bytes.len()));
    std::iter::once(first).chain(rest.chunks(SECTOR_BYTES)).collect()
}

fn write(image: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if image.len() < offset + bytes.len() {
        image.resize(offset + bytes.len(), 0);
    }
    image[offset..offset + bytes.len()].copy_from_slice(bytes);
}

impl State {
    /// Counts an operation. The one at which the power goes is begun and may be torn.
    fn count(&mut self) -> io::Result<()> {
        self.is_on()?;
        match &mut self.left {
            Some(0) => self.is_off = true,
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(())
    }

    fn is_on(&self) -> io::Result<()> {
        if self.is_off { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    fn is_beyond(&self, bytes: u64, is_lengthening: bool) -> bool {
        let refuses = |room: &Room| bytes > room.bytes && !(room.has_holes && is_lengthening);
        self.room.as_ref().is_some_and(refuses)
    }
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        let state = self.state();
        state.is_on()?;
        Ok(state.seen.len() as u64)
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let state = self.state();
        state.is_on()?;
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start.checked_add(len).ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(state.seen.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?.to_vec())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.is_on()?;
        if state.is_beyond(len, true) {
            return Err(io::Error::from_raw_os_error(NO_SPACE));
        }
        state.count()?;
        state.seen.resize(usize::try_from(len).map_err(io::Error::other)?, 0);
        state.since.push(Done::Length(len));
        Ok(())
    }

    fn sync_data(&self, _eventual: bool) -> io::Result<()> {
        let mut state = self.state();
        state.count()?;
        // The power goes while it is synced: what was done since is as uncertain as before.
        state.is_on()?;
        state.synced = state.seen.clone();
        state.since.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.is_on()?;
        if state.is_beyond(offset + data.len() as u64, false) {
            return Err(io::Error::from_raw_os_error(NO_SPACE));
        }
        state.count()?;
        write(&mut state.seen, usize::try_from(offset).map_err(io::Error::other)?, data);
        state.since.push(Done::Write(offset, data.to_vec()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::StorageBackend as _;

    #[test]
    fn what_was_synced_stays_and_the_rest_may_be_torn_by_sectors() {
        let (mut kept, mut lost, mut torn) = (0, 0, 0);
        for seed in 0..300 {
            let disk = Disk::new();
            disk.write(0, &[1; 3000]).unwrap();
            disk.sync_data(false).unwrap();
            disk.write(100, &[2; 2000]).unwrap();
            let after = disk.after_power_cut(&mut Dice::new(seed)).image();
            assert_eq!((&after[..100], &after[2100..]), (&[1; 100][..], &[1; 900][..]));
            let written = after[100..2100].iter().filter(|byte| **byte == 2).count();
            match written {
                0 => lost += 1,
                2000 => kept += 1,
                _ => torn += 1,
            }
            for sector in after[512..2048].chunks(SECTOR_BYTES) {
                assert!(sector.iter().all(|byte| *byte == sector[0]));
            }
        }
        assert!(kept > 50 && lost > 50 && torn > 50, "{kept} {lost} {torn}");
    }

    #[test]
    fn without_power_or_room_nothing_is_done() {
        let disk = Disk::new();
        disk.limit(1000, false);
        let full = disk.write(0, &[1; 1001]).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        assert_eq!(disk.set_len(1001).unwrap_err().kind(), io::ErrorKind::StorageFull);
        disk.limit(1000, true);
        disk.set_len(2000).unwrap();
        assert_eq!(disk.write(999, &[1; 2]).unwrap_err().kind(), io::ErrorKind::StorageFull);
        disk.make_room();
        disk.cut_power_after(1);
        disk.write(0, &[1; 10]).unwrap();
        assert!(!disk.is_off());
        assert!(disk.sync_data(false).is_err());
        assert!(disk.is_off() && disk.read(0, 1).is_err() && disk.write(0, &[1]).is_err());
    }
}
