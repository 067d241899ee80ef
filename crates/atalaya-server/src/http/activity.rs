//! How long a connection has had no request in work: one clock reading a request, instead of a timer for each head.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What one connection is doing.
#[derive(Debug)]
pub(crate) struct Activity {
    opened: Instant,
    in_work: AtomicU32,
    /// When the last request was answered, in microseconds since `opened`.
    answered_us: AtomicU64,
}

impl Activity {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            in_work: AtomicU32::new(0),
            answered_us: AtomicU64::new(0),
        })
    }

    /// A request is in work until the guard is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> InWork {
        self.in_work.fetch_add(1, Ordering::Relaxed);
        InWork(Arc::clone(self))
    }

    /// How long no request has been in work; zero while one is.
    pub(crate) fn idle(&self) -> Duration {
        if self.in_work.load(Ordering::Relaxed) > 0 {
            return Duration::ZERO;
        }
        let answered = Duration::from_micros(self.answered_us.load(Ordering::Relaxed));
        self.opened.elapsed().saturating_sub(answered)
    }
}

/// A request in work.
#[derive(Debug)]
pub(crate) struct InWork(Arc<Activity>);

impl Drop for InWork {
    fn drop(&mut self) {
        let now = u64::try_from(self.0.opened.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.0.answered_us.store(now, Ordering::Relaxed);
        self.0.in_work.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_idles_only_between_requests() {
        let opened = Instant::now()
            .checked_sub(Duration::from_secs(100))
            .expect("an instant");
        let activity = Arc::new(Activity {
            opened,
            in_work: AtomicU32::new(0),
            answered_us: AtomicU64::new(0),
        });
        assert!(activity.idle() >= Duration::from_secs(100), "nothing was asked yet");
        let (first, second) = (activity.begin(), activity.begin());
        drop(first);
        assert_eq!(activity.idle(), Duration::ZERO);
        drop(second);
        assert!(
            activity.idle() < Duration::from_secs(50),
            "time before the answer does not count"
        );
    }
}
