//! The prediction log of an endpoint: its state, and writing it to the tables now.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;

use crate::api::error::ApiResult;
use crate::app::App;

#[derive(Serialize)]
pub(crate) struct Flushed {
    records: u64,
}

#[derive(Serialize)]
pub(crate) struct LogState {
    health: &'static str,
    unflushed_records: u64,
    disk_bytes: u64,
    disk_budget_bytes: u64,
    segments: usize,
    written_seq: u64,
    durable_seq: u64,
    refused_records: u64,
    truncated_bytes: u64,
    quarantined_bytes: u64,
    missing_rows: u64,
}

pub(crate) async fn flush(State(app): State<App>, Path(name): Path<String>) -> ApiResult<Json<Flushed>> {
    Ok(Json(Flushed {
        records: app.flush_endpoint(&name).await?,
    }))
}

pub(crate) async fn state(State(app): State<App>, Path(name): Path<String>) -> ApiResult<Json<LogState>> {
    let stats = app.log_stats(&name)?;
    Ok(Json(LogState {
        health: match stats.health {
            atalaya_log::Health::Up => "up",
            atalaya_log::Health::DiskFull => "disk_full",
            atalaya_log::Health::Down => "down",
            atalaya_log::Health::Closed => "closed",
        },
        unflushed_records: stats.unflushed_records,
        disk_bytes: stats.disk_bytes,
        disk_budget_bytes: stats.disk_budget_bytes,
        segments: stats.segments,
        written_seq: stats.written_seq,
        durable_seq: stats.durable_seq,
        refused_records: stats.refused,
        truncated_bytes: stats.damage.truncated.bytes,
        quarantined_bytes: stats.damage.quarantined.bytes,
        missing_rows: stats.damage.missing_rows,
    }))
}
