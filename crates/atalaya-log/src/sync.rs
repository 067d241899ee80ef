//! Making records durable: the rounds of `fdatasync`, what happens when one fails, and how a log that refuses records
//! comes back. `run` is the background thread; a round can also be asked for by `Log::sync`.

use std::mem;
use std::sync::{Arc, PoisonError};

use crate::append::write_pending;
use crate::queue::deliver;
use crate::receipt::AppendError;
use crate::segment::SegmentName;
use crate::shared::{Shared, lock, refusal_for};
use crate::stats::Health;

/// One round: bring a refusing log back, write what is pending, sync what is written.
///
/// # Errors
/// Why accepted records are not on the device, or why none are accepted.
pub(crate) fn round(shared: &Shared) -> Result<(), AppendError> {
    let mut idle = lock(&shared.sync_turn);
    // Whoever wants a sync from here on may be too late for this round, and asks for the next.
    lock(&shared.queue).sync_wanted = false;
    heal(shared)?;
    write_pending(shared);
    let (target, frames) = {
        let mut queue = lock(&shared.queue);
        if queue.written_seq == queue.durable_seq || queue.must_rewrite {
            return refusal(queue.health);
        }
        let frames = mem::replace(&mut queue.unsynced, mem::take(&mut *idle));
        queue.in_sync_bytes = frames.len();
        (queue.written_seq, frames)
    };
    // A failed sync may have thrown the pages away, and the next would not say so: never ask that file again.
    match sync_dirty(shared) {
        Ok(()) => {
            let (deliveries, health) = {
                let mut queue = lock(&shared.queue);
                (queue.synced(target), queue.health)
            };
            deliver(deliveries);
            *idle = recycle(frames, shared.config.sync_bytes);
            refusal(health)
        }
        Err(()) => rewrite(shared, frames),
    }
}

/// Syncs every segment with unsynced frames, oldest first.
fn sync_dirty(shared: &Shared) -> Result<(), ()> {
    let dirty: Vec<(SegmentName, bool, Arc<_>)> = {
        let segments = lock(&shared.segments);
        let open = |name: &SegmentName| {
            Some((
                *name,
                segments.ledger.sealed(*name),
                Arc::clone(segments.files.get(name)?),
            ))
        };
        segments.dirty.iter().filter_map(open).collect()
    };
    if dirty.iter().any(|(_, _, file)| file.sync().is_err()) {
        return Err(());
    }
    let mut segments = lock(&shared.segments);
    // A segment that was still written to may have got frames since.
    for (name, _, _) in dirty.iter().filter(|(_, sealed, _)| *sealed) {
        segments.dirty.remove(name);
        segments.files.remove(name);
    }
    Ok(())
}

/// After a failed sync: everything that is not known to be on the device goes into a new segment.
fn rewrite(shared: &Shared, mut frames: Vec<u8>) -> Result<(), AppendError> {
    let mut queue = shared.claim_lead();
    frames.append(&mut queue.unsynced);
    let durable_seq = queue.durable_seq;
    drop(queue);
    {
        let mut segments = lock(&shared.segments);
        let poisoned = mem::take(&mut segments.dirty);
        segments.poisoned += poisoned.len() as u64;
        for name in poisoned {
            segments.files.remove(&name);
        }
    }
    try_rewrite(shared, frames, durable_seq)
}

/// Needs the lead.
fn try_rewrite(shared: &Shared, frames: Vec<u8>, durable_seq: u64) -> Result<(), AppendError> {
    let outcome = lock(&shared.writer).rewrite(shared, &frames, durable_seq);
    let mut queue = lock(&shared.queue);
    queue.in_sync_bytes = 0;
    queue.must_rewrite = outcome.is_err();
    let deliveries = match outcome {
        Ok(()) => {
            queue.health = Health::Up;
            let written = queue.written_seq;
            queue.synced(written)
        }
        Err(refusal) => {
            // They are acknowledged in `process` mode: keep them until a device takes them.
            queue.unsynced = frames;
            let mut deliveries = queue.not_durable(refusal);
            deliveries.append(&mut queue.refuse(refusal));
            deliveries
        }
    };
    shared.release_lead(queue, deliveries);
    outcome
}

/// Tries to accept records again.
fn heal(shared: &Shared) -> Result<(), AppendError> {
    {
        let queue = lock(&shared.queue);
        if queue.health == Health::Up || (queue.closed && !queue.must_rewrite) {
            return Ok(());
        }
    }
    let mut queue = shared.claim_lead();
    let (next_seq, durable_seq) = (queue.next_seq, queue.durable_seq);
    if queue.must_rewrite {
        let frames = mem::take(&mut queue.unsynced);
        queue.in_sync_bytes = frames.len();
        drop(queue);
        return try_rewrite(shared, frames, durable_seq);
    }
    drop(queue);
    let started = {
        let mut writer = lock(&shared.writer);
        writer.seal(shared);
        writer.start_segment(shared, next_seq)
    };
    let mut queue = lock(&shared.queue);
    let outcome = started.map_err(|error| refusal_for(&error));
    let deliveries = match outcome {
        Ok(()) => {
            queue.health = Health::Up;
            Vec::new()
        }
        Err(refusal) => queue.refuse(refusal),
    };
    shared.release_lead(queue, deliveries);
    outcome
}

fn refusal(health: Health) -> Result<(), AppendError> {
    match health {
        Health::Up | Health::Closed => Ok(()),
        Health::DiskFull => Err(AppendError::DiskFull),
        Health::Down => Err(AppendError::Down),
    }
}

/// The buffer for the round after the next; a burst must not keep its memory for ever.
fn recycle(mut frames: Vec<u8>, usual: usize) -> Vec<u8> {
    frames.clear();
    if frames.capacity() > usual.saturating_mul(4) {
        Vec::new()
    } else {
        frames
    }
}

/// The background thread: a round when somebody waits for one, when `sync_bytes` are unsynced, and `sync_every` after a
/// write. Errors are in the log's health and in the results of those who wait.
pub(crate) fn run(shared: &Shared) {
    loop {
        prepare_spare(shared);
        if !sleep(shared) {
            return;
        }
        // The outcome is in `health` and with the waiters; there is nobody else here to tell.
        let _told = round(shared);
    }
}

/// Keeps the next segment ready. Failing is early news of a full disk, not yet a reason to refuse records.
pub(crate) fn prepare_spare(shared: &Shared) {
    let spare = lock(&shared.writer).prepare_spare(shared);
    if spare.is_err() {
        lock(&shared.segments).failed_writes += 1;
    }
}

/// Sleeps until a round is due; false when the log is closing.
fn sleep(shared: &Shared) -> bool {
    let mut queue = lock(&shared.queue);
    loop {
        if queue.stop || queue.sync_wanted {
            return !queue.stop;
        }
        let idle = queue.written_seq == queue.durable_seq && queue.pending.frames.is_empty();
        let wait = match queue.health {
            Health::Up | Health::Closed if idle => None,
            Health::Up | Health::Closed => Some(shared.config.sync_every),
            Health::DiskFull | Health::Down => Some(shared.config.heal_every),
        };
        match wait {
            None => {
                queue.syncer_sleeps = true;
                queue = shared.wake_syncer.wait(queue).unwrap_or_else(PoisonError::into_inner);
                queue.syncer_sleeps = false;
            }
            Some(wait) => {
                let (guard, timeout) = shared
                    .wake_syncer
                    .wait_timeout(queue, wait)
                    .unwrap_or_else(PoisonError::into_inner);
                queue = guard;
                if timeout.timed_out() {
                    return !queue.stop;
                }
            }
        }
    }
}
