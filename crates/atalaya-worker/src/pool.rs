//! The workers of one model and the bounded queue before them.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arrow_array::{ArrayRef, RecordBatch};

use crate::backoff::Backoff;
use crate::error::WorkerError;
use crate::events::{Event, Events};
use crate::launcher::SandboxReport;
use crate::options::Options;
use crate::poison::{PayloadHash, PoisonTable};
use crate::process::{Life, Plan, Ready};
use crate::seat;

/// How often resident memory and scratch folders are looked at.
const WATCH_PERIOD: Duration = Duration::from_millis(250);
/// Scratch folders are walked at every so many looks: a walk costs more than a number from `/proc`.
const SCRATCH_EVERY: u32 = 4;
/// A seat answers each request at its deadline; the caller waits so much longer before it says so itself.
const GRACE: Duration = Duration::from_millis(50);

/// A waiting request.
pub(crate) struct Request {
    pub(crate) batch: RecordBatch,
    /// The body of the call, for when it goes alone.
    pub(crate) body: Vec<u8>,
    /// Method and parameters as JSON: requests with the same text can be joined.
    pub(crate) meta: Arc<str>,
    pub(crate) hash: PayloadHash,
    pub(crate) timeout: Duration,
    pub(crate) deadline: Instant,
    /// It was in a joined batch that failed, and is tried once more by itself.
    pub(crate) lone: bool,
    pub(crate) reply: SyncSender<Result<ArrayRef, WorkerError>>,
}

impl Request {
    pub(crate) fn answer(&self, outcome: Result<ArrayRef, WorkerError>) {
        // The caller has gone when its deadline has passed; the channel holds the one answer.
        let _gone = self.reply.try_send(outcome);
    }

    pub(crate) fn timeout_ms(&self) -> u64 {
        self.timeout.as_millis().try_into().unwrap_or(u64::MAX)
    }

    pub(crate) fn late(&self) -> WorkerError {
        WorkerError::Deadline {
            timeout_ms: self.timeout_ms(),
        }
    }
}

/// What the seats share.
pub(crate) struct Shared {
    pub(crate) plan: Plan,
    pub(crate) events: Events,
    state: Mutex<State>,
    /// Something changed for a seat: a request, a death, the end.
    pub(crate) changed: Condvar,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) queue: VecDeque<Request>,
    pub(crate) in_flight: usize,
    pub(crate) closing: bool,
    pub(crate) backoff: Backoff,
    pub(crate) poison: PoisonTable,
    pub(crate) seats: Vec<SeatState>,
}

/// What others may know of a seat.
#[derive(Default)]
pub(crate) struct SeatState {
    /// Of the worker that can be asked.
    pub(crate) life: Option<Arc<Life>>,
    /// Of the worker that loads the model.
    pub(crate) starting: Option<Arc<Life>>,
    pub(crate) sandbox: Option<SandboxReport>,
    pub(crate) unloaded: bool,
    pub(crate) gone: bool,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a model's workers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Workers that can take a request now, or were unloaded and start at the next one.
    pub available: usize,
    /// Workers that there should be.
    pub workers: usize,
    /// Process ids of the running ones.
    pub pids: Vec<u32>,
    /// Requests that wait.
    pub queued: usize,
    /// Requests that a worker has now.
    pub in_flight: usize,
    /// Deaths since the last answer.
    pub deaths_in_a_row: u32,
    /// When the next start is tried, in a crash loop.
    pub crash_loop_retry_ms: Option<u64>,
    /// The sandbox of a running worker.
    pub sandbox: Option<SandboxReport>,
    /// Resident bytes of all workers.
    pub resident_bytes: u64,
}

