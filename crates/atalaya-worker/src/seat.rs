//! One place of a pool: a thread that owns at most one worker, starts it, feeds it, notices its end and replaces it.

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use arrow_array::{Array as _, ArrayRef};

use crate::error::WorkerError;
use crate::events::Event;
use crate::pool::{Request, Shared, State};
use crate::process::{Ready, Spawned, Worker};
use crate::{batch, exchange};

/// An idle worker is asked so often whether it is there, and has so long to say so.
const PING_EVERY: Duration = Duration::from_secs(15);
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// A worker above this share of its memory is replaced between two requests.
const REPLACE_ABOVE: f64 = 0.8;

enum Step {
    Start,
    Serve(Vec<Request>),
    /// The worker ended while nothing was in it.
    Lost,
    Ping,
    Unload,
    Close,
}

/// Runs the seat until the pool closes. `first` gets the outcome of the first start; a seat whose first start fails ends.
pub(crate) fn run(shared: &Arc<Shared>, seat: usize, first: Option<SyncSender<Result<Ready, WorkerError>>>) {
    let mut worker = None;
    if let Some(first) = first {
        match start(shared, seat) {
            Ok(started) => {
                let _opener_waits = first.send(Ok(started.ready.clone()));
                worker = Some(started);
            }
            Err(error) => {
                gone(shared, seat);
                let _opener_waits = first.send(Err(error));
                return;
            }
        }
    }
    loop {
        match next(shared, seat, worker.as_ref()) {
            Step::Close => break,
            Step::Start => match start(shared, seat) {
                Ok(started) => worker = Some(started),
                Err(error) => shared.note_death(seat, &error.to_string()),
            },
            Step::Lost => {
                drop(worker.take());
                shared.note_death(seat, "it ended while it was idle");
            }
            Step::Unload => {
                forget(shared, seat, true);
                worker.take().into_iter().for_each(Worker::close);
                (shared.events)(Event::Unloaded { seat });
            }
            Step::Ping => {
                let deadline = Instant::now() + PING_TIMEOUT;
                let timeout_ms = PING_TIMEOUT.as_millis().try_into().unwrap_or(u64::MAX);
                if let Some(mut asked) = worker.take() {
                    match exchange::ping(&mut asked, deadline, timeout_ms) {
                        Ok(()) => worker = Some(asked),
                        Err(error) => shared.note_death(seat, &error.to_string()),
                    }
                }
            }
            Step::Serve(requests) => {
                let count = requests.len();
                if let Some(serving) = worker.take() {
                    worker = serve(shared, seat, serving, requests);
                }
                shared.lock().in_flight -= count;
            }
        }
    }
    worker.take().into_iter().for_each(Worker::close);
    gone(shared, seat);
}

fn start(shared: &Arc<Shared>, seat: usize) -> Result<Worker, WorkerError> {
    let began = Instant::now();
    let waking = Arc::downgrade(shared);
    let on_end = move || {
        if let Some(shared) = waking.upgrade() {
            // Taking the lock means that no seat is between its look at the worker and its wait.
            drop(shared.lock());
            shared.changed.notify_all();
        }
    };
    let spawned = Spawned::new(&shared.plan, on_end)?;
    let mut state = shared.lock();
    if state.closing {
        return Err(WorkerError::Closed);
    }
    state.seats[seat].starting = Some(Arc::clone(spawned.life()));
    drop(state);
    let loaded = spawned.load(&shared.plan);
    let mut state = shared.lock();
    let place = &mut state.seats[seat];
    place.starting = None;
    let worker = loaded?;
    place.life = Some(Arc::clone(worker.life()));
    place.sandbox = Some(worker.sandbox.clone());
    place.unloaded = false;
    drop(state);
    (shared.events)(Event::Started {
        seat,
        pid: worker.life().pid(),
        sandbox: worker.sandbox.to_string(),
        startup_ms: began.elapsed().as_millis().try_into().unwrap_or(u64::MAX),
    });
    Ok(worker)
}

