//! MLflow's REST API, under `/api/2.0/mlflow`: registry, tracking, and the files of models.

mod artifacts;
mod error;
mod experiments;
mod input;
mod model_versions;
mod registered_models;
mod run_log;
mod runs;
mod server_info;
mod signed_files;
mod wire;

use atalaya_domain::access::Access;
use http::Method;

use super::router::{Audit, BodyLimit, Routes};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// The area's routes.
pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .with(of_registered_models)
        .with(of_aliases)
        .with(of_model_versions)
        .with(of_experiments)
        .with(of_runs)
        .with(of_run_logs)
        .with(of_files)
}

fn of_registered_models(routes: Routes) -> Routes {
    use registered_models as on;
    routes
        .route(
            (POST, "/api/2.0/mlflow/registered-models/create"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::create,
        )
        .route(
            (GET, "/api/2.0/mlflow/registered-models/get"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            on::get,
        )
        .route(
            (GET, "/api/2.0/mlflow/registered-models/search"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            on::search,
        )
        .route(
            (PATCH, "/api/2.0/mlflow/registered-models/update"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::update,
        )
        .route(
            (POST, "/api/2.0/mlflow/registered-models/rename"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::rename,
        )
        .route(
            (DELETE, "/api/2.0/mlflow/registered-models/delete"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::delete,
        )
        .route(
            (GET, "/api/2.0/mlflow/registered-models/get-latest-versions"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            on::latest_versions,
        )
        .route(
            (POST, "/api/2.0/mlflow/registered-models/get-latest-versions"),
            Access::Read,
            BodyLimit::Json,
            Audit::Read,
            on::latest_versions,
        )
        .route(
            (POST, "/api/2.0/mlflow/registered-models/set-tag"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::set_tag,
        )
        .route(
            (DELETE, "/api/2.0/mlflow/registered-models/delete-tag"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::delete_tag,
        )
}

fn of_aliases(routes: Routes) -> Routes {
    use registered_models as on;
    routes
        .route(
            (POST, "/api/2.0/mlflow/registered-models/alias"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::set_alias,
        )
        .route(
            (GET, "/api/2.0/mlflow/registered-models/alias"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            on::by_alias,
        )
        .route(
            (DELETE, "/api/2.0/mlflow/registered-models/alias"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::delete_alias,
        )
}

fn of_model_versions(routes: Routes) -> Routes {
    use model_versions as on;
    routes
        .route(
            (POST, "/api/2.0/mlflow/model-versions/create"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::create,
        )
        .route(
            (GET, "/api/2.0/mlflow/model-versions/get"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            on::get,
        )
        .route(
            (GET, "/api/2.0/mlflow/model-versions/search"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            on::search,
        )
        .route(
            (PATCH, "/api/2.0/mlflow/model-versions/update"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::update,
        )
        .route(
            (DELETE, "/api/2.0/mlflow/model-versions/delete"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::delete,
        )
        .route(
            (POST, "/api/2.0/mlflow/model-versions/set-tag"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::set_tag,
        )
        .route(
            (DELETE, "/api/2.0/mlflow/model-versions/delete-tag"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::delete_tag,
        )
        .route(
            (POST, "/api/2.0/mlflow/model-versions/transition-stage"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::transition_stage,
        )
        .route(
            (GET, "/api/2.0/mlflow/model-versions/get-download-uri"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            on::download_uri,
        )
        .route(
            (GET, "/api/2.0/mlflow/model-versions/list-artifacts"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            on::list_artifacts,
        )
        .route(
            (GET, "/api/2.0/mlflow/model-versions/get-signed-download-uri"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            on::signed_download_uri,
        )
}

fn of_experiments(routes: Routes) -> Routes {
    use experiments as on;
    routes
        .route(
            (POST, "/api/2.0/mlflow/experiments/create"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::create,
        )
        .route(
            (GET, "/api/2.0/mlflow/experiments/get"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            on::get,
        )
        .route(
            (GET, "/api/2.0/mlflow/experiments/get-by-name"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            on::get_by_name,
        )
        .route(
            (POST, "/api/2.0/mlflow/experiments/search"),
            Access::Read,
            BodyLimit::Json,
            Audit::Read,
            on::search,
        )
        .route(
            (GET, "/api/2.0/mlflow/experiments/search"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            on::search,
        )
        .route(
            (POST, "/api/2.0/mlflow/experiments/update"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::update,
        )
        .route(
            (POST, "/api/2.0/mlflow/experiments/delete"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::delete,
        )
        .route(
            (POST, "/api/2.0/mlflow/experiments/restore"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::restore,
        )
        .route(
            (POST, "/api/2.0/mlflow/experiments/set-experiment-tag"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::set_tag,
        )
        .route(
            (POST, "/api/2.0/mlflow/experiments/delete-experiment-tag"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::delete_tag,
        )
}

fn of_runs(routes: Routes) -> Routes {
    use runs as on;
    routes
        .route(
            (POST, "/api/2.0/mlflow/runs/create"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::create,
        )
        .route(
            (GET, "/api/2.0/mlflow/runs/get"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            on::get,
        )
        .route(
            (POST, "/api/2.0/mlflow/runs/update"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::update,
        )
        .route(
            (POST, "/api/2.0/mlflow/runs/search"),
            Access::Read,
            BodyLimit::Json,
            Audit::Read,
            on::search,
        )
        .route(
            (POST, "/api/2.0/mlflow/runs/delete"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::delete,
        )
        .route(
            (POST, "/api/2.0/mlflow/runs/restore"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::restore,
        )
}

fn of_run_logs(routes: Routes) -> Routes {
    use run_log as on;
    routes
        .route(
            (POST, "/api/2.0/mlflow/runs/log-metric"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::log_metric,
        )
        .route(
            (POST, "/api/2.0/mlflow/runs/log-parameter"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::log_parameter,
        )
        .route(
            (POST, "/api/2.0/mlflow/runs/log-batch"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::log_batch,
        )
        .route(
            (POST, "/api/2.0/mlflow/runs/set-tag"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::set_tag,
        )
        .route(
            (POST, "/api/2.0/mlflow/runs/delete-tag"),
            Access::Write,
            BodyLimit::Json,
            Audit::Change,
            on::delete_tag,
        )
        .route(
            (GET, "/api/2.0/mlflow/metrics/get-history"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            on::history,
        )
}

fn of_files(routes: Routes) -> Routes {
    const PROXY: &str = "/api/2.0/mlflow-artifacts/artifacts";
    const PROXY_FILE: &str = "/api/2.0/mlflow-artifacts/artifacts/{*path}";
    const SIGNED: &str = "/artifacts/signed/{expires}/{signature}/{digest}/{*path}";
    let info = server_info::server_info;
    routes
        .route(
            (GET, "/api/2.0/mlflow/artifacts/list"),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            artifacts::of_run,
        )
        .route(
            (GET, PROXY),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            artifacts::list,
        )
        .route(
            (GET, PROXY_FILE),
            Access::Read,
            BodyLimit::None,
            Audit::Read,
            artifacts::download,
        )
        .route(
            (GET, SIGNED),
            Access::Signed,
            BodyLimit::None,
            Audit::Read,
            signed_files::download,
        )
        .route(
            (GET, "/api/3.0/mlflow/server-info"),
            Access::Read,
            BodyLimit::None,
            Audit::Silent,
            info,
        )
}
