//! Scoring requests.
//!
//! They are the one hot path: the listener recognises them by their path and
//! comes here without the router, with the same rule (`score`); the routes in
//! the table lead to the same function.

use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use hyper::body::Body;

use super::error::{ApiError, ErrorCode};
use super::extract::Raw;
use super::router::{BodyLimit, too_large};
use crate::app::{App, Caller};
use crate::http::read_body;
use crate::serving::{Invocation, Reply, invoke};
use atalaya_domain::access::Access;

/// `POST /serving-endpoints/{name}/invocations`.
pub(crate) async fn endpoint(
    State(app): State<App>,
    Path(name): Path<String>,
    caller: Caller,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Response {
    call(
        &app,
        &ScoringPath {
            endpoint: &name,
            entity: None,
        },
        &caller,
        &headers,
        body,
    )
    .await
    .map(axum::body::Body::new)
}

/// `POST /serving-endpoints/{name}/served-models/{entity}/invocations`.
pub(crate) async fn entity(
    State(app): State<App>,
    Path((name, entity)): Path<(String, String)>,
    caller: Caller,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Response {
    call(
        &app,
        &ScoringPath {
            endpoint: &name,
            entity: Some(&entity),
        },
        &caller,
        &headers,
        body,
    )
    .await
    .map(axum::body::Body::new)
}

/// The names in a scoring path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ScoringPath<'a> {
    pub(crate) endpoint: &'a str,
    pub(crate) entity: Option<&'a str>,
}

impl<'a> ScoringPath<'a> {
    /// Recognises the two scoring paths when they need no decoding; the router takes the rest.
    pub(crate) fn parse(path: &'a str) -> Option<Self> {
        let inner = path.strip_prefix("/serving-endpoints/")?.strip_suffix("/invocations")?;
        let plain = |part: &str| !part.is_empty() && !part.bytes().any(|b| matches!(b, b'/' | b'%'));
        let (endpoint, entity) = match inner.bytes().position(|b| b == b'/') {
            None => (inner, None),
            Some(end) => (&inner[..end], Some(inner[end..].strip_prefix("/served-models/")?)),
        };
        (plain(endpoint) && entity.is_none_or(plain)).then_some(Self { endpoint, entity })
    }
}

/// A scoring request straight from the listener.
pub(crate) async fn score<B>(app: &App, path: &ScoringPath<'_>, headers: &HeaderMap, body: B) -> Reply
where
    B: Body<Data = Bytes> + Unpin,
{
    let caller = match app.admit(Access::QueryEndpoint, Some(path.endpoint), headers).await {
        Ok(caller) => caller,
        Err(error) => return error.into_answer(),
    };
    let limit = BodyLimit::Scoring;
    if body.size_hint().lower() > limit.bytes() as u64 {
        return ApiError::new(ErrorCode::PayloadTooLarge, too_large(limit)).into_answer();
    }
    let limits = app.limits();
    match read_body(body, limit.bytes(), limits.body_stall, limits.body_deadline).await {
        Ok(body) => call(app, path, &caller, headers, body).await,
        Err(error) => ApiError::from(error).into_answer(),
    }
}

async fn call(app: &App, path: &ScoringPath<'_>, caller: &Caller, headers: &HeaderMap, body: Bytes) -> Reply {
    let requester = caller.principal().map_or("", |p| p.user.as_str());
    let invocation = Invocation {
        endpoint: path.endpoint,
        served_entity: path.entity,
        headers,
        body,
        requester,
    };
    invoke(app, invocation).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scoring_paths_are_recognised_and_odd_ones_left_to_the_router() {
        let plain = ScoringPath {
            endpoint: "diabetes",
            entity: None,
        };
        assert_eq!(
            ScoringPath::parse("/serving-endpoints/diabetes/invocations"),
            Some(plain)
        );
        let direct = ScoringPath {
            endpoint: "diabetes",
            entity: Some("m-2"),
        };
        assert_eq!(
            ScoringPath::parse("/serving-endpoints/diabetes/served-models/m-2/invocations"),
            Some(direct)
        );
        for odd in [
            "/serving-endpoints//invocations",
            "/serving-endpoints/a/b/invocations",
            "/serving-endpoints/a%2fb/invocations",
            "/api/2.0/serving-endpoints/a/invocations",
        ] {
            assert_eq!(ScoringPath::parse(odd), None, "{odd}");
        }
    }
}
