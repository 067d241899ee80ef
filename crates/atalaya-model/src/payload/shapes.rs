//! The JSON shapes that rows come in: `dataframe_records`, `dataframe_split`, `instances`, `inputs`.

mod records;
mod table;

use std::collections::HashSet;

use arrow_array::RecordBatch;

use super::columns::Columns;
use super::error::PayloadError;
use super::json::{Scanner, Token};
use super::limits::MAX_FIELDS;
use crate::signature::Signature;

pub(super) const RECORDS: &str = "dataframe_records";
pub(super) const SPLIT: &str = "dataframe_split";
pub(super) const INSTANCES: &str = "instances";
pub(super) const INPUTS: &str = "inputs";

/// Reads the rows below `field`.
pub(super) fn decode(
    field: &'static str,
    scanner: &mut Scanner<'_>,
    mut columns: Columns<'_>,
) -> Result<RecordBatch, PayloadError> {
    let start = scanner.peek();
    let rows = match (field, start) {
        (RECORDS, Some(b'[')) => records::list(field, scanner, &mut columns)?,
        (SPLIT, Some(b'{')) => table::split(scanner, &mut columns)?,
        (INSTANCES | INPUTS, Some(b'[')) => list(field, scanner, &mut columns)?,
        (INPUTS, Some(b'{')) => table::by_column(field, scanner, &mut columns)?,
        _ => {
            // Bad JSON is told apart from good JSON of the wrong kind.
            scanner.skip_value()?;
            return Err(PayloadError::Field {
                field,
                expected: expected(field),
            });
        }
    };
    refuse_empty(field, rows)?;
    Ok(columns.finish(rows))
}

fn expected(field: &str) -> &'static str {
    match field {
        RECORDS => "a list of records",
        SPLIT => "an object with `columns` and `data`",
        INSTANCES => "a list of records or a list of rows",
        _ => "a list of rows, a list of records, or an object of columns",
    }
}

/// A list whose first element says what the others are: records, rows, or the values of a single column.
fn list(field: &'static str, scanner: &mut Scanner<'_>, columns: &mut Columns<'_>) -> Result<usize, PayloadError> {
    if !scanner.open_list()? {
        return Ok(0);
    }
    let first = scanner.peek();
    if first == Some(b'{') {
        return records::elements(field, scanner, columns);
    }
    let layout = Layout::by_position(columns.signature);
    if first == Some(b'[') {
        return table::rows(field, scanner, columns, &layout);
    }
    if columns.signature.inputs().len() == 1 {
        return table::values(scanner, columns, 0);
    }
    // One row where a list of rows should be: an error in the body, unless the rest of it is no JSON at all.
    scanner.skip_value()?;
    while scanner.next_element()? {
        scanner.skip_value()?;
    }
    Err(PayloadError::Field {
        field,
        expected: expected(field),
    })
}

/// Which column stands at each position of a row.
pub(super) struct Layout {
    columns: Vec<Option<usize>>,
    /// Optional columns that the rows do not have.
    absent: Vec<usize>,
}

impl Layout {
    /// The signature's own order, nothing else.
    pub(super) fn by_position(signature: &Signature) -> Self {
        Self {
            columns: (0..signature.inputs().len()).map(Some).collect(),
            absent: Vec::new(),
        }
    }

    /// Columns called `names`, which `field` lists. For a positional signature only their number counts.
    pub(super) fn of_names<N: AsRef<str>>(
        field: &'static str,
        names: &[N],
        signature: &Signature,
    ) -> Result<Self, PayloadError> {
        if names.len() > MAX_FIELDS {
            return Err(PayloadError::TooMany {
                what: "columns",
                limit: MAX_FIELDS,
            });
        }
        let width = signature.inputs().len();
        if signature.positional() {
            if names.len() != width {
                return Err(PayloadError::Width {
                    field,
                    expected: width,
                    found: names.len(),
                });
            }
            return Ok(Self::by_position(signature));
        }
        let mut seen = vec![false; width];
        let mut others = HashSet::new();
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            let position = signature.position(name.as_ref());
            let fresh = match position {
                Some(position) => !std::mem::replace(&mut seen[position], true),
                None => others.insert(name.as_ref().to_owned()),
            };
            if !fresh {
                let column = position.map(|position| signature.inputs()[position].name.clone());
                return Err(PayloadError::DuplicateColumn { column, row: None });
            }
            columns.push(position);
        }
        let absent: Vec<usize> = (0..width).filter(|position| !seen[*position]).collect();
        refuse_missing(signature, absent.iter().copied())?;
        Ok(Self { columns, absent })
    }

    /// How many values a row has.
    fn width(&self) -> usize {
        self.columns.len()
    }

    /// The column at `position`; `None` where a value is read over, or beyond the row's width.
    pub(super) fn column(&self, position: usize) -> Option<usize> {
        self.columns.get(position).copied().flatten()
    }

    /// Ends a row: a missing value for each column that no row has.
    pub(super) fn fill_absent(&self, columns: &mut Columns<'_>) -> Result<(), PayloadError> {
        self.absent
            .iter()
            .try_for_each(|position| columns.push_missing(*position))
    }
}

/// An error that names the required columns among `absent`, if there are any.
fn refuse_missing(signature: &Signature, absent: impl Iterator<Item = usize>) -> Result<(), PayloadError> {
    let missing = absent
        .map(|position| &signature.inputs()[position])
        .filter(|column| column.required);
    let columns: Vec<String> = missing.map(|column| column.name.clone()).collect();
    if columns.is_empty() {
        Ok(())
    } else {
        Err(PayloadError::MissingColumns { columns })
    }
}

/// The error that `field` has no rows, when it has none.
pub(super) fn refuse_empty(field: &'static str, rows: usize) -> Result<(), PayloadError> {
    if rows == 0 {
        Err(PayloadError::NoRows { field })
    } else {
        Ok(())
    }
}

/// Reads a value into a column, or reads over it.
fn cell(scanner: &mut Scanner<'_>, columns: &mut Columns<'_>, column: Option<usize>) -> Result<(), PayloadError> {
    let Some(column) = column else {
        return scanner.skip_value();
    };
    let token = scanner.token()?;
    if token == Token::Nested {
        // Bad JSON is told apart from a value of the wrong kind.
        scanner.skip_value()?;
    }
    columns.push(column, &token)
}
