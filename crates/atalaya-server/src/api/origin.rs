//! What the request's own headers say: the address it came to, and which family of clients it speaks for.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::{HOST, USER_AGENT};
use http::request::Parts;
use http::uri::Authority;

use crate::app::App;

/// Scheme and authority under which the caller reached the server, for the URLs that answers hold.
///
/// It is the caller's own word and goes back to the caller only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin(String);

impl Origin {
    /// `http://host:port`, without a slash at the end.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn of(authority: Option<&str>, headers: &HeaderMap) -> Self {
        let named = authority.or_else(|| headers.get(HOST)?.to_str().ok());
        let plain = |text: &&str| text.parse::<Authority>().is_ok() && !text.contains('@');
        let host = named.filter(plain).unwrap_or("localhost");
        let secure = headers
            .get("x-forwarded-proto")
            .is_some_and(|scheme| scheme.as_bytes() == b"https");
        Self(format!("{}://{host}", if secure { "https" } else { "http" }))
    }
}

impl FromRequestParts<App> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Infallible> {
        Ok(Self::of(parts.uri.authority().map(Authority::as_str), &parts.headers))
    }
}

/// Which scheme a client uses for artifact URIs; the same run is read by both kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// MLflow with tracking URI `databricks`: it goes through the SDK and says so.
    Databricks,
    /// MLflow with a plain `http` tracking URI, and everybody else.
    Plain,
}

impl Dialect {
    fn of(headers: &HeaderMap) -> Self {
        let agent = headers
            .get(USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if agent.contains("databricks-sdk-py") {
            Self::Databricks
        } else {
            Self::Plain
        }
    }

    /// Where an experiment's artifacts are, in this dialect.
    pub(crate) fn experiment_root(self, experiment_id: &str) -> String {
        match self {
            Self::Databricks => format!("dbfs:/databricks/mlflow-tracking/{experiment_id}"),
            Self::Plain => format!("mlflow-artifacts:/{experiment_id}"),
        }
    }

    /// Where a run's artifacts are, in this dialect.
    pub(crate) fn run_root(self, experiment_id: &str, run_id: &str) -> String {
        format!("{}/{run_id}/artifacts", self.experiment_root(experiment_id))
    }
}

impl FromRequestParts<App> for Dialect {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().expect("name"), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn urls_point_back_to_the_address_the_caller_used() {
        let origin = |pairs: &[_]| Origin::of(None, &headers(pairs)).0;
        assert_eq!(origin(&[("host", "127.0.0.1:5000")]), "http://127.0.0.1:5000");
        assert_eq!(
            origin(&[("host", "ml.example"), ("x-forwarded-proto", "https")]),
            "https://ml.example"
        );
        assert_eq!(origin(&[]), "http://localhost");
        assert_eq!(origin(&[("host", "a/b?c")]), "http://localhost");
        assert_eq!(origin(&[("host", "user@evil")]), "http://localhost");
    }

    #[test]
    fn the_sdk_is_told_from_plain_mlflow_by_its_user_agent() {
        let dialect = |agent| Dialect::of(&headers(&[("user-agent", agent)]));
        assert_eq!(
            dialect("mlflow/3.17.2 databricks-sdk-py/0.156.0 python/3.11"),
            Dialect::Databricks
        );
        assert_eq!(dialect("mlflow-python-client/3.17.2"), Dialect::Plain);
        assert_eq!(Dialect::Plain.run_root("1", "r"), "mlflow-artifacts:/1/r/artifacts");
        assert_eq!(
            Dialect::Databricks.run_root("1", "r"),
            "dbfs:/databricks/mlflow-tracking/1/r/artifacts"
        );
    }
}
