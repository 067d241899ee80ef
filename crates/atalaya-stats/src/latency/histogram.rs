//! A histogram of latencies in logarithmic buckets: 16 KiB whatever the traffic, mergeable without loss.
//!
//! Every power of two is cut into 64 equal buckets, so that a bucket's middle is within [`RELATIVE_ERROR`] of
//! every value in it; the layout is the one of HdrHistogram (Tene 2012). Values below 128 µs are exact.

use super::LatencySummary;

/// Buckets per power of two, as a power of two.
const SUB_BITS: u32 = 6;
/// Buckets per power of two.
const SUB_BUCKETS: u64 = 1 << SUB_BITS;
/// Powers of two above the exact range: 30 of them reach 38 hours.
const OCTAVES: u64 = 30;
/// Number of buckets.
pub(super) const BUCKETS: usize = ((OCTAVES + 2) * SUB_BUCKETS) as usize;

/// Greatest latency told apart, in microseconds (38 hours); longer ones are counted as this.
pub const LARGEST_MICROS: u64 = (1 << (SUB_BITS as u64 + 1 + OCTAVES)) - 1;

/// A quantile differs from the exact one by at most this share of it.
pub const RELATIVE_ERROR: f64 = 1.0 / (2.0 * SUB_BUCKETS as f64);

/// Counts of latencies by bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatencyHistogram {
    counts: Vec<u64>,
    sum_micros: u64,
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS],
            sum_micros: 0,
        }
    }
}

impl LatencyHistogram {
    pub(super) fn from_parts(counts: Vec<u64>, sum_micros: u64) -> Self {
        Self { counts, sum_micros }
    }

    /// Counts one latency.
    pub fn record(&mut self, micros: u64) {
        let micros = micros.min(LARGEST_MICROS);
        self.counts[bucket_of(micros)] += 1;
        self.sum_micros = self.sum_micros.saturating_add(micros);
    }

    /// Adds another histogram's counts: the same as having recorded both streams here.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum_micros = self.sum_micros.saturating_add(other.sum_micros);
    }

    /// What was recorded after `earlier`, a former state of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let counts = self
            .counts
            .iter()
            .zip(&earlier.counts)
            .map(|(now, then)| now.saturating_sub(*then))
            .collect();
        Self {
            counts,
            sum_micros: self.sum_micros.saturating_sub(earlier.sum_micros),
        }
    }

    /// Number of latencies.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Sum of the latencies in microseconds, exact.
    #[must_use]
    pub fn sum_micros(&self) -> u64 {
        self.sum_micros
    }

    /// Number of latencies in buckets that end at or below `micros`, for cumulative (Prometheus) buckets: exact
    /// for bounds one below a power of two, otherwise short by at most one bucket.
    #[must_use]
    pub fn count_up_to(&self, micros: u64) -> u64 {
        self.counts
            .iter()
            .enumerate()
            .take_while(|(bucket, _)| bucket_end(*bucket) <= micros)
            .map(|(_, n)| n)
            .sum()
    }

    /// The quantile in microseconds, interpolated between neighbours as numpy does; within [`RELATIVE_ERROR`] of
    /// the exact one up to [`LARGEST_MICROS`]. `None` without latencies.
    #[must_use]
    pub fn quantile(&self, probability: f64) -> Option<f64> {
        let last = self.count().checked_sub(1)?;
        let position = probability.clamp(0.0, 1.0) * last as f64;
        let below = (position.floor() as u64).min(last);
        let (low, high) = (self.value_at(below), self.value_at((below + 1).min(last)));
        Some(low + (high - low) * (position - below as f64))
    }

    /// Mean and percentiles in microseconds; `None` without latencies.
    #[must_use]
    pub fn summary(&self) -> Option<LatencySummary> {
        let count = self.count();
        Some(LatencySummary {
            count,
            mean: self.sum_micros as f64 / count as f64,
            p50: self.quantile(0.5)?,
            p90: self.quantile(0.9)?,
            p95: self.quantile(0.95)?,
            p99: self.quantile(0.99)?,
        })
    }

    /// The middle of the bucket that holds the latency of that rank, counted from 0.
    fn value_at(&self, rank: u64) -> f64 {
        let mut passed = 0;
        let bucket = self.counts.iter().position(|count| {
            passed += count;
            passed > rank
        });
        let bucket = bucket.unwrap_or(BUCKETS - 1);
        f64::midpoint(bucket_start(bucket) as f64, bucket_end(bucket) as f64)
    }
}

/// The bucket of a latency of at most [`LARGEST_MICROS`].
pub(super) fn bucket_of(micros: u64) -> usize {
    let octave = micros.checked_ilog2().unwrap_or(0).saturating_sub(SUB_BITS);
    (u64::from(octave) * SUB_BUCKETS + (micros >> octave)) as usize
}

/// Least latency of a bucket.
fn bucket_start(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let octave = (bucket / SUB_BUCKETS).saturating_sub(1);
    (bucket - octave * SUB_BUCKETS) << octave
}

/// Greatest latency of a bucket.
fn bucket_end(bucket: usize) -> u64 {
    bucket_start(bucket + 1) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_tile_the_range() {
        assert_eq!(bucket_start(0), 0);
        for bucket in 0..BUCKETS {
            assert_eq!(bucket_of(bucket_start(bucket)), bucket);
            assert_eq!(bucket_of(bucket_end(bucket)), bucket);
        }
        assert_eq!(bucket_end(BUCKETS - 1), LARGEST_MICROS);
    }

    #[test]
    fn every_bucket_keeps_the_stated_error() {
        for bucket in 1..BUCKETS {
            let (start, end) = (bucket_start(bucket) as f64, bucket_end(bucket) as f64);
            assert!((end - start) / 2.0 <= RELATIVE_ERROR * start, "bucket {bucket}");
        }
    }

    #[test]
    fn too_long_is_counted_at_the_end() {
        let mut histogram = LatencyHistogram::default();
        histogram.record(u64::MAX);
        assert_eq!((histogram.count(), histogram.sum_micros()), (1, LARGEST_MICROS));
    }

    #[test]
    fn nothing_has_no_summary() {
        assert_eq!(LatencyHistogram::default().summary(), None);
    }

    #[test]
    fn cumulative_counts_and_differences() {
        let mut histogram = LatencyHistogram::default();
        for micros in [10, 500, 1023, 1024, 90_000] {
            histogram.record(micros);
        }
        let earlier = histogram.clone();
        assert_eq!(histogram.count_up_to(1023), 3);
        assert_eq!(histogram.count_up_to(LARGEST_MICROS), 5);
        histogram.record(77);
        let new = histogram.since(&earlier);
        assert_eq!((new.count(), new.sum_micros(), new.quantile(0.5)), (1, 77, Some(77.0)));
    }
}
