//! Taking records in. Whoever finds nobody writing becomes the leader and writes everything that is pending with one
//! call; whoever comes meanwhile follows, and one of them leads next. A lone caller needs no other thread.

use std::sync::{Arc, MutexGuard};

use crate::queue::{Pending, Queue};
use crate::receipt::{AppendError, Mode, Receipt};
use crate::shared::{Shared, lock};
use crate::waiter::{Batch, Commit, Outcome, Slot, Turn};

/// See `Log::append`.
pub(crate) fn append(shared: &Shared, kind: u8, payload: &[&[u8]]) -> Result<Receipt, AppendError> {
    let mut queue = lock(&shared.queue);
    let seq = queue.push(&shared.config, shared.salt, kind, payload, Mode::Process)?;
    let outcome = if !queue.leading && queue.claims == 0 {
        lead(shared, queue)
    } else {
        let batch = Arc::clone(queue.pending.batch.get_or_insert_default());
        follow(shared, queue, &batch)
    };
    receipt(outcome, seq)
}

/// See `Log::accept`.
pub(crate) fn accept(shared: &Arc<Shared>, kind: u8, payload: &[&[u8]]) -> Result<Ticket, AppendError> {
    let mut queue = lock(&shared.queue);
    let seq = queue.push(&shared.config, shared.salt, kind, payload, Mode::Process)?;
    let batch = Arc::clone(queue.pending.batch.get_or_insert_default());
    Ok(Ticket {
        shared: Arc::clone(shared),
        batch: Some(batch),
        seq,
    })
}

/// A record that is accepted and not yet written. Whoever settles first writes the records of all; dropping a ticket
/// settles it too, because somebody must.
#[must_use = "a record is written when its ticket is settled"]
pub struct Ticket {
    shared: Arc<Shared>,
    /// `None` once settled.
    batch: Option<Arc<Batch>>,
    seq: u64,
}

impl Ticket {
    /// Returns once the kernel has the record, as `Log::append` does; at once when somebody else has written it.
    ///
    /// # Errors
    /// As `Log::append`.
    pub fn settle(mut self) -> Result<Receipt, AppendError> {
        let batch = self.batch.take();
        let outcome = batch.map(|batch| settle(&self.shared, &batch));
        outcome.map_or(Err(AppendError::Closed), |outcome| receipt(outcome, self.seq))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(batch) = self.batch.take() {
            settle(&self.shared, &batch);
        }
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").field("seq", &self.seq).finish_non_exhaustive()
    }
}

fn settle(shared: &Shared, batch: &Arc<Batch>) -> Outcome {
    if let Some(outcome) = batch.outcome() {
        return outcome;
    }
    let queue = lock(&shared.queue);
    let pending = queue
        .pending
        .batch
        .as_ref()
        .is_some_and(|pending| Arc::ptr_eq(pending, batch));
    if pending && !queue.leading && queue.claims == 0 {
        lead(shared, queue)
    } else {
        follow(shared, queue, batch)
    }
}

/// Takes the lead that nobody has.
fn lead(shared: &Shared, mut queue: MutexGuard<'_, Queue>) -> Outcome {
    queue.leading = true;
    let job = queue.take_pending();
    drop(queue);
    write(shared, job)
}

/// Waits for whoever writes the batch, or to be chosen to.
fn follow(shared: &Shared, queue: MutexGuard<'_, Queue>, batch: &Arc<Batch>) -> Outcome {
    batch.announce();
    drop(queue);
    match batch.wait() {
        Turn::Done(outcome) => outcome,
        Turn::Lead => {
            let job = lock(&shared.queue).take_pending();
            write(shared, job)
        }
    }
}

fn receipt(outcome: Outcome, seq: u64) -> Result<Receipt, AppendError> {
    outcome.of(seq).map(|()| Receipt {
        mode: Mode::Process,
        seq,
    })
}

/// See `Log::append_durable`.
pub(crate) fn append_durable(shared: &Shared, kind: u8, payload: &[&[u8]]) -> Commit {
    let slot = Arc::new(Slot::default());
    let mut queue = lock(&shared.queue);
    match queue.push(&shared.config, shared.salt, kind, payload, Mode::Fsync) {
        Ok(seq) => queue.pending.durable.push((seq, Arc::clone(&slot))),
        Err(refusal) => return Commit::refused(refusal),
    }
    queue.sync_wanted = true;
    wake_syncer(shared, &mut queue);
    Commit::pending(slot)
}

/// See `Log::append_best_effort`.
pub(crate) fn append_best_effort(shared: &Shared, kind: u8, payload: &[&[u8]]) -> Result<Receipt, AppendError> {
    let mut queue = lock(&shared.queue);
    let seq = queue.push(&shared.config, shared.salt, kind, payload, Mode::BestEffort)?;
    wake_syncer(shared, &mut queue);
    Ok(Receipt {
        mode: Mode::BestEffort,
        seq,
    })
}

/// Writes what is pending now, and waits for whoever is writing. Records that come later are not waited for.
pub(crate) fn write_pending(shared: &Shared) {
    {
        let queue = lock(&shared.queue);
        if queue.pending.frames.is_empty() && !queue.leading {
            return;
        }
    }
    let mut queue = shared.claim_lead();
    if queue.pending.frames.is_empty() {
        return shared.release_lead(queue, Vec::new());
    }
    let job = queue.take_pending();
    drop(queue);
    write(shared, job);
}

/// The leader's part: write, publish, pass the lead on.
fn write(shared: &Shared, mut job: Pending) -> Outcome {
    let (written, outcome) = lock(&shared.writer).write(shared, &job.frames);
    let batch = job.batch.take();
    let mut queue = lock(&shared.queue);
    let deliveries = queue.wrote(&mut job, written, outcome);
    queue.sync_wanted |= queue.unsynced.len() >= shared.config.sync_bytes;
    wake_syncer(shared, &mut queue);
    shared.release_lead(queue, deliveries);
    if let Some(batch) = batch {
        batch.finish(outcome);
    }
    outcome
}

/// Wakes the syncer if it sleeps without a deadline, or if it must not wait for its deadline.
pub(crate) fn wake_syncer(shared: &Shared, queue: &mut Queue) {
    if queue.syncer_sleeps || queue.sync_wanted {
        queue.syncer_sleeps = false;
        shared.wake_syncer.notify_one();
    }
}
