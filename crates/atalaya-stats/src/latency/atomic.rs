//! The latency histogram that many threads write at once, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

use super::histogram::{BUCKETS, LARGEST_MICROS, LatencyHistogram, bucket_of};

/// A [`LatencyHistogram`] behind atomics: recording is two relaxed additions.
#[derive(Debug)]
pub struct AtomicLatencyHistogram {
    counts: Box<[AtomicU64]>,
    sum_micros: AtomicU64,
}

impl Default for AtomicLatencyHistogram {
    fn default() -> Self {
        Self {
            counts: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            sum_micros: AtomicU64::new(0),
        }
    }
}

impl AtomicLatencyHistogram {
    /// Counts one latency.
    pub fn record(&self, micros: u64) {
        let micros = micros.min(LARGEST_MICROS);
        self.counts[bucket_of(micros)].fetch_add(1, Ordering::Relaxed);
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// The counts so far. A latency recorded at the same moment may be in the sum and not yet in its bucket, or
    /// the reverse; none is lost, and none is counted twice.
    #[must_use]
    pub fn snapshot(&self) -> LatencyHistogram {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        LatencyHistogram::from_parts(counts, self.sum_micros.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_lose_nothing() {
        let shared = AtomicLatencyHistogram::default();
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                let shared = &shared;
                scope.spawn(move || (0..1000).for_each(|i| shared.record(thread * 1000 + i)));
            }
        });
        let mut alone = LatencyHistogram::default();
        (0..4000).for_each(|micros| alone.record(micros));
        assert_eq!(shared.snapshot(), alone);
    }
}
