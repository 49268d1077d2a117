//! When a certificate is to be renewed: after two thirds of its life, long before it ends.

use crate::certificate::{BACKDATE, Validity};
use netloom_base::WallTime;

/// What is to be done about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// Nothing before this time.
    Later(WallTime),
    /// It is to be renewed; it is valid still.
    Due,
    /// It is not valid any more; control renews it as long as its grace lasts.
    Expired,
}

/// What is to be done at `now`. A clock that shows less than the certificate's start is behind, so
/// it decides nothing: the start is then taken for the time.
pub fn renewal(validity: &Validity, now: WallTime) -> Renewal {
    let now = now.max(validity.start);
    let due = renew_at(validity);
    if now > validity.end {
        Renewal::Expired
    } else if now >= due {
        Renewal::Due
    } else {
        Renewal::Later(due)
    }
}

/// Two thirds of the way from when the certificate was made to its end.
pub fn renew_at(validity: &Validity) -> WallTime {
    let backdate = u64::try_from(BACKDATE.as_nanos()).expect("an hour");
    let made = validity.start.0.saturating_add(backdate).min(validity.end.0);
    WallTime(made + (validity.end.0 - made) / 3 * 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_thirds_of_a_day_is_sixteen_hours() {
        let made = 1_000_000;
        let hours = |hours: u64| WallTime::from_secs(made + hours * 3600);
        let validity = Validity { start: WallTime::from_secs(made - 3600), end: hours(24) };
        assert_eq!(renew_at(&validity), hours(16));
        assert_eq!(renewal(&validity, hours(0)), Renewal::Later(hours(16)));
        assert_eq!(renewal(&validity, WallTime(hours(16).0 - 1)), Renewal::Later(hours(16)));
        assert_eq!(renewal(&validity, hours(16)), Renewal::Due);
        assert_eq!(renewal(&validity, hours(24)), Renewal::Due);
        assert_eq!(renewal(&validity, WallTime(hours(24).0 + 1)), Renewal::Expired);
        // A board that has just started, in 1970.
        assert_eq!(renewal(&validity, WallTime(0)), Renewal::Later(hours(16)));
    }

    #[test]
    fn very_short_lives_end_without_wonders() {
        let validity = Validity { start: WallTime::from_secs(10), end: WallTime::from_secs(20) };
        assert_eq!(renew_at(&validity), validity.end);
        let validity = Validity { start: WallTime(u64::MAX), end: WallTime(u64::MAX) };
        assert_eq!(renewal(&validity, WallTime(0)), Renewal::Due);
    }
}