/// The workers of one model. Closed when dropped.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Pool {
    /// Starts the first worker, waits until it has loaded the model, and starts the others beside.
    pub(crate) fn open(options: Options, model_folder: &Path, events: Events) -> Result<(Self, Ready), WorkerError> {
        let workers = options.workers.max(1);
        let plan = Plan::new(options, model_folder)?;
        let seats = (0..workers).map(|_| SeatState::default()).collect();
        let shared = Arc::new(Shared {
            plan,
            events,
            state: Mutex::new(State {
                seats,
                ..State::default()
            }),
            changed: Condvar::new(),
        });
        let pool = Self {
            shared: Arc::clone(&shared),
            threads: Mutex::default(),
        };
        let (first, outcome) = sync_channel(1);
        pool.spawn(0, Some(first))?;
        let ready = outcome.recv().map_err(|_| WorkerError::Closed)??;
        for seat in 1..workers {
            pool.spawn(seat, None)?;
        }
        let watched = Arc::clone(&shared);
        pool.keep(
            std::thread::Builder::new()
                .name("worker-watch".to_owned())
                .spawn(move || watch(&watched)),
        )?;
        Ok((pool, ready))
    }

    fn spawn(&self, seat: usize, first: Option<SyncSender<Result<Ready, WorkerError>>>) -> Result<(), WorkerError> {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name(format!("worker-seat-{seat}"));
        self.keep(thread.spawn(move || seat::run(&shared, seat, first)))
    }

    fn keep(&self, spawned: std::io::Result<JoinHandle<()>>) -> Result<(), WorkerError> {
        let handle = spawned.map_err(|error| WorkerError::Start {
            reason: format!("a thread of the pool: {error}"),
        })?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        Ok(())
    }

    pub(crate) fn options(&self) -> &Options {
        &self.shared.plan.options
    }

    /// Queues a request and waits for its answer.
    pub(crate) fn call(
        &self,
        batch: RecordBatch,
        body: Vec<u8>,
        meta: Arc<str>,
        hash: PayloadHash,
        timeout: Duration,
    ) -> Result<ArrayRef, WorkerError> {
        let (reply, answer) = sync_channel(1);
        let now = Instant::now();
        let request = Request {
            batch,
            body,
            meta,
            hash,
            timeout,
            deadline: now + timeout,
            lone: false,
            reply,
        };
        let late = request.late();
        self.queue(request, now)?;
        match answer.recv_timeout(timeout + GRACE) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout) => Err(late),
            Err(RecvTimeoutError::Disconnected) => Err(WorkerError::Closed),
        }
    }

    fn queue(&self, request: Request, now: Instant) -> Result<(), WorkerError> {
        let mut state = self.shared.lock();
        if state.closing {
            return Err(WorkerError::Closed);
        }
        if let Some(error) = state.crash_loop(now) {
            return Err(error);
        }
        if let Some(deaths) = state.poison.refused(&request.hash, now) {
            return Err(WorkerError::Poison { deaths });
        }
        let limit = self.options().max_queue;
        if state.queue.len() >= limit {
            state.expire(now);
        }
        if state.queue.len() >= limit {
            return Err(WorkerError::Overloaded { limit });
        }
        state.queue.push_back(request);
        drop(state);
        self.shared.changed.notify_all();
        Ok(())
    }

    pub(crate) fn health(&self) -> Health {
        let state = self.shared.lock();
        let now = Instant::now();
        let lives: Vec<&Arc<Life>> = state.seats.iter().filter_map(|seat| seat.life.as_ref()).collect();
        let lives: Vec<&Arc<Life>> = lives.into_iter().filter(|life| !life.dead()).collect();
        let unloaded = state.seats.iter().filter(|seat| seat.unloaded).count();
        let crash_loop = state.backoff.crash_loop(now);
        Health {
            available: lives.len() + unloaded,
            workers: state.seats.len(),
            pids: lives.iter().map(|life| life.pid()).collect(),
            queued: state.queue.len(),
            in_flight: state.in_flight,
            deaths_in_a_row: state.backoff.deaths_in_a_row(),
            crash_loop_retry_ms: crash_loop.map(|(_, wait)| wait.as_millis().try_into().unwrap_or(u64::MAX)),
            sandbox: state.seats.iter().find_map(|seat| seat.sandbox.clone()),
            resident_bytes: lives.iter().map(|life| life.resident_bytes()).sum(),
        }
    }

    /// What the workers printed last.
    pub(crate) fn log_tails(&self) -> Vec<String> {
        let lives: Vec<Arc<Life>> = self
            .shared
            .lock()
            .seats
            .iter()
            .filter_map(|seat| seat.life.clone())
            .collect();
        lives.iter().map(|life| life.log_tail()).collect()
    }

    /// Forgets the deaths, so that workers are started at once.
    pub(crate) fn reset(&self) {
        self.shared.lock().backoff.reset();
        self.shared.changed.notify_all();
    }

    /// Takes no more requests, answers those that wait for `drain` at most, and ends the workers.
    pub(crate) fn close(&self, drain: Duration) {
        let deadline = Instant::now() + drain;
        let mut state = self.shared.lock();
        state.closing = true;
        self.shared.changed.notify_all();
        while state.seats.iter().any(|seat| !seat.gone) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state
            .queue
            .drain(..)
            .for_each(|request| request.answer(Err(WorkerError::Closed)));
        for life in state.processes() {
            life.kill("the model is being closed");
        }
        drop(state);
        self.shared.changed.notify_all();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A seat that panicked has dropped its worker, which is all that is wanted here.
            let _panicked = thread.join();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close(Duration::ZERO);
    }
}

