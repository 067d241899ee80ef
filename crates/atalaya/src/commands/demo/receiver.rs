//! The webhook receiver that the demo starts, so that an alert has somewhere to arrive.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use atalaya_server::EgressRule;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Longest notification that is read.
const BODY_MAX: usize = 64 * 1024;

/// One alert as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) kind: String,
    pub(super) message: String,
    dedup_key: String,
}

#[derive(Default)]
struct Inbox {
    /// First arrivals, by their deduplication key.
    seen: Mutex<Vec<Received>>,
    repeated: Mutex<usize>,
    arrived: Notify,
}

/// Listens on a free port until the demo ends.
pub(super) struct Receiver {
    address: SocketAddr,
    inbox: Arc<Inbox>,
}

impl Receiver {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let inbox = Arc::new(Inbox::default());
        tokio::spawn(accept(listener, Arc::clone(&inbox)));
        Ok(Self { address, inbox })
    }

    /// Where alerts are to be sent.
    pub(super) fn url(&self) -> String {
        format!("http://{}/alerts", self.address)
    }

    /// The permission to send to this private address, which only an operator can give.
    pub(super) fn rule(&self) -> anyhow::Result<EgressRule> {
        Ok(self.address.to_string().parse()?)
    }

    /// Notifications that came again with a key already seen.
    pub(super) fn repeated(&self) -> usize {
        *self.inbox.repeated.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has arrived once `n` alerts have, or when the time is over.
    pub(super) async fn wait_for(&self, n: usize, within: Duration) -> Vec<Received> {
        let until = Instant::now() + within;
        loop {
            let arrived = self.inbox.arrived.notified();
            let seen = self.inbox.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if seen.len() >= n || timeout_at(until, arrived).await.is_err() {
                return seen;
            }
        }
    }
}

async fn accept(listener: TcpListener, inbox: Arc<Inbox>) {
    while let Ok((stream, _)) = listener.accept().await {
        let inbox = Arc::clone(&inbox);
        tokio::spawn(async move {
            let service = service_fn(move |request| take(Arc::clone(&inbox), request));
            // A sender that hangs up early sends again; nothing to do about it here.
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
        });
    }
}

async fn take(inbox: Arc<Inbox>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = Limited::new(request.into_body(), BODY_MAX)
        .collect()
        .await
        .map(|b| b.to_bytes())
        .unwrap_or_default();
    let Ok(alert) = serde_json::from_slice::<serde_json::Value>(&body) else {
        let mut refused = Response::new(Full::default());
        *refused.status_mut() = hyper::StatusCode::BAD_REQUEST;
        return Ok(refused);
    };
    let text = |key: &str| alert[key].as_str().unwrap_or_default().to_owned();
    let received = Received {
        kind: text("kind"),
        message: text("message"),
        dedup_key: text("dedup_key"),
    };
    let mut seen = inbox.seen.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.iter().any(|known| known.dedup_key == received.dedup_key) {
        *inbox.repeated.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    } else {
        seen.push(received);
    }
    drop(seen);
    inbox.arrived.notify_waiters();
    Ok(Response::new(Full::default()))
}
