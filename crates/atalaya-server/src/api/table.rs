//! Every URL of the server, in one list.

use atalaya_domain::access::Access;
use http::Method;

use super::router::{Audit, BodyLimit, Routes};
use super::{databricks, health, invocations, mlflow, own};

const GET: Method = Method::GET;
const POST: Method = Method::POST;

/// All routes with their rules.
pub(crate) fn routes() -> Routes {
    Routes::default()
        .route(
            (GET, "/health"),
            Access::Open,
            BodyLimit::None,
            Audit::Silent,
            health::health,
        )
        .route(
            (GET, "/version"),
            Access::Open,
            BodyLimit::None,
            Audit::Silent,
            health::version,
        )
        .route(
            (GET, "/metrics"),
            Access::Read,
            BodyLimit::None,
            Audit::Silent,
            health::metrics,
        )
        .route(
            (POST, "/serving-endpoints/{name}/invocations"),
            Access::QueryEndpoint,
            BodyLimit::Scoring,
            Audit::Prediction,
            invocations::endpoint,
        )
        .route(
            (POST, "/serving-endpoints/{name}/served-models/{entity}/invocations"),
            Access::QueryEndpoint,
            BodyLimit::Scoring,
            Audit::Prediction,
            invocations::entity,
        )
        .with(mlflow::routes)
        .with(databricks::routes)
        .with(own::routes)
}
