//! Waiting for a record: a batch whose followers wait for its leader, and the promise of a durable append.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};

use crate::receipt::{AppendError, Receipt};
use crate::shared::lock;

/// How often a follower looks again before it sleeps: for about as long as two writes take.
const SPINS: usize = 300;

/// What became of the records of one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Records up to this number are with the kernel.
    pub(crate) written_to: u64,
    /// Why the others are not.
    pub(crate) refusal: Option<AppendError>,
}

impl Outcome {
    /// What became of one record of the batch.
    pub(crate) fn of(self, seq: u64) -> Result<(), AppendError> {
        match self.refusal {
            Some(refusal) if seq > self.written_to => Err(refusal),
            _ => Ok(()),
        }
    }
}

/// What a follower must do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Write the batch for everybody.
    Lead,
    /// Nothing; this became of it.
    Done(Outcome),
}

/// The followers of records that are waiting to be written together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    turn: Mutex<Option<Turn>>,
    changed: Condvar,
    /// Whether a follower waits or is about to; set under the queue's mutex. The lead may be handed to no other batch.
    followed: AtomicBool,
}

impl Batch {
    /// Says that a follower is about to wait. Call with the queue's mutex held.
    pub(crate) fn announce(&self) {
        self.followed.store(true, Ordering::Relaxed);
    }

    /// Whether a follower waits. Call with the queue's mutex held.
    pub(crate) fn followed(&self) -> bool {
        self.followed.load(Ordering::Relaxed)
    }

    /// What became of the batch, when that is known.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match *lock(&self.turn) {
            Some(Turn::Done(outcome)) => Some(outcome),
            Some(Turn::Lead) | None => None,
        }
    }

    /// Blocks until the batch is done, or this follower has been chosen to lead.
    pub(crate) fn wait(&self) -> Turn {
        for _ in 0..SPINS {
            if let Ok(mut turn) = self.turn.try_lock() {
                match *turn {
                    Some(Turn::Lead) => {
                        *turn = None;
                        return Turn::Lead;
                    }
                    Some(done) => return done,
                    None => {}
                }
            }
            std::hint::spin_loop();
        }
        let mut turn = lock(&self.turn);
        loop {
            match *turn {
                Some(Turn::Lead) => {
                    *turn = None;
                    return Turn::Lead;
                }
                Some(done) => return done,
                None => {
                    turn = self
                        .changed
                        .wait(turn)
                        .unwrap_or_else(std::sync::PoisonError::into_inner)
                }
            }
        }
    }

    /// Chooses one follower to lead.
    pub(crate) fn hand_over(&self) {
        *lock(&self.turn) = Some(Turn::Lead);
        self.changed.notify_one();
    }

    /// Lets every follower go.
    pub(crate) fn finish(&self, outcome: Outcome) {
        *lock(&self.turn) = Some(Turn::Done(outcome));
        self.changed.notify_all();
    }
}

/// Where the result of a durable append arrives.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    state: Mutex<SlotState>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct SlotState {
    result: Option<Result<Receipt, AppendError>>,
    waker: Option<Waker>,
}

impl Slot {
    pub(crate) fn complete(&self, result: Result<Receipt, AppendError>) {
        let waker = {
            let mut state = lock(&self.state);
            state.result = Some(result);
            state.waker.take()
        };
        self.arrived.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The pending promise of `append_durable`: await it, or block on `wait`. Dropping it does not take the record back.
pub struct Commit(Result<Arc<Slot>, AppendError>);

impl Commit {
    pub(crate) fn pending(slot: Arc<Slot>) -> Self {
        Self(Ok(slot))
    }

    pub(crate) fn refused(refusal: AppendError) -> Self {
        Self(Err(refusal))
    }

    /// Blocks until the record is on the device.
    ///
    /// # Errors
    /// The record was not accepted, or could not be made durable.
    pub fn wait(self) -> Result<Receipt, AppendError> {
        let slot = self.0?;
        let mut state = lock(&slot.state);
        loop {
            match state.result {
                Some(result) => return result,
                None => {
                    state = slot
                        .arrived
                        .wait(state)
                        .unwrap_or_else(std::sync::PoisonError::into_inner)
                }
            }
        }
    }
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit")
            .field("refused", &self.0.as_ref().err())
            .finish_non_exhaustive()
    }
}

impl Future for Commit {
    type Output = Result<Receipt, AppendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let slot = match &self.0 {
            Ok(slot) => slot,
            Err(refusal) => return Poll::Ready(Err(*refusal)),
        };
        let mut state = lock(&slot.state);
        match state.result {
            Some(result) => Poll::Ready(result),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receipt::Mode;

    #[test]
    fn an_outcome_tells_written_records_from_refused_ones() {
        let outcome = Outcome {
            written_to: 5,
            refusal: Some(AppendError::DiskFull),
        };
        assert_eq!(outcome.of(5), Ok(()));
        assert_eq!(outcome.of(6), Err(AppendError::DiskFull));
    }

    #[test]
    fn a_commit_is_a_future() {
        let slot = Arc::new(Slot::default());
        let mut commit = Commit::pending(Arc::clone(&slot));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut commit).poll(&mut cx).is_pending());
        let receipt = Receipt {
            mode: Mode::Fsync,
            seq: 3,
        };
        slot.complete(Ok(receipt));
        assert_eq!(Pin::new(&mut commit).poll(&mut cx), Poll::Ready(Ok(receipt)));
        assert_eq!(commit.wait(), Ok(receipt));
        assert_eq!(Commit::refused(AppendError::Closed).wait(), Err(AppendError::Closed));
    }
}