/// Waits for what the seat has to do next.
fn next(shared: &Shared, seat: usize, worker: Option<&Worker>) -> Step {
    let idle_since = Instant::now();
    let options = &shared.plan.options;
    let mut state = shared.lock();
    loop {
        let now = Instant::now();
        state.expire(now);
        if let Some(error) = state.crash_loop(now) {
            state
                .queue
                .drain(..)
                .for_each(|request| request.answer(Err(error.clone())));
        }
        let idle = now.saturating_duration_since(idle_since);
        let wait = match worker {
            None if state.closing => return Step::Close,
            None if state.seats[seat].unloaded && state.queue.is_empty() => PING_EVERY,
            None => match state.backoff.wait(now) {
                Duration::ZERO => return Step::Start,
                wait => wait,
            },
            Some(worker) if worker.life().dead() => return Step::Lost,
            Some(_) if !state.queue.is_empty() => {
                let requests = take(shared, state);
                state = shared.lock();
                if !requests.is_empty() {
                    state.in_flight += requests.len();
                    return Step::Serve(requests);
                }
                continue;
            }
            Some(_) if state.closing => return Step::Close,
            Some(_) if options.idle_unload.is_some_and(|most| idle >= most) => return Step::Unload,
            Some(_) if idle >= PING_EVERY => return Step::Ping,
            Some(_) => {
                let unload = options.idle_unload.unwrap_or(PING_EVERY);
                PING_EVERY.min(unload).saturating_sub(idle)
            }
        };
        let waited = shared.changed.wait_timeout(state, wait);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// Takes the first request, and what may be joined with it. Empty when another seat was quicker or it is refused now.
fn take(shared: &Shared, mut state: std::sync::MutexGuard<'_, State>) -> Vec<Request> {
    let now = Instant::now();
    let Some(first) = state.queue.pop_front() else {
        return Vec::new();
    };
    if let Some(deaths) = state.poison.refused(&first.hash, now) {
        first.answer(Err(WorkerError::Poison { deaths }));
        return Vec::new();
    }
    let Some(batching) = shared.plan.options.batching else {
        return vec![first];
    };
    if first.lone || state.poison.suspect(&first.hash, now) {
        return vec![first];
    }
    let until = (now + batching.max_wait).min(first.deadline);
    let mut rows = first.batch.num_rows();
    let mut taken = vec![first];
    loop {
        join(&mut state, &mut taken, &mut rows, batching.max_rows);
        let left = until.saturating_duration_since(Instant::now());
        if rows >= batching.max_rows || left.is_zero() || state.closing {
            return taken;
        }
        let waited = shared.changed.wait_timeout(state, left);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// Moves what fits from the queue to `taken`; what does not keeps its place.
fn join(state: &mut State, taken: &mut Vec<Request>, rows: &mut usize, max_rows: usize) {
    let now = Instant::now();
    let mut index = 0;
    while *rows < max_rows && index < state.queue.len() {
        let other = &state.queue[index];
        let fits = !other.lone
            && other.meta == taken[0].meta
            && *rows + other.batch.num_rows() <= max_rows
            && !state.poison.suspect(&other.hash, now);
        if fits && let Some(request) = state.queue.remove(index) {
            *rows += request.batch.num_rows();
            taken.push(request);
        } else {
            index += 1;
        }
    }
}

/// Answers the requests; the worker, when it can be used again.
fn serve(shared: &Arc<Shared>, seat: usize, mut worker: Worker, requests: Vec<Request>) -> Option<Worker> {
    let alone = requests.len() == 1;
    let began = Instant::now();
    let error = match ask(&mut worker, &requests) {
        Ok(values) => {
            deliver(shared, &requests, &values);
            return keep_or_replace(shared, seat, worker);
        }
        Err(error) => error,
    };
    match &error {
        // The model is well; one of several requests was not. Each is asked again by itself, so that it fails alone.
        WorkerError::Raised { .. } | WorkerError::Answer { .. } | WorkerError::TooLarge { .. } => {
            answered(shared);
            if alone {
                requests[0].answer(Err(error));
            } else {
                again(shared, requests);
            }
            keep_or_replace(shared, seat, worker)
        }
        _ => {
            drop(worker);
            shared.note_death(seat, &cause(&error));
            blame(shared, &requests, alone, &error, began);
            match error {
                WorkerError::Died { .. } if !alone => again(shared, requests),
                WorkerError::Deadline { .. } => {
                    let now = Instant::now();
                    let (late, others): (Vec<_>, Vec<_>) = requests.into_iter().partition(|one| one.deadline <= now);
                    late.iter().for_each(|request| request.answer(Err(request.late())));
                    again(shared, others);
                }
                error => requests.iter().for_each(|request| request.answer(Err(error.clone()))),
            }
            None
        }
    }
}

fn cause(error: &WorkerError) -> String {
    match error {
        WorkerError::Died { cause } => cause.clone(),
        other => other.to_string(),
    }
}

fn ask(worker: &mut Worker, requests: &[Request]) -> Result<ArrayRef, WorkerError> {
    let first = &requests[0];
    let deadline = requests
        .iter()
        .map(|request| request.deadline)
        .min()
        .unwrap_or(first.deadline);
    if let [only] = requests {
        let rows = only.batch.num_rows();
        return exchange::call(worker, &only.body, rows, deadline, only.timeout_ms());
    }
    let batches = requests.iter().map(|request| &request.batch);
    let joined = arrow_select::concat::concat_batches(first.batch.schema_ref(), batches);
    let joined = joined.map_err(|_| WorkerError::Answer {
        reason: "waiting batches cannot be joined".to_owned(),
    })?;
    let body = batch::encode(&first.meta, &joined)?;
    exchange::call(worker, &body, joined.num_rows(), deadline, first.timeout_ms())
}

/// Gives each request its own rows.
fn deliver(shared: &Shared, requests: &[Request], values: &ArrayRef) {
    let mut start = 0;
    for request in requests {
        let rows = request.batch.num_rows();
        request.answer(Ok(values.slice(start, rows)));
        start += rows;
    }
    debug_assert_eq!(start, values.len(), "the answer's length was checked");
    let mut state = shared.lock();
    for request in requests {
        state.poison.answered(&request.hash);
    }
    drop(state);
    answered(shared);
}

fn answered(shared: &Shared) {
    let recovered = shared.lock().backoff.answered();
    if recovered {
        (shared.events)(Event::Recovered);
    }
}

/// Puts requests back to the front of the queue, to be asked one by one.
fn again(shared: &Shared, requests: Vec<Request>) {
    let mut state = shared.lock();
    for mut request in requests.into_iter().rev() {
        request.lone = true;
        state.queue.push_front(request);
    }
    drop(state);
    shared.changed.notify_all();
}

/// Enters the requests into the table of those that end workers. A request that was late because it had waited is not to
/// blame for the worker that was ended over it.
fn blame(shared: &Shared, requests: &[Request], alone: bool, error: &WorkerError, began: Instant) {
    let now = Instant::now();
    let mut poisoned = Vec::new();
    let mut state = shared.lock();
    for request in requests {
        let waited = matches!(error, WorkerError::Deadline { .. }) && began.elapsed() < request.timeout / 2;
        if !waited {
            poisoned.extend(state.poison.died(request.hash, alone, now));
        }
    }
    drop(state);
    for deaths in poisoned {
        (shared.events)(Event::Poisoned { deaths });
    }
}

fn keep_or_replace(shared: &Arc<Shared>, seat: usize, worker: Worker) -> Option<Worker> {
    let resident_bytes = worker.life().resident_bytes();
    #[expect(clippy::cast_precision_loss, reason = "a share of some gigabytes")]
    let above = resident_bytes as f64 > REPLACE_ABOVE * shared.plan.options.limits.memory_bytes as f64;
    // A model that needs so much from the start would be replaced for ever.
    let grown = resident_bytes
        > worker
            .base_bytes
            .saturating_add(shared.plan.options.limits.memory_bytes / 10);
    if !above || !grown {
        return Some(worker);
    }
    forget(shared, seat, false);
    worker.close();
    (shared.events)(Event::Replaced { seat, resident_bytes });
    None
}

fn forget(shared: &Shared, seat: usize, unloaded: bool) {
    let mut state = shared.lock();
    state.seats[seat].life = None;
    state.seats[seat].unloaded = unloaded;
}

fn gone(shared: &Shared, seat: usize) {
    let mut state = shared.lock();
    state.seats[seat].gone = true;
    state.seats[seat].life = None;
    drop(state);
    shared.changed.notify_all();
}
