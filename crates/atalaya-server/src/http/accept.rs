//! Accepts connections, serves HTTP/1 and HTTP/2 on them, and drains them on shutdown.
//!
//! hyper's own header timeout sets a timer for each request and hyper-util's
//! protocol detection has none at all, so the loop waits for the first byte
//! itself and looks after idle connections and slow heads with one timer each.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};

use super::ListenerLimits;
use super::activity::Activity;
use super::rewake::Rewake;
use super::stall::StallGuard;

/// hyper's own limit, for which it has room on its stack; any other costs an allocation for each request.
const HYPER_HEAD_FIELDS: usize = 100;

/// How long a connection that was asked to end may still take over half a request head.
const HEAD_GRACE: Duration = Duration::from_millis(100);

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every connection ended by itself.
    Clean,
    /// The drain time ran out with this many connections still open.
    Cut(usize),
}

/// Serves `service` on `listener` until `shutdown` completes, then drains.
///
/// New connections are refused once the drain begins; requests in work get their answer.
pub(crate) async fn serve<S, B>(
    listener: TcpListener,
    service: S,
    limits: ListenerLimits,
    shutdown: impl Future<Output = ()>,
) -> Drained
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let permits = Arc::new(Semaphore::new(limits.max_connections));
    let (closing, watching) = watch::channel(());
    let limits = Arc::new(limits);
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, _peer)) => {
                let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
                    // Refused by closing: answering would cost what the limit is there to save.
                    drop(stream);
                    continue;
                };
                let (service, limits, mut watching) = (service.clone(), Arc::clone(&limits), watching.clone());
                // Counts the present value as seen, so that only a shutdown wakes the connection.
                watching.mark_unchanged();
                tokio::spawn(connection(stream, service, limits, watching, permit));
            }
            Err(error) => {
                // Out of file descriptors or a peer that vanished: the listener itself is fine.
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    drop(listener);
    let _ = closing.send(());
    let all = u32::try_from(limits.max_connections).unwrap_or(u32::MAX);
    match timeout(limits.drain, permits.acquire_many(all)).await {
        Ok(_) => Drained::Clean,
        Err(_) => Drained::Cut(limits.max_connections - permits.available_permits()),
    }
}

async fn connection<S, B>(
    stream: TcpStream,
    service: S,
    limits: Arc<ListenerLimits>,
    mut closing: watch::Receiver<()>,
    _permit: OwnedSemaphorePermit,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut first = [0_u8; 1];
    tokio::select! {
        seen = timeout(limits.first_byte, stream.peek(&mut first)) => {
            if !matches!(seen, Ok(Ok(n)) if n > 0) {
                return;
            }
        }
        _ = closing.changed() => return,
    }
    // Answers are one small write each: waiting for more to send only adds latency.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let builder = protocol(&limits);
    let io = TokioIo::new(StallGuard::new(stream, limits.write_stall));
    let activity = Activity::new();
    let working = Arc::clone(&activity);
    let tracked = service_fn(move |request| {
        let in_work = working.begin();
        let answer = service.call(request);
        async move {
            let answer = answer.await;
            drop(in_work);
            answer
        }
    });
    let served = pin!(builder.serve_connection(io, tracked));
    let mut served = Rewake::new(served);
    let closed = pin!(async move {
        // An error says that the sender is gone, which means the same.
        let _ = closing.changed().await;
    });
    let mut closed = Rewake::new(closed);
    let idle = pin!(sleep(limits.request_head));
    let mut idle = Rewake::new(idle);
    let mut draining = false;
    loop {
        // Each is polled only when it was woken, so the order costs nothing and the peer's requests come first.
        tokio::select! {
            biased;
            ended = &mut served => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "connection ended early");
                }
                return;
            }
            () = &mut closed, if !draining => {
                draining = true;
                served.inner().as_mut().graceful_shutdown();
            }
            () = &mut idle => {
                let left = limits.request_head.saturating_sub(activity.idle());
                if left.is_zero() && !draining {
                    // An idle connection ends by this at once; one with half a request head gets a moment to end.
                    draining = true;
                    served.inner().as_mut().graceful_shutdown();
                } else if left.is_zero() {
                    tracing::debug!("connection cut: no complete request head in time");
                    return;
                }
                idle.inner().as_mut().reset(Instant::now() + left.max(HEAD_GRACE));
            }
        }
    }
}

fn protocol(limits: &ListenerLimits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        // `Activity` and a timer for each connection watch over heads: hyper's own timer would be one for each request.
        .header_read_timeout(None)
        .max_buf_size(limits.head_bytes.max(8 * 1024))
        .pipeline_flush(true);
    if limits.head_fields != HYPER_HEAD_FIELDS {
        builder.http1().max_headers(limits.head_fields);
    }
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .max_concurrent_streams(limits.h2_streams)
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX));
    builder
}
