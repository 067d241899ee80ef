//! Databricks' REST API as its SDK, `mlflow.deployments` and notebooks call it.

mod host;
mod input;
mod openapi;
mod permissions;
mod serving_endpoints;
mod tokens;
mod unbuilt;
mod wire;

use atalaya_domain::access::Access;
use http::Method;

use super::router::{Audit, BodyLimit, Routes};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// The area's routes.
pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .with(of_host)
        .with(of_tokens)
        .with(of_endpoints)
        .with(of_permissions)
        .with(of_unbuilt)
}

fn of_host(routes: Routes) -> Routes {
    // Asked by every SDK client before it reads its token, and the most called route of all: nothing in it is secret.
    routes
        .route(
            (GET, "/.well-known/databricks-config"),
            Access::Open,
            BodyLimit::None,
            Audit::Silent,
            host::config,
        )
        .route(
            (GET, "/api/2.0/preview/scim/v2/Me"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            host::me,
        )
}

fn of_tokens(routes: Routes) -> Routes {
    use tokens as on;
    routes
        .route(
            (POST, "/api/2.0/token/create"),
            Access::Admin,
            BodyLimit::Json,
            Audit::Change,
            on::create,
        )
        .route(
            (GET, "/api/2.0/token/list"),
            Access::Admin,
            BodyLimit::None,
            Audit::Read,
            on::list,
        )
        .route(
            (POST, "/api/2.0/token/delete"),
            Access::Admin,
            BodyLimit::Json,
            Audit::Change,
            on::delete,
        )
}

fn of_endpoints(routes: Routes) -> Routes {
    use serving_endpoints as on;
    const ALL: &str = "/api/2.0/serving-endpoints";
    const ONE: &str = "/api/2.0/serving-endpoints/{name}";
    const CONFIG: &str = "/api/2.0/serving-endpoints/{name}/config";
    const TAGS: &str = "/api/2.0/serving-endpoints/{name}/tags";
    const METRICS: &str = "/api/2.0/serving-endpoints/{name}/metrics";
    const OPENAPI: &str = "/api/2.0/serving-endpoints/{name}/openapi";
    const LOGS: &str = "/api/2.0/serving-endpoints/{name}/served-models/{served}/logs";
    const BUILD_LOGS: &str = "/api/2.0/serving-endpoints/{name}/served-models/{served}/build-logs";
    routes
        .route((POST, ALL), Access::Write, BodyLimit::Json, Audit::Change, on::create)
        .route((GET, ALL), Access::Read, BodyLimit::None, Audit::Read, on::list)
        .route((GET, ONE), Access::Read, BodyLimit::None, Audit::Read, on::get)
        .route((DELETE, ONE), Access::Write, BodyLimit::Json, Audit::Change, on::delete)
        .route(
            (PUT, CONFIG),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::update_config,
        )
        .route(
            (PATCH, TAGS),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::patch_tags,
        )
        .route(
            (GET, METRICS),
            Access::Read,
            BodyLimit::None,
            Audit::Silent,
            on::metrics,
        )
        .route(
            (GET, OPENAPI),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            openapi::document,
        )
        .route((GET, LOGS), Access::Read, BodyLimit::None, Audit::Read, on::logs)
        .route(
            (GET, BUILD_LOGS),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            on::build_logs,
        )
}

fn of_permissions(routes: Routes) -> Routes {
    use permissions as on;
    const ONE: &str = "/api/2.0/permissions/serving-endpoints/{id}";
    const LEVELS: &str = "/api/2.0/permissions/serving-endpoints/{id}/permissionLevels";
    routes
        .route((GET, ONE), Access::Read, BodyLimit::None, Audit::Read, on::get)
        .route((GET, LEVELS), Access::Read, BodyLimit::None, Audit::Read, on::levels)
}

/// What clients may call and this server says it does not do, instead of a bare "no such path".
fn of_unbuilt(routes: Routes) -> Routes {
    use unbuilt as on;
    const RATE_LIMITS: &str = "/api/2.0/serving-endpoints/{name}/rate-limits";
    const GATEWAY: &str = "/api/2.0/serving-endpoints/{name}/ai-gateway";
    const NOTIFICATIONS: &str = "/api/2.0/serving-endpoints/{name}/notifications";
    const TELEMETRY: &str = "/api/2.0/serving-endpoints/{name}/telemetry-config";
    const PERMISSIONS: &str = "/api/2.0/permissions/serving-endpoints/{id}";
    routes
        .route(
            (PUT, RATE_LIMITS),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::rate_limits,
        )
        .route(
            (PUT, GATEWAY),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::gateway,
        )
        .route(
            (PATCH, NOTIFICATIONS),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::notifications,
        )
        .route(
            (PATCH, TELEMETRY),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::telemetry,
        )
        .route(
            (PUT, PERMISSIONS),
            Access::Admin,
            BodyLimit::Json,
            Audit::Change,
            on::permissions,
        )
        .route(
            (PATCH, PERMISSIONS),
            Access::Admin,
            BodyLimit::Json,
            Audit::Change,
            on::permissions,
        )
}
