//! The pace of requests to each host: a fixed distance between two, a bound on how many run at
//! once, a pause where the host asks for one, and an end when it keeps failing.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A host that asks for a longer wait is not asked any more.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Failures in a row after which a host is not asked any more.
const GIVE_UP: usize = 20;
/// How often a wait looks whether the user stopped the run.
const LOOK: Duration = Duration::from_millis(50);

/// The pace of all hosts of a run.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    at_once: usize,
    hosts: Mutex<HashMap<String, Host>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Host {
    next: Instant,
    running: usize,
    failures: usize,
    /// The wait it asked for, where that is longer than anyone waits.
    closed: Option<Duration>,
}

/// Why a request may not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The user stopped the run.
    Stopped,
    /// The host failed too often.
    GivenUp,
    /// The host asked for a wait of this length.
    Closed(Duration),
}

impl Pace {
    /// `rate` requests a second and `at_once` at the same time, for each host.
    pub fn new(rate: f64, at_once: usize) -> Self {
        Self {
            interval: Duration::from_secs_f64(1.0 / rate),
            at_once,
            hosts: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a request to `host` may start. [`Pace::leave`] must follow.
    ///
    /// # Errors
    /// [`Refused`]; the request must not start.
    pub fn enter(&self, host: &str, stop: &dyn Fn() -> bool) -> Result<(), Refused> {
        let mut hosts = self.lock();
        loop {
            if stop() {
                return Err(Refused::Stopped);
            }
            let now = Instant::now();
            let new = Host { next: now, running: 0, failures: 0, closed: None };
            let own = hosts.entry(host.to_owned()).or_insert(new);
            if let Some(wait) = own.closed {
                return Err(Refused::Closed(wait));
            }
            if own.failures >= GIVE_UP {
                return Err(Refused::GivenUp);
            }
            if own.running < self.at_once && own.next <= now {
                own.running += 1;
                own.next = now + self.interval;
                return Ok(());
            }
            let wait =
                own.next.saturating_duration_since(now).clamp(Duration::from_millis(1), LOOK);
            let waited = self.changed.wait_timeout(hosts, wait);
            hosts = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A request that entered is done; `failed` when it says nothing about the key.
    pub fn leave(&self, host: &str, failed: bool) {
        if let Some(own) = self.lock().get_mut(host) {
            own.running -= 1;
            own.failures = if failed { own.failures + 1 } else { 0 };
        }
        self.changed.notify_all();
    }

    /// No request to `host` starts for `pause`, or for [`PATIENCE`] where that is shorter.
    pub fn pause(&self, host: &str, pause: Duration) {
        if let Some(own) = self.lock().get_mut(host) {
            own.next = own.next.max(Instant::now() + pause.min(PATIENCE));
        }
    }

    /// No request to `host` starts any more, because it asked for a wait of this length.
    pub fn close(&self, host: &str, wait: Duration) {
        if let Some(own) = self.lock().get_mut(host) {
            own.closed = Some(wait);
        }
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_keep_their_distance() {
        let pace = Pace::new(100.0, 4);
        let start = Instant::now();
        for _ in 0..11 {
            pace.enter("a", &|| false).unwrap();
            pace.leave("a", false);
        }
        assert!(start.elapsed() >= Duration::from_millis(100));
        // Another host has its own pace.
        pace.enter("b", &|| false).unwrap();
    }

    #[test]
    fn only_so_many_run_at_once_and_a_stop_ends_the_wait() {
        let pace = Pace::new(1e6, 2);
        pace.enter("a", &|| false).unwrap();
        pace.enter("a", &|| false).unwrap();
        let start = Instant::now();
        let stop = || start.elapsed() > Duration::from_millis(30);
        assert_eq!(pace.enter("a", &stop), Err(Refused::Stopped));
        pace.leave("a", false);
        assert_eq!(pace.enter("a", &|| false), Ok(()));
    }

    #[test]
    fn a_host_that_keeps_failing_is_left_alone() {
        let pace = Pace::new(1e6, 2);
        for _ in 0..GIVE_UP {
            pace.enter("a", &|| false).unwrap();
            pace.leave("a", true);
        }
        assert_eq!(pace.enter("a", &|| false), Err(Refused::GivenUp));
    }

    #[test]
    fn a_host_that_asks_for_a_long_wait_is_left_alone() {
        let pace = Pace::new(1e6, 2);
        pace.enter("a", &|| false).unwrap();
        pace.close("a", Duration::from_secs(3600));
        pace.leave("a", true);
        assert_eq!(pace.enter("a", &|| false), Err(Refused::Closed(Duration::from_secs(3600))));
        pace.enter("b", &|| false).unwrap();
    }
}
