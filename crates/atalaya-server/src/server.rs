//! The whole server on one home: opens everything, listens only when ready, drains on shutdown.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use ::http::{Method, Request, Uri};
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::api::{RouteRow, ScoringPath, routes, score};
use crate::app::{App, OpenError};
use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::http::{Drained, serve};

/// Why the server could not start or stop.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Something of the home could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// A server that is ready to listen.
pub struct Server {
    app: App,
    router: Router,
}

/// Every route with its rule.
#[must_use]
pub fn route_table() -> Arc<[RouteRow]> {
    routes().rows()
}

impl Server {
    /// Opens the home, restores every endpoint and starts the background tasks.
    ///
    /// # Errors
    /// [`ServerError::Open`] when the database, a log or a folder cannot be opened; says which and what to do.
    pub async fn open(config: ServerConfig, clock: Arc<dyn Clock>) -> Result<Self, ServerError> {
        let app = App::open(config, clock).await?;
        let router = routes().finish(app.clone());
        Ok(Self { app, router })
    }

    /// The use cases, for the program's own commands and tests.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Serves on `listener` until `shutdown` completes; then drains, writes the logs to their tables and closes them.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Drained {
        let app = self.app.clone();
        let limits = app.limits().clone();
        let dispatch = Arc::new(Dispatch {
            app: self.app,
            router: self.router,
        });
        let service = service_fn(move |request| Arc::clone(&dispatch).answer(request));
        let stopping = async {
            shutdown.await;
            app.start_draining();
        };
        let drained = serve(listener, service, limits, stopping).await;
        app.close().await;
        drained
    }
}

/// Scoring answers are bytes; the router's may be anything.
pub(crate) type AnyBody = Either<Full<Bytes>, Body>;

/// Sends scoring requests straight to the data plane and everything else through the router.
struct Dispatch {
    app: App,
    router: Router,
}

impl Dispatch {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<AnyBody>, Infallible> {
        let (head, body) = request.into_parts();
        if head.method == Method::POST
            && let Some(path) = ScoringPath::parse(head.uri.path())
        {
            return Ok(score(&self.app, &path, &head.headers, body).await.map(Either::Left));
        }
        // Boxed, so that the future of a scoring request does not carry the router's.
        let routed = Box::pin(self.route(Request::from_parts(head, Body::new(body)))).await?;
        Ok(routed.map(Either::Right))
    }

    async fn route(&self, mut request: Request<Body>) -> Result<Response<Body>, Infallible> {
        if let Some(uri) = normal(request.uri()) {
            *request.uri_mut() = uri;
        }
        self.router.clone().oneshot(request).await
    }
}

/// Clients send `//serving-endpoints`, trailing slashes and `/ajax-api/`: one spelling reaches the router.
fn normal(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let trailing = path.len() > 1 && path.ends_with('/');
    if !trailing && !path.contains("//") && !path.starts_with("/ajax-api/") {
        return None;
    }
    let mut clean = String::with_capacity(path.len());
    for part in path.split('/').filter(|part| !part.is_empty()) {
        clean.push('/');
        clean.push_str(part);
    }
    if clean.is_empty() {
        clean.push('/');
    }
    if let Some(rest) = clean.strip_prefix("/ajax-api/") {
        clean = format!("/api/{rest}");
    }
    if let Some(query) = uri.query() {
        clean.push('?');
        clean.push_str(query);
    }
    clean.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spellings_that_clients_use_become_one() {
        let cases = [
            ("//serving-endpoints/a/invocations", "/serving-endpoints/a/invocations"),
            ("/api/2.0/serving-endpoints/", "/api/2.0/serving-endpoints"),
            (
                "/ajax-api/2.0/mlflow/runs/get?run_id=1",
                "/api/2.0/mlflow/runs/get?run_id=1",
            ),
            ("//", "/"),
        ];
        for (sent, routed) in cases {
            let uri: Uri = sent.parse().unwrap_or_else(|_| panic!("{sent}"));
            assert_eq!(normal(&uri).map(|u| u.to_string()), Some(routed.to_owned()), "{sent}");
        }
        assert_eq!(normal(&"/health".parse().expect("uri")), None);
    }
}
