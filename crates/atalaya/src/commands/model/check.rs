//! `atalaya model check`: the native answers beside those of the Python original, value by value.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use arrow::array::{Array as _, ArrayRef, AsArray as _, Float64Array, RecordBatch};
use arrow::datatypes::Float64Type;
use atalaya_model::payload::{self, ContentType};
use atalaya_model::{LoadedModel, Method, ModelFiles, Signature};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;

use super::inspect::files_of;
use crate::cli::Check;
use crate::commands::score::input::{self, Batches};
use crate::home::open_beside_with;
use crate::output::{json, say, table};

/// Rows that are compared at a time.
const CHUNK_ROWS: usize = 4 * 1024;
/// The files in which MLflow keeps an input example, the one that is a whole request first.
const EXAMPLES: [&str; 2] = ["serving_input_example.json", "input_example.json"];

/// How one method compares.
#[derive(Debug, Serialize)]
struct Compared {
    method: &'static str,
    values: u64,
    /// Values whose every bit is the same.
    equal: u64,
    /// Largest difference in units in the last place; `None` where the two are not numbers of one kind.
    ulps: Option<u64>,
    /// The row of that difference, from 0.
    row: Option<u64>,
    /// Largest difference as a number.
    difference: f64,
    /// Largest answer of either, without its sign.
    largest: f64,
}

