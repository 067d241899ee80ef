//! `/api/2.0/permissions/serving-endpoints/…`: who may do what with one endpoint, read only.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;

use crate::api::error::ApiResult;
use crate::app::App;

/// The endpoint's creator manages it; what tokens may do besides follows from their roles.
pub(super) async fn get(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Json<PermissionsReply>> {
    let endpoint = app.store().endpoint_by_id(&id).await?;
    let all_permissions = [Permission {
        permission_level: "CAN_MANAGE",
        inherited: false,
    }];
    Ok(Json(PermissionsReply {
        object_id: format!("/serving-endpoints/{}", endpoint.id),
        object_type: "serving-endpoint",
        access_control_list: [Entry {
            user_name: endpoint.created_by,
            all_permissions,
        }],
    }))
}

pub(super) async fn levels(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Json<LevelsReply>> {
    app.store().endpoint_by_id(&id).await?;
    let permission_levels = [
        Level {
            permission_level: "CAN_VIEW",
            description: "Can view the endpoint",
        },
        Level {
            permission_level: "CAN_QUERY",
            description: "Can query the endpoint",
        },
        Level {
            permission_level: "CAN_MANAGE",
            description: "Can change and delete the endpoint",
        },
    ];
    Ok(Json(LevelsReply { permission_levels }))
}

#[derive(Debug, Serialize)]
pub(super) struct PermissionsReply {
    object_id: String,
    object_type: &'static str,
    access_control_list: [Entry; 1],
}

#[derive(Debug, Serialize)]
struct Entry {
    user_name: String,
    all_permissions: [Permission; 1],
}

#[derive(Debug, Serialize)]
struct Permission {
    permission_level: &'static str,
    inherited: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct LevelsReply {
    permission_levels: [Level; 3],
}

#[derive(Debug, Serialize)]
struct Level {
    permission_level: &'static str,
    description: &'static str,
}
