//! One request, one answer: what a worker may send meanwhile, and what is done about anything else.

use std::io::Read as _;
use std::time::Instant;

use arrow_array::ArrayRef;
use serde::Deserialize;

use crate::batch;
use crate::error::{WorkerError, bounded, class_name};
use crate::frame::{self, Kind};
use crate::process::Worker;

/// The body of an error frame.
#[derive(Deserialize)]
struct Failure {
    kind: String,
    class: String,
    message: String,
}

/// Sends the call `body` of `rows` rows and waits for its answer. After [`WorkerError::Raised`] and
/// [`WorkerError::Answer`] the worker can be used again, after every other error it has been ended.
pub(crate) fn call(
    worker: &mut Worker,
    body: &[u8],
    rows: usize,
    deadline: Instant,
    timeout_ms: u64,
) -> Result<ArrayRef, WorkerError> {
    let frame = round_trip(worker, Kind::Call, body, deadline, timeout_ms)?;
    let outcome = match frame.kind {
        Kind::Answer => batch::decode(frame.body, rows),
        Kind::Error => Err(failure(&frame.body)),
        _ => Err(WorkerError::Protocol {
            what: "a frame that is neither answer nor error",
        }),
    };
    if let Err(WorkerError::Protocol { .. }) = outcome {
        worker.life().kill("it broke the protocol");
    }
    outcome
}

/// Asks an idle worker whether it is there.
pub(crate) fn ping(worker: &mut Worker, deadline: Instant, timeout_ms: u64) -> Result<(), WorkerError> {
    let frame = round_trip(worker, Kind::Ping, &[], deadline, timeout_ms)?;
    if frame.kind != Kind::Pong {
        return Err(broken(worker, "an answer to a ping that is none"));
    }
    Ok(())
}

fn round_trip(
    worker: &mut Worker,
    kind: Kind,
    body: &[u8],
    deadline: Instant,
    timeout_ms: u64,
) -> Result<frame::Frame, WorkerError> {
    silent(worker, timeout_ms)?;
    let id = worker.next_id;
    worker.next_id += 1;
    frame::write(&worker.socket, kind, id, &[body], deadline).map_err(|error| worker.frame_error(error, timeout_ms))?;
    let frame = frame::read(&worker.socket, deadline).map_err(|error| worker.frame_error(error, timeout_ms))?;
    if frame.id != id {
        return Err(broken(worker, "an answer to another request"));
    }
    Ok(frame)
}

/// A worker that sent something without being asked must not get a request: the next frame would be taken for its answer.
fn silent(worker: &Worker, timeout_ms: u64) -> Result<(), WorkerError> {
    let looked = worker.socket.set_nonblocking(true).and_then(|()| {
        let found = (&worker.socket).read(&mut [0]);
        worker.socket.set_nonblocking(false)?;
        found
    });
    match looked {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
        Ok(0) => Err(worker.frame_error(frame::FrameError::Closed, timeout_ms)),
        Ok(_) => Err(broken(worker, "an answer that nobody asked for")),
        Err(error) => Err(worker.frame_error(error.into(), timeout_ms)),
    }
}

fn broken(worker: &Worker, what: &'static str) -> WorkerError {
    worker.life().kill("it broke the protocol");
    WorkerError::Protocol { what }
}

fn failure(body: &[u8]) -> WorkerError {
    match serde_json::from_slice::<Failure>(body) {
        Ok(failure) if failure.kind == "answer" => WorkerError::Answer {
            reason: bounded(&failure.message),
        },
        Ok(failure) => WorkerError::Raised {
            class: class_name(&failure.class),
            message: bounded(&failure.message),
        },
        Err(_) => WorkerError::Protocol {
            what: "an error frame of another shape",
        },
    }
}
