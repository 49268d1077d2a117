//! The wall clock as far as certificates are concerned: it may stand wrong, but not before what is known.

use netloom_base::WallTime;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds of a day.
const DAY_SECONDS: u64 = 86_400;

/// A wall clock with a floor: the newest time that control is known to have signed. A board
/// without a battery starts in 1970, and would take every certificate for one of the future.
///
/// Clones share the floor.
#[derive(Clone)]
pub struct Clock {
    read: Arc<dyn Fn() -> WallTime + Send + Sync>,
    floor: Arc<AtomicU64>,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::reading(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            WallTime(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
        })
    }

    /// A clock that is read otherwise.
    pub fn reading(read: impl Fn() -> WallTime + Send + Sync + 'static) -> Self {
        Self { read: Arc::new(read), floor: Arc::default() }
    }

    /// It is at least that late. The floor never goes down.
    pub fn raise_floor(&self, floor: WallTime) {
        self.floor.fetch_max(floor.0, Ordering::Relaxed);
    }

    /// The time, or the floor if that is later.
    pub fn now(&self) -> WallTime {
        WallTime((self.read)().0.max(self.floor.load(Ordering::Relaxed)))
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_nanos(self.now().0)))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", utc(self.now()))
    }
}

/// Whole seconds since 1970.
pub(crate) fn seconds(time: WallTime) -> u64 {
    time.0 / 1_000_000_000
}

/// A time as people read it, in UTC.
pub fn utc(time: WallTime) -> String {
    let seconds = seconds(time);
    let (year, month, day) = date(seconds / DAY_SECONDS);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Year, month and day, of days since 1970 (proleptic Gregorian). The year begins in March, so
/// that the day that some years lack is the last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + DAYS_TO_1970;
    let (era, day) = (days / ERA_DAYS, days % ERA_DAYS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day_of_month)
}

/// Days of 400 years.
const ERA_DAYS: u64 = 146_097;
/// Days from March of the year 0 to 1970.
const DAYS_TO_1970: u64 = 719_468;

/// Seconds since 1970 of a time of the calendar, in UTC; nothing if there is no such time.
pub(crate) fn seconds_of([year, month, day, hour, minute, second]: [u64; 6]) -> Option<u64> {
    let is_time = (1970..10_000).contains(&year) && hour < 24 && minute < 60 && second < 60;
    if !is_time || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (from_march, shift) = if month > 2 { (month - 3, 0) } else { (month + 9, 1) };
    let (era, year_of_era) = ((year - shift) / 400, (year - shift) % 400);
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * ERA_DAYS + day_of_era - DAYS_TO_1970;
    let exists = date(days) == (year, month, day);
    exists.then_some(days * DAY_SECONDS + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_only_rises_and_is_shared() {
        let clock = Clock::reading(|| WallTime::from_secs(100));
        let other = clock.clone();
        assert_eq!(clock.now(), WallTime::from_secs(100));
        other.raise_floor(WallTime::from_secs(50));
        assert_eq!(clock.now(), WallTime::from_secs(100));
        other.raise_floor(WallTime::from_secs(200));
        other.raise_floor(WallTime::from_secs(150));
        assert_eq!(clock.now(), WallTime::from_secs(200));
        assert_eq!(clock.current_time().map(|time| time.as_secs()), Some(200));
    }

    #[test]
    fn times_are_written_and_read_by_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_767_225_599, "2025-12-31 23:59:59 UTC"),
            (4_107_542_399, "2100-02-28 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(WallTime::from_secs(seconds)), text);
            let numbers: Vec<u64> = text
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|number| number.parse().ok())
                .collect();
            assert_eq!(seconds_of(numbers.try_into().unwrap()), Some(seconds), "{text}");
        }
        for wrong in [
            [2001, 2, 29, 0, 0, 0],
            [2000, 13, 1, 0, 0, 0],
            [2000, 0, 1, 0, 0, 0],
            [2000, 1, 0, 0, 0, 0],
            [2000, 1, 1, 24, 0, 0],
            [2000, 1, 1, 0, 60, 0],
            [1969, 12, 31, 0, 0, 0],
            [10_000, 1, 1, 0, 0, 0],
        ] {
            assert_eq!(seconds_of(wrong), None, "{wrong:?}");
        }
    }
}
