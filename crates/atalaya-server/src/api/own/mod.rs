//! Atalaya's own routes, under `/api/atalaya/v1`: what neither MLflow nor Databricks defines.

mod alerts;
mod labels;
mod logs;
mod monitors;
mod notifiers;

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
        .with(watching)
        .with(telling)
}

/// What is watched, and what was found.
fn watching(routes: Routes) -> Routes {
    const MONITORS: &str = "/api/atalaya/v1/monitors";
    const MONITOR: &str = "/api/atalaya/v1/monitors/{name}";
    routes
        .route(
            (Method::POST, MONITORS),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            monitors::create,
        )
        .route(
            (Method::GET, MONITORS),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            monitors::list,
        )
        .route(
            (Method::GET, MONITOR),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            monitors::read,
        )
        .route(
            (Method::DELETE, MONITOR),
            Access::Write,
            BodyLimit::None,
            Audit::Change,
            monitors::delete,
        )
        .route(
            (Method::POST, "/api/atalaya/v1/monitors/{name}/run"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            monitors::run,
        )
        .route(
            (Method::GET, "/api/atalaya/v1/monitors/{name}/runs"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            monitors::runs,
        )
        .route(
            (Method::GET, "/api/atalaya/v1/monitors/{name}/report"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            monitors::report,
        )
        .route(
            (Method::GET, "/api/atalaya/v1/monitors/{name}/report.png"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            monitors::report_png,
        )
}

/// Who is told, and of what.
fn telling(routes: Routes) -> Routes {
    const NOTIFIERS: &str = "/api/atalaya/v1/notifiers";
    const NOTIFIER: &str = "/api/atalaya/v1/notifiers/{name}";
    routes
        .route(
            (Method::POST, NOTIFIERS),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            notifiers::create,
        )
        .route(
            (Method::GET, NOTIFIERS),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            notifiers::list,
        )
        .route(
            (Method::GET, NOTIFIER),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            notifiers::read,
        )
        .route(
            (Method::DELETE, NOTIFIER),
            Access::Write,
            BodyLimit::None,
            Audit::Change,
            notifiers::delete,
        )
        .route(
            (Method::POST, "/api/atalaya/v1/notifiers/{name}/test"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            notifiers::test,
        )
        .route(
            (Method::GET, "/api/atalaya/v1/alerts"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            alerts::list,
        )
}
