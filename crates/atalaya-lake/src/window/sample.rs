//! A bounded, uniform, repeatable sample of a stream of rows, in one pass.

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};

use crate::error::LakeError;

/// A uniform sample of at most `limit` rows: those with the smallest hashes.
pub(super) struct Sample {
    limit: usize,
    /// Rows pushed so far.
    pub(super) seen: u64,
    below: u64,
    kept: Vec<(RecordBatch, Vec<u64>)>,
    rows: usize,
}

impl Sample {
    /// An empty sample.
    pub(super) fn new(limit: usize) -> Self {
        Sample {
            limit,
            seen: 0,
            below: u64::MAX,
            kept: Vec::new(),
            rows: 0,
        }
    }

    /// Takes in a batch with a hash for each row.
    pub(super) fn push(&mut self, batch: RecordBatch, hashes: Vec<u64>) -> Result<(), LakeError> {
        self.seen += batch.num_rows() as u64;
        if let Some((batch, hashes)) = keep_below(batch, hashes, self.below)? {
            self.rows += batch.num_rows();
            self.kept.push((batch, hashes));
        }
        // Twice the bound before shrinking: each shrink then halves what was read since the last.
        if self.rows > self.limit.saturating_mul(2) {
            self.shrink()
        } else {
            Ok(())
        }
    }

    fn shrink(&mut self) -> Result<(), LakeError> {
        if self.rows <= self.limit {
            return Ok(());
        }
        let mut all: Vec<u64> = self
            .kept
            .iter()
            .flat_map(|(_, hashes)| hashes.iter().copied())
            .collect();
        let (_, bound, _) = all.select_nth_unstable(self.limit);
        self.below = *bound;
        let mut kept = Vec::with_capacity(self.kept.len());
        for (batch, hashes) in self.kept.drain(..) {
            kept.extend(keep_below(batch, hashes, self.below)?);
        }
        self.rows = kept.iter().map(|(batch, _)| batch.num_rows()).sum();
        self.kept = kept;
        Ok(())
    }

    /// The sample in the order of reading; `None` when there was no batch at all.
    pub(super) fn finish(mut self) -> Result<Option<RecordBatch>, LakeError> {
        self.shrink()?;
        let Some((first, _)) = self.kept.first() else {
            return Ok(None);
        };
        Ok(Some(concat_batches(
            first.schema_ref(),
            self.kept.iter().map(|(batch, _)| batch),
        )?))
    }
}

fn keep_below(batch: RecordBatch, hashes: Vec<u64>, below: u64) -> Result<Option<(RecordBatch, Vec<u64>)>, LakeError> {
    if below == u64::MAX {
        return Ok((batch.num_rows() > 0).then_some((batch, hashes)));
    }
    let chosen: BooleanArray = hashes.iter().map(|&hash| Some(hash < below)).collect();
    let batch = filter_record_batch(&batch, &chosen)?;
    let hashes = hashes.into_iter().filter(|&hash| hash < below).collect();
    Ok((batch.num_rows() > 0).then_some((batch, hashes)))
}

/// FNV-1a, then the finaliser of SplitMix64: request ids differ in few bits, and order decides here.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let fnv = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (fnv ^ (fnv >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, AsArray as _};
    use arrow::datatypes::Int64Type;

    use super::*;

    #[test]
    fn a_sample_is_bounded_uniform_and_the_same_in_any_order() {
        let batches: Vec<RecordBatch> = (0..50)
            .map(|part| {
                let ids: Vec<i64> = (part * 100..part * 100 + 100).collect();
                RecordBatch::try_from_iter([("id", Arc::new(arrow::array::Int64Array::from(ids)) as ArrayRef)]).unwrap()
            })
            .collect();
        let draw = |batches: &mut dyn Iterator<Item = &RecordBatch>| {
            let mut sample = Sample::new(1000);
            for batch in batches {
                let ids = batch.column(0).as_primitive::<Int64Type>();
                sample
                    .push(
                        batch.clone(),
                        ids.values().iter().map(|id| hash(&id.to_le_bytes())).collect(),
                    )
                    .unwrap();
            }
            assert_eq!(sample.seen, 5000);
            let sampled = sample.finish().unwrap().unwrap();
            let mut ids: Vec<i64> = sampled.column(0).as_primitive::<Int64Type>().values().to_vec();
            ids.sort_unstable();
            ids
        };
        let forward = draw(&mut batches.iter());
        assert_eq!(forward.len(), 1000);
        assert_eq!(forward, draw(&mut batches.iter().rev()));
        let lower = forward.iter().filter(|&&id| id < 2500).count();
        assert!((440..560).contains(&lower), "{lower} of 1000 from the lower half");
    }
}
