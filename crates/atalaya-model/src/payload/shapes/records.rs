//! Rows as a list of objects. Records mostly repeat the first one's keys in its order, which makes finding a column
//! one comparison.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::payload::columns::Columns;
use crate::payload::error::PayloadError;
use crate::payload::json::Scanner;
use crate::payload::limits::MAX_FIELDS;

/// A list of records, from its `[`; gives the number of rows.
pub(super) fn list(
    field: &'static str,
    scanner: &mut Scanner<'_>,
    columns: &mut Columns<'_>,
) -> Result<usize, PayloadError> {
    if scanner.open_list()? {
        elements(field, scanner, columns)
    } else {
        Ok(0)
    }
}

/// The records of a list that is open and not empty.
pub(super) fn elements(
    field: &'static str,
    scanner: &mut Scanner<'_>,
    columns: &mut Columns<'_>,
) -> Result<usize, PayloadError> {
    let mut reader = Reader::new(columns.signature.inputs().len());
    let mut rows = 0;
    loop {
        if scanner.peek() != Some(b'{') {
            scanner.skip_value()?;
            return Err(PayloadError::Field {
                field,
                expected: "a list of records: every element an object",
            });
        }
        columns.check_room(rows)?;
        reader.record(rows, scanner, columns)?;
        rows += 1;
        if !scanner.next_element()? {
            break;
        }
    }
    reader.finish(columns)?;
    Ok(rows)
}

/// What one record teaches about the next.
struct Reader<'a> {
    /// The first record's keys and their columns.
    order: Vec<(Cow<'a, str>, Option<usize>)>,
    /// Per column, the number of the last row (from 1) that has it; 0 for none yet.
    last_row: Vec<usize>,
    /// Per column, the first row (from 0) that lacks it although it must not be missing.
    first_gap: Vec<(usize, usize)>,
    /// Keys of the present record that the signature does not have.
    others: HashSet<Cow<'a, str>>,
}

impl<'a> Reader<'a> {
    fn new(width: usize) -> Self {
        Self {
            order: Vec::new(),
            last_row: vec![0; width],
            first_gap: Vec::new(),
            others: HashSet::new(),
        }
    }

    /// One record, from its `{`.
    fn record(&mut self, row: usize, scanner: &mut Scanner<'a>, columns: &mut Columns<'_>) -> Result<(), PayloadError> {
        let first = row == 0;
        // As long as every key is the first record's at that place, no key can stand twice.
        let mut as_first = !first;
        let mut known = 0;
        let mut place = 0;
        let mut more = scanner.open_object()?;
        while more {
            let key = scanner.key()?;
            let column = match self.order.get(place) {
                Some((expected, column)) if as_first && *expected == key => *column,
                _ => {
                    if as_first {
                        as_first = false;
                        self.others.clear();
                        self.others.extend(
                            self.order[..place]
                                .iter()
                                .filter(|(_, column)| column.is_none())
                                .map(|(key, _)| key.clone()),
                        );
                    }
                    self.look_up(row, place, key, first, columns)?
                }
            };
            if let Some(column) = column {
                self.last_row[column] = row + 1;
                known += 1;
            }
            super::cell(scanner, columns, column)?;
            place += 1;
            if place > MAX_FIELDS {
                return Err(PayloadError::too_many_fields());
            }
            more = scanner.next_field()?;
        }
        if known < self.last_row.len() {
            self.fill_gaps(row, columns);
        }
        Ok(())
    }

    /// The column that `key` names, by name; refuses a key that this record already had.
    fn look_up(
        &mut self,
        row: usize,
        place: usize,
        key: Cow<'a, str>,
        first: bool,
        columns: &Columns<'_>,
    ) -> Result<Option<usize>, PayloadError> {
        let inputs = columns.signature.inputs();
        let column = match inputs.get(place) {
            Some(column) if column.name == key => Some(place),
            _ => columns.signature.position(&key),
        };
        let fresh = match column {
            Some(column) => self.last_row[column] != row + 1,
            None => self.others.insert(key.clone()),
        };
        if !fresh {
            let column = column.map(|column| inputs[column].name.clone());
            return Err(PayloadError::DuplicateColumn { column, row: Some(row) });
        }
        if first {
            self.order.push((key, column));
        }
        Ok(column)
    }

    /// Missing values for the columns that this record lacks. Whether that is an error shows at the end: a column that
    /// no record has is a missing column.
    #[cold]
    fn fill_gaps(&mut self, row: usize, columns: &mut Columns<'_>) {
        for position in 0..self.last_row.len() {
            if self.last_row[position] == row + 1 {
                continue;
            }
            let nullable = columns.signature.inputs()[position].nullable();
            if !nullable && !self.first_gap.iter().any(|(gap, _)| *gap == position) {
                self.first_gap.push((position, row));
            }
            columns.push_null(position);
        }
    }

    fn finish(&self, columns: &Columns<'_>) -> Result<(), PayloadError> {
        let never = (0..self.last_row.len()).filter(|position| self.last_row[*position] == 0);
        super::refuse_missing(columns.signature, never)?;
        match self.first_gap.iter().min_by_key(|(_, row)| *row) {
            Some((position, row)) => {
                let spec = &columns.signature.inputs()[*position];
                Err(PayloadError::MissingValue {
                    column: spec.name.clone(),
                    row: *row,
                    expected: spec.kind,
                })
            }
            None => Ok(()),
        }
    }
}
