//! Rows as lists of values (`dataframe_split`, 2-D lists), and columns as lists of values (`inputs`).

use std::collections::HashSet;

use super::{Layout, Names, SPLIT, cell};
use crate::payload::columns::Columns;
use crate::payload::error::PayloadError;
use crate::payload::json::{Scanner, Token};
use crate::payload::limits::MAX_FIELDS;
use crate::signature::Signature;

/// `{"columns": [...], "index": [...], "data": [[...], ...]}`, in any order; gives the number of rows.
pub(super) fn split(scanner: &mut Scanner<'_>, columns: &mut Columns<'_>) -> Result<usize, PayloadError> {
    let signature = columns.signature;
    let (mut names, mut seen_names) = (None, false);
    let mut rows = None;
    let mut data_mark = None;
    let mut seen_index = false;
    let mut more = scanner.open_object()?;
    while more {
        let key = scanner.key()?;
        match &*key {
            "columns" if !seen_names => {
                seen_names = true;
                names = Some(column_names(scanner, signature)?);
            }
            "data" if rows.is_none() && data_mark.is_none() => match names.take() {
                Some(names) => rows = Some(data(scanner, columns, names)?),
                // Without `columns`, which may still come, nobody knows what the values are.
                None => {
                    data_mark = Some(scanner.mark());
                    scanner.skip_value()?;
                }
            },
            "index" if !seen_index => {
                seen_index = true;
                scanner.skip_value()?;
            }
            "columns" => return Err(PayloadError::DuplicateField { field: "columns" }),
            "data" => return Err(PayloadError::DuplicateField { field: "data" }),
            "index" => return Err(PayloadError::DuplicateField { field: "index" }),
            _ => {
                let expected = "an object with `columns`, `data` and, if need be, `index`";
                return Err(PayloadError::Field { field: SPLIT, expected });
            }
        }
        more = scanner.next_field()?;
    }
    match (rows, data_mark) {
        (Some(rows), _) => Ok(rows),
        (None, Some(mark)) => {
            let end = scanner.mark();
            scanner.back_to(mark);
            let rows = data(
                scanner,
                columns,
                names.unwrap_or_else(|| Names::new("columns", signature)),
            )?;
            scanner.back_to(end);
            Ok(rows)
        }
        (None, None) => Err(PayloadError::Field {
            field: SPLIT,
            expected: super::expected(SPLIT),
        }),
    }
}

/// A list of names; pandas writes those of a frame without names as numbers.
fn column_names<'s>(scanner: &mut Scanner<'_>, signature: &'s Signature) -> Result<Names<'s>, PayloadError> {
    const EXPECTED: PayloadError = PayloadError::Field {
        field: "columns",
        expected: "a list of column names",
    };
    if scanner.peek() != Some(b'[') {
        scanner.skip_value()?;
        return Err(EXPECTED);
    }
    let mut names = Names::new("columns", signature);
    let mut more = scanner.open_list()?;
    while more {
        match scanner.token()? {
            Token::Text(name) => names.push(&name)?,
            Token::Number(name) => names.push(name.text())?,
            _ => return Err(EXPECTED),
        }
        more = scanner.next_element()?;
    }
    Ok(names)
}

fn data(scanner: &mut Scanner<'_>, columns: &mut Columns<'_>, names: Names<'_>) -> Result<usize, PayloadError> {
    const EXPECTED: PayloadError = PayloadError::Field {
        field: "data",
        expected: "a list of rows",
    };
    if scanner.peek() != Some(b'[') {
        scanner.skip_value()?;
        return Err(EXPECTED);
    }
    let signature = columns.signature;
    let layout = if names.count() == 0 && signature.positional() {
        Layout::by_position(signature)
    } else {
        names.layout()?
    };
    if scanner.open_list()? {
        rows("data", scanner, columns, &layout)
    } else {
        Ok(0)
    }
}

