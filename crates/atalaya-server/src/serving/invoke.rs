//! One invocation: route, decode, predict, encode, log, answer.
//!
//! Small requests run where they arrive: a thread hop costs more than the
//! model. Large ones leave the async threads.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use atalaya_domain::endpoint::{Durability, LogPolicy, OnLogFailure};
use atalaya_log::{AppendError, Receipt};
use atalaya_model::payload::{self, ContentType, PayloadError, Request};
use atalaya_model::{ExecutorFailure, NamedOutputs, PredictError, Predictions};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::Full;
use rand::RngExt;

use super::endpoints::EndpointSlot;
use super::log::outcome;
use super::log::record::{Content, FLAG_REQUEST_DROPPED, FLAG_RESPONSE_DROPPED, KIND_PREDICTION, PredictionRecord};
use super::snapshot::{LoadedEntity, Snapshot};
use crate::api::error::{ApiError, ErrorCode};
use crate::app::App;
use crate::http::yield_turn;

/// Bodies up to this are scored on the thread that read them; about 500 µs of decoding.
const INLINE_BODY_MAX: usize = 64 * 1024;
/// Longest request or response kept in a log record; two of them fit the log's frame.
const LOGGED_BODY_MAX: usize = (16 << 20) - (64 << 10);

static SERVED_MODEL_NAME: HeaderName = HeaderName::from_static("served-model-name");
static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static ATALAYA_LOG: HeaderName = HeaderName::from_static("atalaya-log");
static JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A scoring request whose caller is known and whose body is here.
pub(crate) struct Invocation<'a> {
    pub(crate) endpoint: &'a str,
    /// Named when the request bypasses the split.
    pub(crate) served_entity: Option<&'a str>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) requester: &'a str,
}

/// An answer whose bytes are all there.
pub(crate) type Reply = http::Response<Full<Bytes>>;

/// What scoring gave: the answer's bytes and what the log keeps of it.
struct Answer {
    status: u16,
    body: Vec<u8>,
    rows: usize,
    outcome: Vec<u8>,
    client_request_id: Option<String>,
    reason: &'static str,
    retry_after: Option<u32>,
}

/// Answers one invocation.
pub(crate) async fn invoke(app: &App, call: Invocation<'_>) -> Reply {
    let Some(slot) = app.endpoints().slot(call.endpoint) else {
        return ApiError::not_found("no serving endpoint has this name").into_answer();
    };
    let snapshot = slot.snapshot();
    let Some(snapshot) = snapshot.as_ref() else {
        return ApiError::unavailable("the endpoint is not ready yet", 1).into_answer();
    };
    let entity = match call.served_entity {
        None => snapshot.choose(rand::rng().random::<f64>()),
        Some(name) => match snapshot.entity(name) {
            Some(entity) => entity,
            None => return ApiError::not_found("the endpoint serves no entity of this name").into_answer(),
        },
    };
    let started = Instant::now();
    let last = LAST_BEGUN.replace(Some(started));
    let busy = last.is_some_and(|last| started.duration_since(last) < BUSY_GAP);
    let time_us = app.now_us();
    let Some(_place) = entity.enter() else {
        return ApiError::unavailable("the served entity has too many requests in work", 1).into_answer();
    };
    let content = content_of(call.headers);
    let answer = if call.body.len() <= INLINE_BODY_MAX && !entity.loaded.waits() {
        // A panic must end the request, not the connection with the other requests on it.
        catch_unwind(AssertUnwindSafe(|| score(entity, content, &call.body))).unwrap_or_else(|_| panicked())
    } else {
        let (entity, body) = (Arc::clone(entity), call.body.clone());
        match tokio::task::spawn_blocking(move || score(&entity, content, &body)).await {
            Ok(answer) => answer,
            Err(_) => panicked(),
        }
    };
    let duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    entity.metrics.record(answer.status, answer.rows, duration_us);
    let request_id: [u8; 16] = rand::rng().random();
    let entry = Entry {
        call: &call,
        snapshot,
        entity,
        answer: &answer,
        content,
        time_us,
        duration_us,
        request_id,
        busy,
    };
    match log(&slot, snapshot.config.log, &entry).await {
        Ok(receipt) => respond(answer, entity, request_id, receipt),
        Err(error) => match snapshot.config.log.on_failure {
            OnLogFailure::Fail => ApiError::unavailable(
                "the prediction log cannot take the record, so the prediction is withheld; send the request again",
                1,
            )
            .into_answer(),
            OnLogFailure::ServeUnlogged => {
                app.metrics().counters.unlogged.fetch_add(1, Ordering::Relaxed);
                respond(answer, entity, request_id, receipt_header(error.unlogged().to_string()))
            }
        },
    }
}