/// Compares and prints. The exit code is 0 when every difference is within the bound, 1 otherwise.
pub(super) async fn run(args: Check) -> anyhow::Result<ExitCode> {
    let files = files_of(&args.model, &args.home.home).await?;
    let native = atalaya_model::load(&files).context("there is no native answer to compare")?;
    let app = open_beside_with(&args.home.home, args.python).await?;
    let original = app.load_original(files.clone(), args.model.clone()).await;
    app.close().await;
    let original = original?;
    let methods = shared_methods(&args, &native, &original)?;
    let (from, mut batches) = rows(&args, &files, native.signature()).await?;
    let mut compared: Vec<Compared> = methods.iter().map(|method| Compared::new(*method)).collect();
    let mut seen = 0;
    while let Some(batch) = batches.try_next().await? {
        for start in (0..batch.num_rows()).step_by(CHUNK_ROWS) {
            let chunk = batch.slice(start, CHUNK_ROWS.min(batch.num_rows() - start));
            let chunk = native.signature().enforce(&chunk)?;
            for (method, compared) in methods.iter().zip(&mut compared) {
                let ours = native.predictor.call(*method, &chunk);
                let theirs = original.predictor.call(*method, &chunk);
                let ours = ours.with_context(|| format!("`{method}`, natively"))?;
                let theirs = theirs.with_context(|| format!("`{method}`, in Python"))?;
                compared.add(&ours, &theirs, seen);
            }
            seen += chunk.num_rows() as u64;
        }
    }
    anyhow::ensure!(seen > 0, "{from} has no rows, so nothing was compared");
    let same = compared.iter().all(|one| one.within(args.tolerance));
    if args.json {
        json(&serde_json::json!({
            "model": args.model,
            "rows": seen,
            "input": from,
            "native": native.reason,
            "original": original.reason,
            "methods": compared,
            "same": same,
        }))?;
    } else {
        print(&args, &from, seen, &original.reason, &compared, same)?;
    }
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn shared_methods(args: &Check, native: &LoadedModel, original: &LoadedModel) -> anyhow::Result<Vec<Method>> {
    let theirs = original.predictor.methods();
    let mut methods = native.predictor.methods();
    methods.retain(|method| theirs.contains(method));
    if let Some(wanted) = args.method {
        anyhow::ensure!(
            methods.contains(&wanted),
            "--method: expected one that both have: {}",
            methods
                .iter()
                .map(|method| method.name())
                .collect::<Vec<_>>()
                .join(", ")
        );
        methods = vec![wanted];
    }
    Ok(methods)
}

/// The rows of `--input`, or of the example that was logged with the model; and what to call them.
async fn rows(args: &Check, files: &ModelFiles, signature: &Signature) -> anyhow::Result<(String, Batches)> {
    if let Some(path) = &args.input {
        let (_, batches) = input::open(path, signature).await?;
        return Ok((path.display().to_string(), batches));
    }
    let example = EXAMPLES.into_iter().find_map(|name| Some((name, files.read(name)?)));
    let (name, bytes) = example.context(
        "the model has no input example (`input_example=` of MLflow's `log_model`); give rows with --input FILE",
    )?;
    let batch = example_batch(bytes, signature).with_context(|| format!("`{name}`"))?;
    Ok((name.to_owned(), stream::iter([Ok(batch)]).boxed()))
}

/// An example is a request, or the inside of one: pandas' `split` form, or a bare list.
fn example_batch(bytes: &[u8], signature: &Signature) -> anyhow::Result<RecordBatch> {
    let decoded = |bytes: &[u8]| payload::decode(ContentType::Json, bytes, signature).map(|request| request.batch);
    let first = match decoded(bytes) {
        Ok(batch) => return Ok(batch),
        Err(error) => error,
    };
    let inside = |name: &str| {
        let mut text = format!("{{\"{name}\":").into_bytes();
        text.extend_from_slice(bytes);
        text.push(b'}');
        text
    };
    let wrapped = ["dataframe_split", "inputs"]
        .into_iter()
        .map(|name| decoded(&inside(name)));
    wrapped.into_iter().find_map(Result::ok).ok_or_else(|| first.into())
}

impl Compared {
    fn new(method: Method) -> Self {
        Self {
            method: method.name(),
            values: 0,
            equal: 0,
            ulps: Some(0),
            row: None,
            difference: 0.0,
            largest: 0.0,
        }
    }

    /// Whether the two are the same but for `tolerance` of the largest answer. A difference is not measured by the answer
    /// that it stands in: a sum that ends near zero has few right bits in the original, too.
    fn within(&self, tolerance: f64) -> bool {
        self.ulps.is_some() && (self.equal == self.values || self.difference <= tolerance * self.largest)
    }

    /// Adds the answers to a chunk that begins at row `first`.
    fn add(&mut self, ours: &ArrayRef, theirs: &ArrayRef, first: u64) {
        let rows = ours.len().max(1);
        let (ours, theirs) = (flat(ours), flat(theirs));
        self.values += ours.len() as u64;
        if ours.len() != theirs.len() || ours.data_type() != theirs.data_type() {
            self.differ(None, first);
            return;
        }
        let width = (ours.len() / rows).max(1);
        let row = |at: usize| first + (at / width) as u64;
        let numbers = (
            ours.as_primitive_opt::<Float64Type>(),
            theirs.as_primitive_opt::<Float64Type>(),
        );
        if let (Some(ours), Some(theirs)) = numbers {
            let single = singles(ours) && singles(theirs);
            for (at, (a, b)) in ours.values().iter().zip(theirs.values()).enumerate() {
                let size = a.abs().max(b.abs());
                if size.is_finite() {
                    self.largest = self.largest.max(size);
                }
                match distance(*a, *b, single) {
                    Some(0) => self.equal += 1,
                    other => {
                        self.difference = self.difference.max((a - b).abs());
                        self.differ(other, row(at));
                    }
                }
            }
            return;
        }
        for at in 0..ours.len() {
            if ours.slice(at, 1).to_data() == theirs.slice(at, 1).to_data() {
                self.equal += 1;
            } else {
                self.differ(None, row(at));
            }
        }
    }

    fn differ(&mut self, ulps: Option<u64>, row: u64) {
        let larger = match (self.ulps, ulps) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(old), Some(new)) => new > old,
        };
        if larger {
            (self.ulps, self.row) = (ulps, Some(row));
        }
    }
}

/// The values inside lists.
fn flat(array: &ArrayRef) -> ArrayRef {
    match array.as_fixed_size_list_opt() {
        Some(list) => flat(list.values()),
        None => ArrayRef::clone(array),
    }
}

/// Whether every value is one of a float32, so that float32 is what the answer's last place belongs to.
#[expect(clippy::cast_possible_truncation, reason = "that nothing is lost is the question")]
fn singles(values: &Float64Array) -> bool {
    let same = |value: &f64| value.is_nan() || f64::from(*value as f32) == *value;
    !values.is_empty() && values.values().iter().all(same)
}

