//! Records on their way to the disk: accepted but not written, written but not yet on the device. Everything here is
//! behind one short mutex; no file is touched under it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::config::LogConfig;
use crate::frame;
use crate::receipt::{AppendError, Mode, Receipt};
use crate::stats::Health;
use crate::waiter::{Batch, Outcome, Slot};

/// A result for somebody who waits for durability; delivered after the mutex is free, because it runs foreign wakers.
pub(crate) type Delivery = (Arc<Slot>, Result<Receipt, AppendError>);

/// Frames that will be written together, and who waits for them.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) frames: Vec<u8>,
    pub(crate) last_seq: u64,
    pub(crate) batch: Option<Arc<Batch>>,
    pub(crate) durable: Vec<(u64, Arc<Slot>)>,
    best_effort_bytes: usize,
}

/// The state between callers, leader and syncer.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) pending: Pending,
    /// An empty buffer, kept to be the next `pending.frames`.
    idle_frames: Vec<u8>,
    /// Frames written and not yet known to be on the device; kept for the case that the device loses them.
    pub(crate) unsynced: Vec<u8>,
    /// Bytes that a write or a sync holds outside of the queue.
    pub(crate) in_write_bytes: usize,
    pub(crate) in_sync_bytes: usize,
    pub(crate) next_seq: u64,
    pub(crate) written_seq: u64,
    pub(crate) durable_seq: u64,
    /// Somebody is writing, or has been chosen to.
    pub(crate) leading: bool,
    /// Threads that need the lead for something other than their own record; they go first.
    pub(crate) claims: usize,
    pub(crate) health: Health,
    pub(crate) closed: bool,
    /// `unsynced` must be written again elsewhere before anything in it can be acknowledged as durable.
    pub(crate) must_rewrite: bool,
    /// Written records whose callers wait for the device, in order.
    pub(crate) awaiting: VecDeque<(u64, Arc<Slot>)>,
    pub(crate) sync_wanted: bool,
    pub(crate) syncer_sleeps: bool,
    pub(crate) stop: bool,
    pub(crate) best_effort_dropped: u64,
    pub(crate) refused: u64,
    pub(crate) syncs: u64,
}

impl Queue {
    pub(crate) fn new(next_seq: u64) -> Self {
        Self {
            pending: Pending::default(),
            idle_frames: Vec::new(),
            unsynced: Vec::new(),
            in_write_bytes: 0,
            in_sync_bytes: 0,
            next_seq,
            written_seq: next_seq - 1,
            durable_seq: next_seq - 1,
            leading: false,
            claims: 0,
            health: Health::Up,
            closed: false,
            must_rewrite: false,
            awaiting: VecDeque::new(),
            sync_wanted: false,
            syncer_sleeps: false,
            stop: false,
            best_effort_dropped: 0,
            refused: 0,
            syncs: 0,
        }
    }

    /// Takes a record in, under the next sequence number.
    pub(crate) fn push(
        &mut self,
        config: &LogConfig,
        salt: u32,
        kind: u8,
        payload: &[&[u8]],
        mode: Mode,
    ) -> Result<u64, AppendError> {
        let len = payload.iter().map(|part| part.len()).sum::<usize>();
        if let Err(refusal) = self.admit(config, len, mode) {
            match mode {
                Mode::BestEffort => self.best_effort_dropped += 1,
                Mode::Process | Mode::Fsync => self.refused += 1,
            }
            return Err(refusal);
        }
        let seq = self.next_seq;
        self.next_seq += 1;
        frame::encode(salt, seq, kind, payload, &mut self.pending.frames);
        self.pending.last_seq = seq;
        if mode == Mode::BestEffort {
            self.pending.best_effort_bytes += frame::frame_bytes(len);
        }
        Ok(seq)
    }

    fn admit(&self, config: &LogConfig, len: usize, mode: Mode) -> Result<(), AppendError> {
        self.refusal().map_or(Ok(()), Err)?;
        let limit = config.max_payload_bytes();
        if len > limit {
            return Err(AppendError::TooLarge { limit });
        }
        let bytes = frame::frame_bytes(len);
        let waits = mode == Mode::BestEffort && self.pending.best_effort_bytes + bytes > config.best_effort_bytes;
        if waits || self.memory_bytes() + bytes > config.pending_bytes {
            return Err(AppendError::Full);
        }
        Ok(())
    }