/// The rows of a list that is open and not empty.
pub(super) fn rows(
    field: &'static str,
    scanner: &mut Scanner<'_>,
    columns: &mut Columns<'_>,
    layout: &Layout,
) -> Result<usize, PayloadError> {
    let mut rows = 0;
    loop {
        if scanner.peek() != Some(b'[') {
            scanner.skip_value()?;
            return Err(PayloadError::Field {
                field,
                expected: "a list of rows: every element a list",
            });
        }
        columns.check_room(rows)?;
        row(rows, scanner, columns, layout)?;
        layout.fill_absent(columns)?;
        rows += 1;
        if !scanner.next_element()? {
            return Ok(rows);
        }
    }
}

/// One row, from its `[`.
fn row(row: usize, scanner: &mut Scanner<'_>, columns: &mut Columns<'_>, layout: &Layout) -> Result<(), PayloadError> {
    let expected = layout.width();
    let mut found = 0;
    let mut more = scanner.open_list()?;
    while more {
        found += 1;
        if found > MAX_FIELDS {
            break;
        }
        cell(scanner, columns, layout.column(found - 1))?;
        more = scanner.next_element()?;
    }
    if found == expected {
        Ok(())
    } else {
        Err(PayloadError::Ragged { row, expected, found })
    }
}

/// The values of one column, from a list that is open and not empty; gives their number.
pub(super) fn values(
    scanner: &mut Scanner<'_>,
    columns: &mut Columns<'_>,
    column: usize,
) -> Result<usize, PayloadError> {
    let mut rows = 0;
    loop {
        columns.check_room(rows)?;
        cell(scanner, columns, Some(column))?;
        rows += 1;
        if !scanner.next_element()? {
            return Ok(rows);
        }
    }
}

/// `{"a": [1, 2], "b": [3, 4]}`, or one row as `{"a": 1, "b": 3}`; gives the number of rows.
pub(super) fn by_column(
    field: &'static str,
    scanner: &mut Scanner<'_>,
    columns: &mut Columns<'_>,
) -> Result<usize, PayloadError> {
    let signature = columns.signature;
    let mut others = HashSet::new();
    // Most bodies keep the signature's order.
    let mut next = 0;
    let mut seen = vec![false; signature.inputs().len()];
    let mut rows = None;
    let mut more = scanner.open_object()?;
    if !more {
        return Err(PayloadError::NoRows { field });
    }
    while more {
        let key = scanner.key()?;
        let column = signature.position_near(&key, next);
        next = column.map_or(next, |column| column + 1);
        let fresh = match column {
            Some(column) => !std::mem::replace(&mut seen[column], true),
            None => others.insert(key),
        };
        if !fresh {
            let column = column.map(|column| signature.inputs()[column].name.clone());
            return Err(PayloadError::DuplicateColumn { column, row: None });
        }
        if others.len() > MAX_FIELDS {
            return Err(PayloadError::too_many_fields());
        }
        match column {
            None => scanner.skip_value()?,
            Some(column) => {
                let found = column_values(scanner, columns, column)?;
                let expected = *rows.get_or_insert(found);
                if found != expected {
                    let column = signature.inputs()[column].name.clone();
                    return Err(PayloadError::Uneven {
                        column,
                        expected,
                        found,
                    });
                }
            }
        }
        more = scanner.next_field()?;
    }
    let absent: Vec<usize> = (0..seen.len()).filter(|position| !seen[*position]).collect();
    super::refuse_missing(signature, absent.iter().copied(), others.iter().map(|name| &**name))?;
    let rows = rows.unwrap_or(0);
    for position in absent {
        for _ in 0..rows {
            columns.push_null(position);
        }
    }
    Ok(rows)
}

/// A list of values, or a single one.
fn column_values(scanner: &mut Scanner<'_>, columns: &mut Columns<'_>, column: usize) -> Result<usize, PayloadError> {
    if scanner.peek() == Some(b'[') {
        return if scanner.open_list()? {
            values(scanner, columns, column)
        } else {
            Ok(0)
        };
    }
    cell(scanner, columns, Some(column))?;
    Ok(1)
}