/// Steps between two numbers of one type; `None` when only one of them is a number.
#[expect(clippy::cast_possible_truncation, reason = "they are float32 values")]
fn distance(a: f64, b: f64, single: bool) -> Option<u64> {
    if a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) {
        return Some(0);
    }
    if a.is_nan() || b.is_nan() {
        return None;
    }
    // Sign and magnitude to a line on which neighbours are one apart, the two zeros too.
    let double = |value: f64| {
        let bits = value.to_bits().cast_signed();
        if bits < 0 { bits ^ i64::MAX } else { bits }
    };
    let float = |value: f64| {
        let bits = (value as f32).to_bits().cast_signed();
        i64::from(if bits < 0 { bits ^ i32::MAX } else { bits })
    };
    Some(if single {
        float(a).abs_diff(float(b))
    } else {
        double(a).abs_diff(double(b))
    })
}

fn print(args: &Check, from: &str, rows: u64, original: &str, compared: &[Compared], same: bool) -> anyhow::Result<()> {
    let name = Path::new(&args.model).display();
    say(&format!("{name}: {rows} rows of {from}, natively and in Python"))?;
    say(&format!("original: {original}"))?;
    let cells: Vec<Vec<String>> = compared
        .iter()
        .map(|one| {
            let at = one.row.map_or(String::new(), |row| format!(" (row {row})"));
            let largest = match one.ulps {
                Some(0) => "none".to_owned(),
                Some(ulps) => format!("{ulps} ULP{at}, {:.1e} of the largest", one.difference / one.largest),
                None => format!("not the same kind of value{at}"),
            };
            vec![
                one.method.to_owned(),
                one.values.to_string(),
                one.equal.to_string(),
                largest,
            ]
        })
        .collect();
    say(&table(&["method", "values", "equal", "largest difference"], &cells))?;
    let all_bits = compared.iter().all(|one| one.equal == one.values);
    say(&match (same, all_bits) {
        (true, true) => "every value is the same, to the last bit".to_owned(),
        (true, false) => format!("every difference is within {:e} of the largest answer", args.tolerance),
        (false, _) => format!(
            "the native answers differ from the original's by more than {:e} of the largest",
            args.tolerance
        ),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn doubles(values: &[f64]) -> ArrayRef {
        Arc::new(Float64Array::from(values.to_vec()))
    }

    #[test]
    fn neighbours_are_one_unit_apart_also_around_zero() {
        assert_eq!(distance(1.0, f64::from_bits(1.0f64.to_bits() + 1), false), Some(1));
        assert_eq!(distance(-f64::from_bits(1), f64::from_bits(1), false), Some(3));
        assert_eq!(distance(0.0, -0.0, false), Some(1));
        assert_eq!(
            distance(1.0, f64::from(f32::from_bits(1.0f32.to_bits() + 1)), true),
            Some(1)
        );
        assert_eq!(distance(f64::NAN, 1.0, false), None);
    }

    #[test]
    fn the_largest_difference_keeps_its_row() {
        let mut compared = Compared::new(Method::Predict);
        let next = |steps: u64| f64::from_bits(0.1f64.to_bits() + steps);
        compared.add(&doubles(&[0.1, 0.1, 0.1]), &doubles(&[0.1, next(3), next(1)]), 10);
        assert_eq!((compared.equal, compared.ulps, compared.row), (1, Some(3), Some(11)));
        assert!(compared.within(1e-12) && !compared.within(0.0));
    }

    #[test]
    fn other_kinds_of_answers_never_pass() {
        let mut compared = Compared::new(Method::Predict);
        let words: ArrayRef = Arc::new(arrow::array::StringArray::from(vec!["a", "b"]));
        let other: ArrayRef = Arc::new(arrow::array::StringArray::from(vec!["a", "c"]));
        compared.add(&words, &other, 0);
        assert_eq!((compared.equal, compared.ulps, compared.row), (1, None, Some(1)));
        assert!(!compared.within(f64::MAX));
    }
}
