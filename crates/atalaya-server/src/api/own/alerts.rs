//! `GET /api/atalaya/v1/alerts`: what fired, newest first, of one monitor or in one state where asked.

use atalaya_domain::alert::{Alert, AlertState};
use atalaya_store::AlertQuery;
use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::api::error::{ApiError, ApiResult};
use crate::api::fields::Fields;
use crate::app::App;

/// Alerts in one answer.
const ALERTS_MAX: u32 = 1_000;

#[derive(Serialize)]
pub(crate) struct WireAlert {
    id: String,
    monitor: String,
    kind: &'static str,
    severity: &'static str,
    state: &'static str,
    message: String,
    value: Option<f64>,
    threshold: Option<f64>,
    fired_at: i64,
    resolved_at: Option<i64>,
}

impl From<Alert> for WireAlert {
    fn from(alert: Alert) -> Self {
        Self {
            id: alert.id,
            monitor: alert.monitor,
            kind: alert.kind.as_str(),
            severity: alert.kind.severity(),
            state: alert.state.as_str(),
            message: alert.message,
            value: Some(alert.value).filter(|v| v.is_finite()),
            threshold: Some(alert.threshold).filter(|v| v.is_finite()),
            fired_at: alert.fired_at.0,
            resolved_at: alert.resolved_at.map(|at| at.0),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct WireAlerts {
    alerts: Vec<WireAlert>,
}

pub(crate) async fn list(State(app): State<App>, fields: Fields) -> ApiResult<Json<WireAlerts>> {
    fields.only(&["monitor", "state", "limit"])?;
    let state = match fields.text("state")? {
        None => None,
        Some(word) => {
            let known = AlertState::parse(word);
            Some(known.ok_or_else(|| ApiError::invalid("`state` must be `firing` or `resolved`"))?)
        }
    };
    let limit = match fields.integer("limit")? {
        None => None,
        Some(limit) => {
            let fits = u32::try_from(limit)
                .ok()
                .filter(|limit| (1..=ALERTS_MAX).contains(limit));
            Some(fits.ok_or_else(|| ApiError::invalid(format!("`limit` must be from 1 to {ALERTS_MAX}")))?)
        }
    };
    let query = AlertQuery {
        monitor: fields.text("monitor")?.map(str::to_owned),
        state,
        limit,
    };
    let alerts = app.alerts(&query).await?.into_iter().map(WireAlert::from).collect();
    Ok(Json(WireAlerts { alerts }))
}
