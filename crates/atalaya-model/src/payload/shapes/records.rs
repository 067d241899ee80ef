//! Rows as a list of objects. Records mostly repeat the first one's keys in its order, which makes finding a column
//! one comparison.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::payload::columns::Columns;
use crate::payload::error::PayloadError;
use crate::payload::json::Scanner;
use crate::payload::limits::MAX_FIELDS;
use crate::signature::ColumnSpec;

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
    let mut reader = Reader::new();
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
    /// Whether every record so far had exactly the signature's columns in its order; then nothing else is kept.
    straight: bool,
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
    fn new() -> Self {
        Self {
            straight: true,
            order: Vec::new(),
            last_row: Vec::new(),
            first_gap: Vec::new(),
            others: HashSet::new(),
        }
    }

    /// One record, from its `{`.
    fn record(&mut self, row: usize, scanner: &mut Scanner<'a>, columns: &mut Columns<'_>) -> Result<(), PayloadError> {
        let mut more = scanner.open_object()?;
        let mut place = 0;
        let mut known = 0;
        let mut pending = None;
        if self.straight {
            let inputs = columns.signature.inputs();
            while more {
                let key = scanner.key()?;
                if inputs.get(place).is_none_or(|column| column.name != key) {
                    pending = Some(key);
                    break;
                }
                super::cell(scanner, columns, Some(place))?;
                place += 1;
                more = scanner.next_field()?;
            }
            if !more && place == inputs.len() {
                return Ok(());
            }
            self.leave_straight(row, place, columns);
            known = place;
        }
        let first = row == 0;
        // As long as every key is the first record's at that place, no key can stand twice.
        let mut as_first = !first;
        while more {
            let key = match pending.take() {
                Some(key) => key,
                None => scanner.key()?,
            };
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

    /// Writes down what was known without it: earlier records had every column, this one the first `place`.
    #[cold]
    fn leave_straight(&mut self, row: usize, place: usize, columns: &Columns<'_>) {
        self.straight = false;
        let inputs = columns.signature.inputs();
        self.last_row = vec![row; inputs.len()];
        self.last_row[..place].fill(row + 1);
        let keys = if row == 0 { place } else { inputs.len() };
        let key = |(position, column): (usize, &ColumnSpec)| (Cow::Owned(column.name.clone()), Some(position));
        self.order = inputs[..keys].iter().enumerate().map(key).collect();
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
        let column = columns.signature.position_near(&key, place);
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
        // Of the last record, which stands for all of them.
        let others = self.others.iter().map(|name| &**name);
        super::refuse_missing(columns.signature, never, others)?;
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
