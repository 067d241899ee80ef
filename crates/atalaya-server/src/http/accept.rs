//! Accepts connections, serves HTTP/1 and HTTP/2 on them, and drains them on shutdown.
//!
//! hyper's own header timeout is inert without a timer and hyper-util's protocol
//! detection has none at all, so the loop waits for the first byte itself.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use super::ListenerLimits;
use super::rewake::Rewake;
use super::stall::StallGuard;

/// hyper's own limit, for which it has room on its stack; any other costs an allocation for each request.
const HYPER_HEAD_FIELDS: usize = 100;

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
pub(crate) async fn serve<S>(
    listener: TcpListener,
    service: S,
    limits: ListenerLimits,
    shutdown: impl Future<Output = ()>,
) -> Drained
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
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

async fn connection<S>(
    stream: TcpStream,
    service: S,
    limits: Arc<ListenerLimits>,
    mut closing: watch::Receiver<()>,
    _permit: OwnedSemaphorePermit,
) where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
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
    let served = std::pin::pin!(builder.serve_connection(io, service));
    let mut served = Rewake::new(served);
    let mut draining = false;
    loop {
        tokio::select! {
            ended = &mut served => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "connection ended early");
                }
                return;
            }
            _ = closing.changed(), if !draining => {
                draining = true;
                served.inner().as_mut().graceful_shutdown();
            }
        }
    }
}

fn protocol(limits: &ListenerLimits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.request_head)
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
