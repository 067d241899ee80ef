//! What clients ask about the host itself, and about who they are.

use axum::Json;
use axum::extract::State;
use http::HeaderName;
use serde::Serialize;

use crate::api::origin::Origin;
use crate::app::{App, Caller};

static ORG_ID: HeaderName = HeaderName::from_static("x-databricks-org-id");

/// `GET /.well-known/databricks-config`, from memory.
pub(super) async fn config(State(app): State<App>, origin: Origin) -> Json<ConfigReply> {
    let oidc_endpoint = format!("{}/oidc", origin.as_str());
    Json(ConfigReply {
        oidc_endpoint,
        workspace_id: app.workspace_id().to_owned(),
        cloud: "AZURE",
    })
}

/// `GET /api/2.0/preview/scim/v2/Me`.
pub(super) async fn me(State(app): State<App>, caller: Caller) -> ([(HeaderName, String); 1], Json<MeReply>) {
    let user = caller.user().to_owned();
    let role = caller.principal().map_or("", |principal| principal.role.as_str());
    let reply = MeReply {
        id: user.clone(),
        user_name: user.clone(),
        display_name: user.clone(),
        active: true,
        emails: [Email {
            value: user,
            kind: "work",
            primary: true,
        }],
        groups: [Group {
            display: format!("{role}s"),
            value: role,
        }],
    };
    ([(ORG_ID.clone(), app.workspace_id().to_owned())], Json(reply))
}

#[derive(Debug, Serialize)]
pub(super) struct ConfigReply {
    oidc_endpoint: String,
    workspace_id: String,
    cloud: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MeReply {
    id: String,
    user_name: String,
    display_name: String,
    active: bool,
    emails: [Email; 1],
    groups: [Group; 1],
}

#[derive(Debug, Serialize)]
struct Email {
    value: String,
    #[serde(rename = "type")]
    kind: &'static str,
    primary: bool,
}

/// The role, as the group that Databricks would call it: `admins`.
#[derive(Debug, Serialize)]
struct Group {
    display: String,
    value: &'static str,
}
