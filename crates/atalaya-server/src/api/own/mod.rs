//! Atalaya's own routes, under `/api/atalaya/v1`: what neither MLflow nor Databricks defines.

mod labels;
mod logs;

use atalaya_domain::access::Access;
use http::Method;

use super::router::{Audit, BodyLimit, Routes};

/// The area's routes.
pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .route(
            (Method::POST, "/api/atalaya/v1/endpoints/{name}/labels"),
            Access::Write,
            BodyLimit::Scoring,
            Audit::Change,
            labels::post,
        )
        .route(
            (Method::POST, "/api/atalaya/v1/endpoints/{name}/flush"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            logs::flush,
        )
        .route(
            (Method::GET, "/api/atalaya/v1/endpoints/{name}/log"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            logs::state,
        )
}
