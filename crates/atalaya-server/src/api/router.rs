//! The builder through which every route comes, and what it demands of each.
//!
//! There is no way to add a route without an access rule, a body limit and an
//! audit class; one guard enforces them before any body is read.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use axum::{Extension, Router};
use http::Method;
use http::request::Parts;
use serde::Serialize;

use super::error::{ApiError, ErrorCode};
use crate::app::App;
use atalaya_domain::access::Access;

/// How much of a body a route reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyLimit {
    /// No body; what comes is not read.
    None,
    /// Control-plane JSON: 1 MiB holds MLflow's largest batch.
    Json,
    /// A scoring request: 16 MiB, Databricks' own limit.
    Scoring,
}

impl BodyLimit {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::None => 0,
            Self::Json => 1 << 20,
            Self::Scoring => 16 << 20,
        }
    }
}

/// What the audit trail makes of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audit {
    /// Probes and metrics: not recorded.
    Silent,
    /// Reads: recorded when refused.
    Read,
    /// Changes: always recorded.
    Change,
    /// Predictions: recorded in the prediction log.
    Prediction,
}

impl Audit {
    fn as_str(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Read => "read",
            Self::Change => "change",
            Self::Prediction => "prediction",
        }
    }
}

/// One row of `atalaya routes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteRow {
    /// HTTP method.
    pub method: String,
    /// Path with `{parameters}`.
    pub path: &'static str,
    /// Who may call it.
    pub access: &'static str,
    /// Largest body, in bytes.
    pub body_limit_bytes: usize,
    /// What the audit trail makes of it.
    pub audit: &'static str,
}

/// What the guard enforces for one route.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) access: Access,
    pub(crate) body: BodyLimit,
    pub(crate) audit: Audit,
}

/// Collects routes; the only way to have one.
#[derive(Default)]
pub(crate) struct Routes {
    router: Router<App>,
    rows: Vec<RouteRow>,
}

impl Routes {
    /// Adds one route with its rule.
    pub(crate) fn route<H, T>(
        mut self,
        (method, path): (Method, &'static str),
        access: Access,
        body: BodyLimit,
        audit: Audit,
        handler: H,
    ) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let rule = Rule { access, body, audit };
        self.rows.push(RouteRow {
            method: method.to_string(),
            path,
            access: access.as_str(),
            body_limit_bytes: body.bytes(),
            audit: audit.as_str(),
        });
        let filter = MethodFilter::try_from(method).expect("routes use standard methods");
        let guarded = on(filter, handler).route_layer(from_fn(move |request: Request, next: Next| async move {
            guard(rule, request, next).await
        }));
        self.router = self.router.route(path, guarded);
        self
    }

    /// Adds the routes of one area.
    pub(crate) fn with(self, area: impl FnOnce(Self) -> Self) -> Self {
        area(self)
    }

    /// The table of the routes.
    pub(crate) fn rows(&self) -> Arc<[RouteRow]> {
        self.rows.clone().into()
    }

    /// The finished router, which serves `app`.
    pub(crate) fn finish(self, app: App) -> Router {
        let known: Arc<[RouteRow]> = self.rows.into();
        self.router
            .method_not_allowed_fallback(move |request: Request| {
                let known = Arc::clone(&known);
                async move { unknown(&known, request).await }
            })
            .fallback(|request: Request| async move { unknown(&[], request).await })
            // Each route's own limit is enforced where the body is read.
            .layer(DefaultBodyLimit::disable())
            .layer(Extension(app.clone()))
            .with_state(app)
    }
}

/// Authenticates, authorises and bounds the body, in that order, before the handler sees anything.
async fn guard(rule: Rule, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let app = app_of(&parts);
    let caller = match app
        .admit(rule.access, endpoint_in(parts.uri.path()), &parts.headers)
        .await
    {
        Ok(caller) => caller,
        Err(error) => return refuse(rule, &parts, error),
    };
    if content_length(&parts.headers).is_some_and(|length| length > rule.body.bytes() as u64) {
        return ApiError::new(ErrorCode::PayloadTooLarge, too_large(rule.body)).into_response();
    }
    if rule.audit == Audit::Change {
        tracing::info!(
            target: "audit",
            user = caller.user(),
            method = %parts.method,
            path = parts.uri.path(),
            "change requested"
        );
    }
    parts.extensions.insert(caller);
    parts.extensions.insert(rule.body);
    next.run(Request::from_parts(parts, body)).await
}

fn app_of(parts: &Parts) -> App {
    parts
        .extensions
        .get::<App>()
        .cloned()
        .expect("the router puts the app into every request")
}

pub(crate) fn too_large(limit: BodyLimit) -> String {
    format!("request body is larger than the limit of {} bytes", limit.bytes())
}

fn refuse(rule: Rule, parts: &Parts, error: ApiError) -> Response {
    if rule.audit != Audit::Silent {
        tracing::info!(
            target: "audit",
            method = %parts.method,
            path = parts.uri.path(),
            status = error.status().as_u16(),
            "request refused"
        );
    }
    error.into_response()
}

/// A path or method we do not have; only known callers learn which.
async fn unknown(rows: &[RouteRow], request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let path = parts.uri.path();
    if let Err(error) = app_of(&parts)
        .admit(Access::QueryEndpoint, endpoint_in(path), &parts.headers)
        .await
        && error.code == ErrorCode::Unauthenticated
    {
        return error.into_response();
    }
    let mut allowed: Vec<&str> = rows
        .iter()
        .filter(|r| matches(r.path, path))
        .map(|r| r.method.as_str())
        .collect();
    allowed.dedup();
    if allowed.is_empty() {
        return ApiError::new(ErrorCode::EndpointNotFound, "no such API path on this server").into_response();
    }
    let mut error = ApiError::new(
        ErrorCode::MethodNotAllowed,
        format!("this API path takes {}", allowed.join(", ")),
    );
    error.allow = Some(allowed.join(", "));
    error.into_response()
}

/// Whether a path with `{parameters}` and a final `{*rest}` covers `path`.
fn matches(pattern: &str, path: &str) -> bool {
    let mut given = path.split('/');
    for wanted in pattern.split('/') {
        if wanted.starts_with("{*") {
            return given.next().is_some();
        }
        match given.next() {
            Some(part) if wanted == part || (wanted.starts_with('{') && !part.is_empty()) => {}
            _ => return false,
        }
    }
    given.next().is_none()
}

fn content_length(headers: &http::HeaderMap) -> Option<u64> {
    headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The endpoint that a scoring path names.
pub(crate) fn endpoint_in(path: &str) -> Option<&str> {
    path.strip_prefix("/serving-endpoints/")?
        .split('/')
        .next()
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_their_paths_and_no_others() {
        assert!(matches("/health", "/health"));
        assert!(matches(
            "/serving-endpoints/{name}/invocations",
            "/serving-endpoints/a/invocations"
        ));
        assert!(!matches(
            "/serving-endpoints/{name}/invocations",
            "/serving-endpoints//invocations"
        ));
        assert!(!matches("/health", "/health/x"));
        assert!(matches("/files/{*path}", "/files/a/b"));
        assert!(!matches("/files/{*path}", "/files"));
    }

    #[test]
    fn the_endpoint_is_read_from_scoring_paths_only() {
        assert_eq!(endpoint_in("/serving-endpoints/diabetes/invocations"), Some("diabetes"));
        assert_eq!(endpoint_in("/serving-endpoints/"), None);
        assert_eq!(endpoint_in("/api/2.0/serving-endpoints/diabetes"), None);
    }
}