    /// Why no record is accepted now.
    pub(crate) fn refusal(&self) -> Option<AppendError> {
        match self.health {
            _ if self.closed => Some(AppendError::Closed),
            Health::Up => None,
            Health::DiskFull => Some(AppendError::DiskFull),
            Health::Down | Health::Closed => Some(AppendError::Down),
        }
    }

    /// Bytes held in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.pending.frames.len() + self.in_write_bytes + self.unsynced.len() + self.in_sync_bytes
    }

    /// The leader takes everything that is pending.
    pub(crate) fn take_pending(&mut self) -> Pending {
        let next = Pending {
            frames: std::mem::take(&mut self.idle_frames),
            ..Pending::default()
        };
        let job = std::mem::replace(&mut self.pending, next);
        self.in_write_bytes = job.frames.len();
        job
    }

    /// The leader has written `job`, or what `outcome` says of it; `written` bytes of its frames are with the kernel.
    pub(crate) fn wrote(&mut self, job: &mut Pending, written: usize, outcome: Outcome) -> Vec<Delivery> {
        self.in_write_bytes = 0;
        if written > 0 {
            self.written_seq = outcome.written_to;
            self.unsynced.extend_from_slice(&job.frames[..written]);
        }
        let mut deliveries = Vec::new();
        for (seq, slot) in job.durable.drain(..) {
            match outcome.of(seq) {
                Ok(()) => self.awaiting.push_back((seq, slot)),
                Err(refusal) => deliveries.push((slot, Err(refusal))),
            }
        }
        self.sync_wanted |= !self.awaiting.is_empty();
        if let Some(refusal) = outcome.refusal {
            deliveries.append(&mut self.refuse(refusal));
        }
        job.frames.clear();
        // A rare large record must not keep its memory for ever.
        if job.frames.capacity() <= frame::MAX_PAYLOAD_BYTES {
            self.idle_frames = std::mem::take(&mut job.frames);
        }
        deliveries
    }

    /// From now on records are refused; those that are pending are too. Their numbers are not used again.
    pub(crate) fn refuse(&mut self, refusal: AppendError) -> Vec<Delivery> {
        self.health = if refusal == AppendError::DiskFull {
            Health::DiskFull
        } else {
            Health::Down
        };
        let dropped = std::mem::take(&mut self.pending);
        if let Some(batch) = dropped.batch {
            batch.finish(Outcome {
                written_to: self.written_seq,
                refusal: Some(refusal),
            });
        }
        dropped
            .durable
            .into_iter()
            .map(|(_, slot)| (slot, Err(refusal)))
            .collect()
    }

    /// Everything up to `seq` is on the device.
    pub(crate) fn synced(&mut self, seq: u64) -> Vec<Delivery> {
        self.durable_seq = seq;
        self.in_sync_bytes = 0;
        self.syncs += 1;
        let mut deliveries = Vec::new();
        while let Some((seq, slot)) = self.awaiting.pop_front_if(|(waits_for, _)| *waits_for <= seq) {
            deliveries.push((slot, Ok(Receipt { mode: Mode::Fsync, seq })));
        }
        deliveries
    }

    /// Those who wait for the device will not get it.
    pub(crate) fn not_durable(&mut self, refusal: AppendError) -> Vec<Delivery> {
        self.awaiting.drain(..).map(|(_, slot)| (slot, Err(refusal))).collect()
    }

    /// Gives up the lead: to a claim, else to a waiting follower of the pending batch, else to nobody. True when a claim
    /// waits. Records whose tickets nobody has come to settle are no reason to keep the lead: their threads may be busy.
    pub(crate) fn release_lead(&mut self) -> bool {
        if self.claims == 0
            && let Some(batch) = &self.pending.batch
            && batch.followed()
        {
            batch.hand_over();
            return false;
        }
        self.leading = false;
        self.claims > 0
    }
}

/// Hands results to those who wait for them; call without any lock.
pub(crate) fn deliver(deliveries: Vec<Delivery>) {
    for (slot, result) in deliveries {
        slot.complete(result);
    }
}