impl State {
    /// Every process there is, ready or not.
    fn processes(&self) -> Vec<Arc<Life>> {
        let of_seat = |seat: &SeatState| [seat.life.clone(), seat.starting.clone()];
        self.seats.iter().flat_map(of_seat).flatten().collect()
    }

    /// Answers requests whose time is over.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.queue.retain(|request| {
            let waits = request.deadline > now;
            if !waits {
                request.answer(Err(request.late()));
            }
            waits
        });
    }

    pub(crate) fn crash_loop(&self, now: Instant) -> Option<WorkerError> {
        // Another worker of the pool may well answer.
        if self
            .seats
            .iter()
            .any(|seat| seat.life.as_ref().is_some_and(|life| !life.dead()))
        {
            return None;
        }
        let (deaths, wait) = self.backoff.crash_loop(now)?;
        Some(WorkerError::CrashLoop {
            deaths,
            retry_ms: wait.as_millis().try_into().unwrap_or(u64::MAX),
        })
    }
}

impl Shared {
    /// Notes a death of whatever kind and tells of it.
    pub(crate) fn note_death(&self, seat: usize, cause: &str) {
        let now = Instant::now();
        let mut state = self.lock();
        let begins = state.backoff.death(now, rand::random::<f64>());
        let retry_ms = state.backoff.wait(now).as_millis().try_into().unwrap_or(u64::MAX);
        let deaths = state.backoff.deaths_in_a_row();
        state.seats[seat].life = None;
        drop(state);
        self.changed.notify_all();
        (self.events)(Event::Died {
            seat,
            cause: cause.to_owned(),
            retry_ms,
        });
        if begins {
            (self.events)(Event::CrashLoop { deaths, retry_ms });
        }
    }
}

/// Ends workers that use more than they may.
fn watch(shared: &Shared) {
    let limits = &shared.plan.options.limits;
    let mut look = 0u32;
    let mut state = shared.lock();
    while !state.closing {
        let lives = state.processes();
        drop(state);
        look = look.wrapping_add(1);
        for life in lives {
            if life.resident_bytes() > limits.memory_bytes {
                life.kill(&format!(
                    "it used more than its {} bytes of memory",
                    limits.memory_bytes
                ));
            }
            if look.is_multiple_of(SCRATCH_EVERY) && life.scratch_bytes() > limits.scratch_bytes {
                life.kill(&format!(
                    "it wrote more than its {} bytes of files",
                    limits.scratch_bytes
                ));
            }
        }
        let until = Instant::now() + WATCH_PERIOD;
        state = shared.lock();
        // The condition is shared with the requests; the look waits for its time all the same.
        while !state.closing {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