fn score(entity: &LoadedEntity, content: Result<ContentType, ()>, body: &[u8]) -> Answer {
    let Ok(content) = content else {
        let message = "content type must be `application/json` or `text/csv`, charset utf-8";
        return failed(&ApiError::new(ErrorCode::UnsupportedMediaType, message), "CONTENT_TYPE");
    };
    let request = match payload::decode(content, body, entity.signature()) {
        Ok(request) => request,
        Err(error) => return failed(&error.into(), "PAYLOAD"),
    };
    let (predictions, named) = match predict(entity, &request) {
        Ok(answered) => answered,
        Err(error) => {
            let answer = failed(&error.into(), "MODEL");
            return Answer {
                client_request_id: request.client_request_id,
                ..answer
            };
        }
    };
    let mut body = Vec::with_capacity(32 + 8 * predictions.values.len());
    if named.outputs.is_empty() {
        payload::encode_predictions(&predictions, &mut body);
    } else {
        payload::encode_named(&named, &mut body);
    }
    let mut encoded = Vec::with_capacity(16 + 32 * predictions.values.len());
    outcome::write(&predictions, &mut encoded);
    Answer {
        status: 200,
        body,
        rows: predictions.values.len(),
        outcome: encoded,
        client_request_id: request.client_request_id,
        reason: "",
        retry_after: None,
    }
}

fn predict(entity: &LoadedEntity, request: &Request) -> Result<(Predictions, NamedOutputs), PredictError> {
    let predictor = &entity.loaded.predictor;
    if request.params.is_empty() {
        return predictor.predict_named(&request.batch);
    }
    let predictions = predictor.predict_with(&request.batch, &request.params)?;
    Ok((predictions, NamedOutputs::default()))
}

/// The answer when scoring panicked; the panic's hook has told the server's log where.
fn panicked() -> Answer {
    let message = "scoring ended unexpectedly; the server's log has the cause";
    failed(&ApiError::new(ErrorCode::InternalError, message), "PANIC")
}

fn failed(error: &ApiError, reason: &'static str) -> Answer {
    Answer {
        status: error.status().as_u16(),
        body: error.body().into_bytes(),
        rows: 0,
        outcome: Vec::new(),
        client_request_id: None,
        reason,
        retry_after: error.retry_after,
    }
}

impl From<PayloadError> for ApiError {
    fn from(error: PayloadError) -> Self {
        let code = if error.is_invalid_parameter() {
            ErrorCode::InvalidParameterValue
        } else {
            ErrorCode::BadRequest
        };
        Self::new(code, error.to_string())
    }
}

impl From<PredictError> for ApiError {
    fn from(error: PredictError) -> Self {
        let code = match &error {
            PredictError::Executor { failure, .. } => match failure {
                ExecutorFailure::Raised => ErrorCode::BadRequest,
                ExecutorFailure::Poison => ErrorCode::UnprocessableEntity,
                ExecutorFailure::Overloaded => ErrorCode::RequestLimitExceeded,
                ExecutorFailure::Answer | ExecutorFailure::Protocol => ErrorCode::BadGateway,
                ExecutorFailure::Died | ExecutorFailure::Unavailable => ErrorCode::TemporarilyUnavailable,
                ExecutorFailure::Deadline => ErrorCode::DeadlineExceeded,
            },
            _ => ErrorCode::BadRequest,
        };
        Self::new(code, error.to_string())
    }
}

/// A missing content type reads as JSON, as curl users expect.
fn content_of(headers: &HeaderMap) -> Result<ContentType, ()> {
    match headers.get(CONTENT_TYPE) {
        None => Ok(ContentType::Json),
        Some(value) => value
            .to_str()
            .ok()
            .and_then(|text| ContentType::parse(text).ok())
            .ok_or(()),
    }
}

/// Everything one log record is made of.
struct Entry<'a> {
    call: &'a Invocation<'a>,
    snapshot: &'a Snapshot,
    entity: &'a LoadedEntity,
    answer: &'a Answer,
    content: Result<ContentType, ()>,
    time_us: i64,
    duration_us: u64,
    request_id: [u8; 16],
    /// Whether this thread has other requests to answer.
    busy: bool,
}

/// A thread that scored another request so shortly before has more of them waiting: a lone caller's next request takes
/// longer to come.
const BUSY_GAP: Duration = Duration::from_micros(60);

