//! The `params` of a request: checked against what the model declares, completed with its defaults.
//!
//! As MLflow's scorer, with three differences: a name that the model does not declare is refused (MLflow logs a warning
//! and drops it), and so is a number beyond the declared type (MLflow passes any Python integer on); `45.0` is taken for
//! an integer, since the value stays the same. A model that declares no params ignores them, as MLflow does.

use super::columns::microseconds;
use super::error::{ParamProblem, PayloadError};
use super::json::{Scanner, Token};
use super::number;
use crate::predictor::{ParamValue, Params};
use crate::signature::{ColumnType, ParamSpec, Signature, closest};

/// Values of one list.
const MAX_VALUES: usize = 100_000;

/// Reads the object of params, from its `{`.
pub(super) fn read(scanner: &mut Scanner<'_>, signature: &Signature) -> Result<Params, PayloadError> {
    let specs = signature.params();
    if specs.is_empty() {
        scanner.skip_value()?;
        return Ok(Params::default());
    }
    let mut given: Vec<Option<ParamValue>> = vec![None; specs.len()];
    let mut more = scanner.open_object()?;
    while more {
        let key = scanner.key()?;
        let Some(position) = specs.iter().position(|spec| spec.name == key) else {
            return Err(unknown(&key, specs));
        };
        let spec = &specs[position];
        if given[position].is_some() {
            return Err(error(spec, ParamProblem::Twice));
        }
        given[position] = Some(value(scanner, spec)?);
        more = scanner.next_field()?;
    }
    complete(specs, given)
}

/// The defaults of all params, for a request that gives none.
pub(super) fn defaults(signature: &Signature) -> Result<Params, PayloadError> {
    let specs = signature.params();
    if specs.is_empty() {
        return Ok(Params::default());
    }
    complete(specs, vec![None; specs.len()])
}

fn complete(specs: &[ParamSpec], given: Vec<Option<ParamValue>>) -> Result<Params, PayloadError> {
    let mut params = Params::default();
    for (spec, given) in specs.iter().zip(given) {
        let value = match given {
            Some(given) => given,
            None => value(&mut Scanner::new(&spec.default), spec).map_err(|_| error(spec, ParamProblem::Default))?,
        };
        params.push(spec.name.as_str(), value);
    }
    Ok(params)
}

#[cold]
fn unknown(key: &str, specs: &[ParamSpec]) -> PayloadError {
    let names = specs.iter().map(|spec| spec.name.as_str());
    PayloadError::UnknownParam {
        declared: names.clone().map(str::to_owned).collect(),
        close: closest(names, key).map(str::to_owned),
    }
}

#[cold]
fn error(spec: &ParamSpec, problem: ParamProblem) -> PayloadError {
    PayloadError::Param {
        param: spec.name.clone(),
        expected: spec.dtype.clone(),
        problem,
    }
}

/// A value of the declared type and shape; `null` for any type, as MLflow takes it.
fn value(scanner: &mut Scanner<'_>, spec: &ParamSpec) -> Result<ParamValue, PayloadError> {
    let start = scanner.peek();
    if spec.dtype == "object" {
        let mark = scanner.mark();
        scanner.skip_value()?;
        return match start {
            Some(b'{') => Ok(ParamValue::Object(scanner.since(mark).to_owned())),
            Some(b'n') => Ok(ParamValue::Null),
            _ => Err(error(spec, ParamProblem::NoObject)),
        };
    }
    match (spec.list, start) {
        (true, Some(b'[')) => {
            let mut values = Vec::new();
            let mut more = scanner.open_list()?;
            while more {
                if values.len() == MAX_VALUES {
                    return Err(PayloadError::TooMany {
                        what: "values of one param",
                        limit: MAX_VALUES,
                    });
                }
                values.push(scalar(scanner, spec)?);
                more = scanner.next_element()?;
            }
            Ok(ParamValue::List(values))
        }
        (true, _) => {
            scanner.skip_value()?;
            Err(error(spec, ParamProblem::NoList))
        }
        (false, _) => scalar(scanner, spec),
    }
}

fn scalar(scanner: &mut Scanner<'_>, spec: &ParamSpec) -> Result<ParamValue, PayloadError> {
    let token = scanner.token()?;
    if token == Token::Nested {
        // Bad JSON is told apart from a value of the wrong kind.
        scanner.skip_value()?;
    }
    let kind = ColumnType::parse(&spec.dtype);
    let value = match (kind, token) {
        (_, Token::Null) => Some(ParamValue::Null),
        (Some(ColumnType::Boolean), Token::Bool(value)) => Some(ParamValue::Boolean(value)),
        (Some(ColumnType::Long), Token::Number(number)) => number::to_i64(number).ok().map(ParamValue::Long),
        (Some(ColumnType::Integer), Token::Number(number)) => {
            let value = number::to_i32(number).ok();
            value.map(|value| ParamValue::Long(i64::from(value)))
        }
        (Some(ColumnType::Double | ColumnType::Float), Token::Number(number)) => {
            number::to_f64(number).ok().map(ParamValue::Double)
        }
        (Some(ColumnType::Double | ColumnType::Float), Token::Word(value)) => Some(ParamValue::Double(value)),
        (Some(ColumnType::String), Token::Text(text)) => Some(ParamValue::String(text.into_owned())),
        (Some(ColumnType::Datetime), Token::Text(text)) => microseconds(&text).ok().map(ParamValue::Datetime),
        _ => None,
    };
    value.ok_or_else(|| error(spec, ParamProblem::Type))
}
