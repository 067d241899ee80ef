//! Which label belongs to which row of a window.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Float64Type, Int32Type, Schema, TimestampMicrosecondType};
use datafusion::prelude::{DataFrame, ident, lit};
use futures::TryStreamExt as _;

use crate::error::LakeError;
use crate::lake::Lake;
use crate::read::{frame, stream};
use crate::tables::inference::labels_table;
use crate::window::{column, text};

impl Lake {
    /// The label of each row of `sampled`.
    pub(super) async fn labels(
        &self,
        endpoint: &str,
        rows: DataFrame,
        sampled: &RecordBatch,
    ) -> Result<Vec<Option<Label>>, LakeError> {
        let mut labels: Vec<Option<Label>> = vec![None; sampled.num_rows()];
        let open = match self.open_table(&labels_table(endpoint)).await {
            Ok(open) => open,
            Err(LakeError::NoTable { .. }) => return Ok(labels),
            Err(error) => return Err(error),
        };
        let places = Places::of(sampled, rows).await?;
        let columns = ["row_id", "databricks_request_id", "label", "label_text", "labeled_at"];
        let mut batches = stream(frame(&open).await?.select(columns.map(ident))?).await?;
        while let Some(batch) = batches.try_next().await? {
            let (row_ids, requests) = (text(&batch, "row_id")?, text(&batch, "databricks_request_id")?);
            let (numbers, words) = (
                batch.column(2).as_primitive::<Float64Type>(),
                text(&batch, "label_text")?,
            );
            let times = batch.column(4).as_primitive::<TimestampMicrosecondType>();
            for row in 0..batch.num_rows() {
                let key = |column: &StringArray| column.is_valid(row).then(|| column.value(row).to_owned());
                let Some(place) = places.of_label(key(row_ids).as_deref(), key(requests).as_deref()) else {
                    continue;
                };
                let label = Label {
                    labeled_at_us: times.value(row),
                    number: numbers.is_valid(row).then(|| numbers.value(row)),
                    word: key(words),
                };
                if labels[place].as_ref().is_none_or(|known| label.is_after(known)) {
                    labels[place] = Some(label);
                }
            }
        }
        Ok(labels)
    }
}

/// `rows` with the columns `label` and `label_text`.
pub(super) fn with_labels(rows: &RecordBatch, labels: &[Option<Label>]) -> Result<RecordBatch, LakeError> {
    let numbers: Float64Array = labels.iter().map(|label| label.as_ref()?.number).collect();
    let words: StringArray = labels.iter().map(|label| label.as_ref()?.word.as_deref()).collect();
    let mut fields = rows.schema().fields().to_vec();
    fields.push(Arc::new(Field::new("label", DataType::Float64, true)));
    fields.push(Arc::new(Field::new("label_text", DataType::Utf8, true)));
    let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
    columns.push(Arc::new(numbers));
    columns.push(Arc::new(words));
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

#[derive(Debug, Clone)]
pub(super) struct Label {
    labeled_at_us: i64,
    number: Option<f64>,
    word: Option<String>,
}

impl Label {
    /// The later one; at the same time the greater one, so that the order of files decides nothing.
    fn is_after(&self, other: &Label) -> bool {
        let number = |label: &Label| label.number.unwrap_or(f64::NEG_INFINITY);
        (self.labeled_at_us.cmp(&other.labeled_at_us))
            .then(number(self).total_cmp(&number(other)))
            .then(self.word.cmp(&other.word))
            .is_gt()
    }
}

/// Where each record of a window stands.
struct Places {
    by_row: HashMap<String, usize>,
    /// Only requests of one record.
    by_request: HashMap<String, usize>,
}

impl Places {
    async fn of(sampled: &RecordBatch, rows: DataFrame) -> Result<Self, LakeError> {
        let (row_ids, requests) = (text(sampled, "row_id")?, text(sampled, "databricks_request_id")?);
        let index = column(sampled, "row_index")?.as_primitive::<Int32Type>();
        let (mut by_row, mut by_request) = (HashMap::new(), HashMap::new());
        for row in 0..sampled.num_rows() {
            by_row.insert(row_ids.value(row).to_owned(), row);
            if index.value(row) == 0 {
                by_request.insert(requests.value(row).to_owned(), row);
            }
        }
        // A sample may hold only the first record of a longer request: ask for the second ones.
        // Files of one-record requests are skipped by their statistics.
        let second = rows
            .filter(ident("row_index").eq(lit(1i32)))?
            .select([ident("databricks_request_id")])?;
        let mut batches = stream(second).await?;
        while let Some(batch) = batches.try_next().await? {
            for request in text(&batch, "databricks_request_id")?.iter().flatten() {
                by_request.remove(request);
            }
        }
        Ok(Places { by_row, by_request })
    }

    fn of_label(&self, row_id: Option<&str>, request: Option<&str>) -> Option<usize> {
        match row_id {
            Some(row_id) => self.by_row.get(row_id).copied(),
            None => self.by_request.get(request?).copied(),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use arrow::array::record_batch;

    use super::*;

    #[test]
    fn a_later_label_wins_and_a_repeated_one_changes_nothing() {
        let label = |at, number| Label {
            labeled_at_us: at,
            number: Some(number),
            word: None,
        };
        assert!(label(2, 0.0).is_after(&label(1, 1.0)));
        assert!(!label(1, 1.0).is_after(&label(1, 1.0)));
        assert!(label(1, 1.0).is_after(&label(1, 0.0)) && !label(1, 0.0).is_after(&label(1, 1.0)));
    }

    #[test]
    fn labels_stand_beside_their_rows() {
        let rows = record_batch!(("x", Int64, [1, 2])).unwrap();
        let label = Label {
            labeled_at_us: 0,
            number: Some(1.0),
            word: None,
        };
        let labeled = with_labels(&rows, &[None, Some(label)]).unwrap();
        assert_eq!(
            labeled.column_by_name("label").unwrap().as_ref(),
            &Float64Array::from(vec![None, Some(1.0)])
        );
    }
}