thread_local! {
    /// When this thread began its last request.
    static LAST_BEGUN: Cell<Option<Instant>> = const { Cell::new(None) };
}

thread_local! {
    /// Head of the record being written; kept so that a request allocates nothing for it.
    static HEAD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

async fn log(slot: &EndpointSlot, policy: LogPolicy, entry: &Entry<'_>) -> Result<HeaderValue, AppendError> {
    if !policy.enabled {
        return Ok(HeaderValue::from_static("none;reason=off"));
    }
    let kept = |bytes: &'_ [u8], flag: u8| if bytes.len() > LOGGED_BODY_MAX { flag } else { 0 };
    let (request, response) = (&entry.call.body[..], &entry.answer.body[..]);
    let mut flags = kept(request, FLAG_REQUEST_DROPPED) | kept(response, FLAG_RESPONSE_DROPPED);
    if flags == 0 && request.len() + response.len() + entry.answer.outcome.len() > LOGGED_BODY_MAX {
        // Together too large for one frame: the outcome says what the response said.
        flags = FLAG_RESPONSE_DROPPED;
    }
    let record = PredictionRecord {
        content: match entry.content {
            Ok(ContentType::Json) => Content::Json,
            Ok(ContentType::Csv) => Content::Csv,
            Err(()) => Content::Unknown,
        },
        status: entry.answer.status,
        flags,
        cache_hit: false,
        time_us: entry.time_us,
        duration_us: u32::try_from(entry.duration_us).unwrap_or(u32::MAX),
        config_version: entry.snapshot.config.config_version,
        model_version: entry.entity.version,
        request_id: entry.request_id,
        client_request_id: entry.answer.client_request_id.as_deref().unwrap_or(""),
        requester: entry.call.requester,
        served_entity: &entry.entity.name,
        model: &entry.entity.model,
        reason: entry.answer.reason,
        outcome: &entry.answer.outcome,
        request: if flags & FLAG_REQUEST_DROPPED == 0 {
            request
        } else {
            &[]
        },
        response: if flags & FLAG_RESPONSE_DROPPED == 0 {
            response
        } else {
            &[]
        },
    };
    let receipt: Receipt = match policy.durability {
        Durability::Process if entry.busy => {
            let ticket = HEAD.with_borrow_mut(|head| {
                head.clear();
                record.write_head(head);
                slot.log
                    .accept(KIND_PREDICTION, &[head, record.request, record.response])
            })?;
            // The other ready requests of this thread come first; then one write serves them all.
            yield_turn().await;
            ticket.settle()?
        }
        Durability::Process => HEAD.with_borrow_mut(|head| {
            head.clear();
            record.write_head(head);
            slot.log
                .append(KIND_PREDICTION, &[head, record.request, record.response])
        })?,
        Durability::Fsync => {
            let commit = HEAD.with_borrow_mut(|head| {
                head.clear();
                record.write_head(head);
                slot.log
                    .append_durable(KIND_PREDICTION, &[head, record.request, record.response])
            });
            commit.await?
        }
        Durability::BestEffort => HEAD.with_borrow_mut(|head| {
            head.clear();
            record.write_head(head);
            slot.log
                .append_best_effort(KIND_PREDICTION, &[head, record.request, record.response])
        })?,
    };
    Ok(receipt_header(receipt.to_string()))
}

fn respond(answer: Answer, entity: &LoadedEntity, request_id: [u8; 16], receipt: HeaderValue) -> Reply {
    let mut response = Reply::new(Full::from(answer.body));
    *response.status_mut() = http::StatusCode::from_u16(answer.status).expect("statuses come from our own table");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON.clone());
    headers.insert(SERVED_MODEL_NAME.clone(), entity.header.clone());
    headers.insert(ATALAYA_LOG.clone(), receipt);
    headers.insert(X_REQUEST_ID.clone(), request_id_header(request_id));
    if let Some(seconds) = answer.retry_after {
        headers.insert(http::header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn receipt_header(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("receipts are visible ASCII")
}

/// The id as `xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx`.
fn request_id_header(bytes: [u8; 16]) -> HeaderValue {
    let mut buffer = [0_u8; uuid::fmt::Hyphenated::LENGTH];
    let text = request_id(bytes).hyphenated().encode_lower(&mut buffer);
    HeaderValue::from_str(text).expect("a uuid is visible ASCII")
}

/// The request id that a record's 16 random bytes stand for.
pub(crate) fn request_id(bytes: [u8; 16]) -> uuid::Uuid {
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}
