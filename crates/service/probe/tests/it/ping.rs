//! `ping` on loopback, where the host lets us.

use netloom_probe::ping::EchoOutcome;
use netloom_probe::{Family, PingError, PingOptions, ping};
use std::time::{Duration, Instant};

fn options(host: &str, family: Family) -> PingOptions {
    PingOptions {
        count: 3,
        interval: Duration::from_millis(20),
        timeout: Duration::from_secs(5),
        family: Some(family),
        ..PingOptions::new(host)
    }
}

#[test]
fn replies_are_timed_over_both_families() {
    for (host, family) in [("127.0.0.1", Family::V4), ("::1", Family::V6)] {
        let (start, mut seen) = (Instant::now(), Vec::new());
        let report = match ping(&options(host, family), &mut |echo| seen.push(echo.clone())) {
            Ok(report) => report,
            Err(error @ PingError::Socket(_)) => {
                // Without the right to ping, the error says how to get it.
                assert!(error.to_string().contains("ping_group_range"), "{error}");
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        assert_eq!((report.received(), seen.len()), (3, 3), "{report}");
        assert_eq!(report.echoes, seen);
        assert!(seen.iter().all(|echo| matches!(echo.outcome, EchoOutcome::Replied { .. })));
        assert!(start.elapsed() < Duration::from_secs(4), "it ends with the last reply");
    }
}

#[test]
fn silence_is_a_loss_after_the_timeout() {
    // A multicast address that nobody has joined: nobody replies, on any host.
    let mut options = options("224.0.0.213", Family::V4);
    options.timeout = Duration::from_millis(50);
    match ping(&options, &mut |_| {}) {
        Ok(report) => {
            assert!(!report.is_reached(), "{report}");
            assert_eq!(report.echoes.len(), 3);
        }
        Err(error) => assert!(matches!(error, PingError::Socket(_)), "{error}"),
    }
}
