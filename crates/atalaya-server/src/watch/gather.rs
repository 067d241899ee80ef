//! Everything that one run reads: the endpoint's log brought up to date, its window, its requests and its baseline.

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use atalaya_domain::monitor::Monitor;
use atalaya_lake::window::{DEFAULT_ROWS, read_baseline};
use atalaya_lake::{LakeError, PayloadStats, TimeRange, Window, WindowQuery};
use atalaya_model::Signature;

use super::baseline::{BaselineError, baseline_path};
use super::quality::Declared;
use super::run::MonitorError;
use crate::app::App;
use crate::serving::flush_all;

/// What a run looks at.
pub(super) struct Gathered {
    pub(super) range: TimeRange,
    pub(super) window: Window,
    pub(super) payload: PayloadStats,
    pub(super) baseline: Window,
    pub(super) declared: Declared,
}

/// Reads it. An endpoint that was never called has an empty window, and so has one that was deleted long ago.
pub(super) async fn gather(app: &App, monitor: &Monitor) -> Result<Gathered, MonitorError> {
    let endpoint = monitor.endpoint.as_str();
    let slot = app.endpoints().slot(endpoint);
    if let Some(slot) = &slot {
        flush_all(app, slot)
            .await
            .map_err(|error| MonitorError::Flush(error.into()))?;
    }
    let to_us = app.now_us();
    let range = TimeRange {
        from_us: to_us.saturating_sub(monitor.window_ms.saturating_mul(1_000)),
        to_us,
    };
    let window = or_nothing(app.lake().window(endpoint, &WindowQuery::new(range)).await)?;
    let payload = or_nothing(app.lake().payload_stats(endpoint, range, None).await)?;
    let snapshot = slot.as_ref().map(|slot| slot.snapshot());
    let served = snapshot.as_ref().and_then(|guard| guard.as_ref());
    let declared = match served {
        Some(served)
            if served
                .entities
                .iter()
                .all(|entity| declares_classes(entity.signature())) =>
        {
            Declared::Classes
        }
        _ => Declared::Open,
    };
    Ok(Gathered {
        range,
        window: window.unwrap_or_else(|| Window {
            batch: RecordBatch::new_empty(Schema::empty().into()),
            total_rows: 0,
        }),
        payload: payload.unwrap_or_default(),
        baseline: read(app, &monitor.baseline).await?,
        declared,
    })
}

/// Before the first flush there is no table, which is the same as no rows.
fn or_nothing<T>(read: Result<T, LakeError>) -> Result<Option<T>, LakeError> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(LakeError::NoTable { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn read(app: &App, baseline: &str) -> Result<Window, MonitorError> {
    let (config, name) = (app.config().clone(), baseline.to_owned());
    let found = tokio::task::spawn_blocking(move || baseline_path(&config, &name)).await;
    let path = found.map_err(|_| MonitorError::Ended)??;
    let read = read_baseline(&path, &[], DEFAULT_ROWS).await;
    Ok(read.map_err(BaselineError::Unreadable)?)
}

/// Output types, in MLflow's words and numpy's, that only a classifier (or a count) answers with.
const CLASS_TYPES: [&str; 15] = [
    "long", "integer", "boolean", "string", "bool", "str", "object", "int8", "int16", "int32", "int64", "uint8",
    "uint16", "uint32", "uint64",
];

fn declares_classes(signature: &Signature) -> bool {
    let outputs = signature.outputs();
    !outputs.is_empty()
        && outputs
            .iter()
            .all(|output| CLASS_TYPES.contains(&output.dtype.as_str()))
}
