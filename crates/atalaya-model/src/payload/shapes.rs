//! The JSON shapes that rows come in: `dataframe_records`, `dataframe_split`, `instances`, `inputs`.

mod records;
mod table;

use std::collections::HashSet;

use arrow_array::RecordBatch;

use super::columns::Columns;
use super::error::PayloadError;
use super::json::{Scanner, Token};
use super::limits::MAX_FIELDS;
use crate::signature::{ColumnSpec, Signature, closest};

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
    /// One per position; empty when every position has the signature's column of that place.
    columns: Vec<Option<usize>>,
    /// How many values a row has.
    width: usize,
    /// Optional columns that the rows do not have.
    absent: Vec<usize>,
}

impl Layout {
    /// The signature's own order, nothing else.
    pub(super) fn by_position(signature: &Signature) -> Self {
        Self {
            columns: Vec::new(),
            width: signature.inputs().len(),
            absent: Vec::new(),
        }
    }

    /// The column at `position`; `None` where a value is read over, or beyond the row's width.
    #[inline]
    pub(super) fn column(&self, position: usize) -> Option<usize> {
        if self.columns.is_empty() {
            return (position < self.width).then_some(position);
        }
        self.columns.get(position).copied().flatten()
    }

    /// How many values a row has.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Ends a row: a missing value for each column that no row has.
    pub(super) fn fill_absent(&self, columns: &mut Columns<'_>) -> Result<(), PayloadError> {
        self.absent
            .iter()
            .try_for_each(|position| columns.push_missing(*position))
    }
}

/// A layout that is made from names one by one. Nothing is kept as long as they are the signature's, in its order.
pub(super) struct Names<'s> {
    signature: &'s Signature,
    /// What lists the names.
    field: &'static str,
    count: usize,
    /// Whether every name so far was the signature's of that place.
    straight: bool,
    /// The column behind the last one, which most likely comes next.
    next: usize,
    columns: Vec<Option<usize>>,
    seen: Vec<bool>,
    others: HashSet<String>,
}

impl<'s> Names<'s> {
    pub(super) fn new(field: &'static str, signature: &'s Signature) -> Self {
        Self {
            signature,
            field,
            count: 0,
            straight: true,
            next: 0,
            columns: Vec::new(),
            seen: Vec::new(),
            others: HashSet::new(),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The next name. For a positional signature only the number of names counts.
    pub(super) fn push(&mut self, name: &str) -> Result<(), PayloadError> {
        if self.count == MAX_FIELDS {
            return Err(PayloadError::TooMany {
                what: "columns",
                limit: MAX_FIELDS,
            });
        }
        let inputs = self.signature.inputs();
        let as_declared = self.straight && inputs.get(self.count).is_some_and(|column| column.name == name);
        if !as_declared && !self.signature.positional() {
            self.push_elsewhere(name)?;
        }
        self.count += 1;
        Ok(())
    }

    /// A name that is not the signature's of that place, or that comes after one.
    fn push_elsewhere(&mut self, name: &str) -> Result<(), PayloadError> {
        if self.straight {
            self.straight = false;
            self.next = self.count;
            self.columns = (0..self.count).map(Some).collect();
            self.seen = vec![false; self.signature.inputs().len()];
            self.seen[..self.count].fill(true);
        }
        let column = self.signature.position_near(name, self.next);
        self.next = column.map_or(self.next, |column| column + 1);
        let fresh = match column {
            Some(column) => !std::mem::replace(&mut self.seen[column], true),
            None => self.others.insert(name.to_owned()),
        };
        if !fresh {
            let column = column.map(|column| self.signature.inputs()[column].name.clone());
            return Err(PayloadError::DuplicateColumn { column, row: None });
        }
        self.columns.push(column);
        Ok(())
    }

    /// The layout that the names make.
    pub(super) fn layout(self) -> Result<Layout, PayloadError> {
        let width = self.signature.inputs().len();
        if self.signature.positional() {
            if self.count != width {
                return Err(PayloadError::Width {
                    field: self.field,
                    expected: width,
                    found: self.count,
                });
            }
            return Ok(Layout::by_position(self.signature));
        }
        let absent: Vec<usize> = if self.straight {
            (self.count..width).collect()
        } else {
            (0..width).filter(|position| !self.seen[*position]).collect()
        };
        let others = self.others.iter().map(String::as_str);
        refuse_missing(self.signature, absent.iter().copied(), others)?;
        Ok(Layout {
            columns: self.columns,
            width: self.count,
            absent,
        })
    }
}

/// An error that names the required columns among `absent`, if there are any.
///
/// `others` are names that the body has and the signature has not; a missing column is perhaps meant by one of them.
fn refuse_missing<'n>(
    signature: &Signature,
    absent: impl Iterator<Item = usize>,
    others: impl Iterator<Item = &'n str>,
) -> Result<(), PayloadError> {
    /// Names of either side that are compared.
    const COMPARED: usize = 32;
    let missing = absent
        .map(|position| &signature.inputs()[position])
        .filter(|column| column.required);
    let missing: Vec<&ColumnSpec> = missing.collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.iter().take(COMPARED).map(|column| column.name.as_str());
    let close = others
        .take(COMPARED)
        .filter_map(|other| closest(names.clone(), other))
        .min();
    Err(PayloadError::MissingColumns {
        columns: missing.iter().map(|column| column.name.clone()).collect(),
        expected: missing.iter().map(|column| column.kind).collect(),
        close: close.map(str::to_owned),
    })
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
#[inline]
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
