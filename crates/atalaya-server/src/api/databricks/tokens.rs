//! `/api/2.0/token/…`: tokens of the caller. `role` and `endpoints` are Atalaya's own fields.

use std::collections::BTreeSet;

use atalaya_domain::EndpointName;
use atalaya_domain::access::{Principal, Role};
use atalaya_store::TokenRecord;
use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::api::error::{ApiError, ApiResult, ErrorCode};
use crate::api::fields::Fields;
use crate::app::{App, Caller, TokenRequest, TokenRequestError};

/// Longest life that can be asked for, in seconds: a hundred years.
const LIFETIME_MAX: i64 = 100 * 366 * 24 * 3_600;

pub(super) async fn create(State(app): State<App>, caller: Caller, fields: Fields) -> ApiResult<Json<CreateReply>> {
    let (token, record) = app.create_token(owner(&caller)?, request(&fields)?).await?;
    Ok(Json(CreateReply {
        token_value: token.expose().to_owned(),
        token_info: record.into(),
    }))
}

pub(super) async fn list(State(app): State<App>, caller: Caller) -> ApiResult<Json<ListReply>> {
    let records = app.list_tokens(owner(&caller)?).await?;
    Ok(Json(ListReply {
        token_infos: records.into_iter().map(TokenInfo::from).collect(),
    }))
}

pub(super) async fn delete(State(app): State<App>, fields: Fields) -> ApiResult<Json<Empty>> {
    app.revoke_token(fields.required_text("token_id")?).await?;
    Ok(Json(Empty {}))
}

fn owner(caller: &Caller) -> ApiResult<&Principal> {
    caller
        .principal()
        .ok_or_else(|| ApiError::new(ErrorCode::Unauthenticated, "a token is needed"))
}

fn request(fields: &Fields) -> ApiResult<TokenRequest> {
    let lifetime_ms = match fields.integer("lifetime_seconds")? {
        None | Some(-1) => None,
        Some(seconds @ 1..=LIFETIME_MAX) => Some(seconds * 1_000),
        Some(_) => {
            return Err(ApiError::invalid(format!(
                "`lifetime_seconds` must be from 1 to {LIFETIME_MAX}"
            )));
        }
    };
    let role = match fields.text("role")? {
        None => None,
        Some(word) => Some(
            Role::parse(word).ok_or_else(|| ApiError::invalid("`role` must be querier, viewer, manager or admin"))?,
        ),
    };
    let names = fields.texts("endpoints")?;
    let endpoints = names
        .iter()
        .map(|name| EndpointName::new(name))
        .collect::<Result<BTreeSet<_>, _>>()?;
    Ok(TokenRequest {
        comment: fields.text("comment")?.unwrap_or_default().to_owned(),
        lifetime_ms,
        role,
        endpoints: (!endpoints.is_empty()).then_some(endpoints),
    })
}

impl From<TokenRequestError> for ApiError {
    fn from(error: TokenRequestError) -> Self {
        match error {
            TokenRequestError::Escalation(_) => Self::new(ErrorCode::PermissionDenied, error.to_string()),
            TokenRequestError::Store(error) => error.into(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Empty {}

#[derive(Debug, Serialize)]
pub(super) struct CreateReply {
    token_value: String,
    token_info: TokenInfo,
}

#[derive(Debug, Serialize)]
pub(super) struct ListReply {
    token_infos: Vec<TokenInfo>,
}

#[derive(Debug, Serialize)]
struct TokenInfo {
    token_id: String,
    creation_time: i64,
    /// -1 when it does not end.
    expiry_time: i64,
    comment: String,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoints: Option<Vec<String>>,
}

impl From<TokenRecord> for TokenInfo {
    fn from(record: TokenRecord) -> Self {
        let names = |set: BTreeSet<EndpointName>| set.iter().map(|name| name.as_str().to_owned()).collect();
        Self {
            token_id: record.token_id,
            creation_time: record.created_at.0,
            expiry_time: record.expires_at.map_or(-1, |at| at.0),
            comment: record.comment,
            role: record.role.as_str(),
            endpoints: record.endpoints.map(names),
        }
    }
}
