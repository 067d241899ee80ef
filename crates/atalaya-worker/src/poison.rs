//! Batches that ended workers, by hash: after two deaths the same batch is refused for a while. Pure: time is an argument.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// SHA-256 of method, parameters and batch.
pub(crate) type PayloadHash = [u8; 32];

/// Workers that one batch may end.
const MOST_DEATHS: u32 = 2;
/// How long a batch is remembered after its last death.
const MEMORY: Duration = Duration::from_secs(600);
/// Batches that are remembered; the oldest goes first.
const MOST_ENTRIES: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct PoisonTable {
    entries: HashMap<PayloadHash, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    deaths: u32,
    last: Instant,
}

impl PoisonTable {
    /// The deaths of a batch that is to be refused.
    pub(crate) fn refused(&self, hash: &PayloadHash, now: Instant) -> Option<u32> {
        self.fresh(hash, now)
            .map(|entry| entry.deaths)
            .filter(|deaths| *deaths >= MOST_DEATHS)
    }

    /// Whether a batch should be alone in a worker: it was there when one died.
    pub(crate) fn suspect(&self, hash: &PayloadHash, now: Instant) -> bool {
        self.fresh(hash, now).is_some()
    }

    /// Notes that a worker died with the batch in it. Only one that was `alone` is known to be the reason. Its deaths, when
    /// it is refused from now on.
    pub(crate) fn died(&mut self, hash: PayloadHash, alone: bool, now: Instant) -> Option<u32> {
        self.entries
            .retain(|_, entry| now.saturating_duration_since(entry.last) <= MEMORY);
        if self.entries.len() >= MOST_ENTRIES && !self.entries.contains_key(&hash) {
            let oldest = self
                .entries
                .iter()
                .min_by_key(|(_, entry)| entry.last)
                .map(|(hash, _)| *hash);
            oldest.map(|oldest| self.entries.remove(&oldest));
        }
        let entry = self.entries.entry(hash).or_insert(Entry { deaths: 0, last: now });
        entry.deaths += u32::from(alone);
        entry.last = now;
        (alone && entry.deaths == MOST_DEATHS).then_some(entry.deaths)
    }

    /// Forgets a batch that was answered.
    pub(crate) fn answered(&mut self, hash: &PayloadHash) {
        self.entries.remove(hash);
    }

    fn fresh(&self, hash: &PayloadHash, now: Instant) -> Option<&Entry> {
        let entry = self.entries.get(hash)?;
        (now.saturating_duration_since(entry.last) <= MEMORY).then_some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_deaths_alone_are_poison_for_ten_minutes() {
        let (mut table, now, hash) = (PoisonTable::default(), Instant::now(), [1; 32]);
        assert_eq!(table.died(hash, true, now), None);
        assert_eq!(table.refused(&hash, now), None);
        assert_eq!(table.died(hash, true, now), Some(2));
        assert_eq!(table.refused(&hash, now), Some(2));
        assert_eq!(table.refused(&[2; 32], now), None);
        assert_eq!(table.refused(&hash, now + MEMORY + Duration::from_secs(1)), None);
    }

    #[test]
    fn a_batch_among_others_is_only_a_suspect() {
        let (mut table, now, hash) = (PoisonTable::default(), Instant::now(), [1; 32]);
        for _ in 0..5 {
            assert_eq!(table.died(hash, false, now), None);
        }
        assert_eq!((table.refused(&hash, now), table.suspect(&hash, now)), (None, true));
        table.answered(&hash);
        assert!(!table.suspect(&hash, now));
    }

    #[test]
    fn the_table_is_bounded() {
        let (mut table, now) = (PoisonTable::default(), Instant::now());
        for number in 0..(MOST_ENTRIES as u64 + 10) {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&number.to_le_bytes());
            table.died(hash, true, now + Duration::from_millis(number));
        }
        assert_eq!(table.entries.len(), MOST_ENTRIES);
        assert!(!table.suspect(&[0; 32], now), "the oldest went first");
    }
}
