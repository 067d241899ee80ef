//! `POST /api/atalaya/v1/endpoints/{name}/labels`: what turned out to be true.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Deserializer, Serialize};

use crate::api::error::{ApiError, ApiResult};
use crate::api::extract::JsonBody;
use crate::app::App;
use crate::serving::log::labels::Label;

/// Labels of one call; more belong into several.
const LABELS_MAX: usize = 100_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostLabels {
    labels: Vec<WireLabel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireLabel {
    row_id: Option<String>,
    request_id: Option<String>,
    label: WireValue,
}

/// A number, a text or a truth value.
struct WireValue {
    number: Option<f64>,
    text: Option<String>,
}

impl<'de> Deserialize<'de> for WireValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let number = |n| {
            Ok(Self {
                number: Some(n),
                text: None,
            })
        };
        match value {
            serde_json::Value::Bool(b) => number(f64::from(u8::from(b))),
            serde_json::Value::Number(n) => number(n.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(text) => Ok(Self {
                number: None,
                text: Some(text),
            }),
            _ => Err(serde::de::Error::custom(
                "label must be a number, a text, true or false",
            )),
        }
    }
}

impl WireLabel {
    fn checked(self, place: usize) -> ApiResult<Label> {
        if self.row_id.is_none() == self.request_id.is_none() {
            return Err(ApiError::invalid(format!(
                "`labels[{place}]` must have either `row_id` or `request_id`"
            )));
        }
        Ok(Label {
            row_id: self.row_id,
            request_id: self.request_id,
            number: self.label.number,
            text: self.label.text,
        })
    }
}

#[derive(Serialize)]
pub(crate) struct Accepted {
    accepted: usize,
    /// What the log promises for them, as in the `Atalaya-Log` header.
    receipt: String,
}

pub(crate) async fn post(
    State(app): State<App>,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<PostLabels>,
) -> ApiResult<Json<Accepted>> {
    if body.labels.is_empty() || body.labels.len() > LABELS_MAX {
        return Err(ApiError::invalid(format!(
            "`labels` must have 1 to {LABELS_MAX} entries"
        )));
    }
    let labels: Vec<Label> = body
        .labels
        .into_iter()
        .enumerate()
        .map(|(i, label)| label.checked(i))
        .collect::<ApiResult<_>>()?;
    let accepted = labels.len();
    let receipt = app.accept_labels(&name, labels).await?.to_string();
    Ok(Json(Accepted { accepted, receipt }))
}
