//! Nanoseconds per row of one model that `bench/inference/peers.py` has written: of the sum of its trees' leaves, where it has
//! trees, with each set of vector instructions and for one row at a time; and of whole predictions, from an Arrow batch to
//! labels and probabilities. Every answer is first compared with the library's, bit by bit. `bench/inference/run` calls it;
//! usage: `inference_bench FOLDER MODEL`.
#![expect(clippy::disallowed_methods, reason = "a measurement reads a clock and files")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, Float32Array, RecordBatch};
use atalaya_model::ensemble::{Builder, Ensemble, Level, Missing, Node, Number, Rules, Side, Table, Tree};
use atalaya_model::{ModelFiles, Predictions, Signature, load};
use atalaya_testkit::read_folder;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, model] = &arguments[..] else {
        return Err("usage: inference_bench FOLDER MODEL".into());
    };
    let folder = Path::new(folder);
    let rows: Vec<f32> = std::fs::read(folder.join("x"))?
        .as_chunks()
        .0
        .iter()
        .map(|chunk| f32::from_le_bytes(*chunk))
        .collect();
    if let Ok(bytes) = std::fs::read(folder.join(format!("{model}.trees"))) {
        let raw = doubles(&folder.join(format!("{model}.raw")))?;
        let mut dump = Dump(&bytes);
        let (single_input, single_sum) = (dump.int()? == 1, dump.int()? == 1);
        match (single_input, single_sum) {
            (true, true) => sums::<f32, f32>(&mut dump, &rows, &raw)?,
            (true, false) => sums::<f32, f64>(&mut dump, &rows, &raw)?,
            (false, _) => sums::<f64, f64>(&mut dump, &rows, &raw)?,
        }
    }
    let expected = doubles(&folder.join(format!("{model}.whole")))?;
    whole(&folder.join(model), &rows, &expected)
}

fn doubles(path: &Path) -> Result<Vec<f64>> {
    let bytes = std::fs::read(path)?;
    let chunks = bytes.as_chunks().0.iter();
    Ok(chunks.map(|chunk| f64::from_le_bytes(*chunk)).collect())
}

/// Columns of the rows; the first ones when the model has fewer.
const COLUMNS: usize = 20;

/// Whole predictions of the model in a folder.
fn whole(folder: &Path, rows: &[f32], expected: &[f64]) -> Result<()> {
    let files = read_folder(folder)
        .into_iter()
        .map(|(path, bytes)| (path, Arc::from(bytes)));
    let model = load(&ModelFiles::from_pairs::<String, Arc<[u8]>>(files)?)?;
    let everything = batch(model.signature(), rows)?;
    let answers = answers(&model.predictor.predict(&everything)?);
    let differing = answers
        .iter()
        .zip(expected)
        .filter(|(ours, theirs)| ours.to_bits() != theirs.to_bits());
    let differing = differing.count();
    if differing > 0 || answers.len() != expected.len() {
        return Err(format!("{differing} of {} answers are not the library's", expected.len()).into());
    }
    let singles = rows.chunks_exact(COLUMNS).take(512);
    let singles: Vec<RecordBatch> = singles
        .map(|row| batch(model.signature(), row))
        .collect::<Result<_>>()?;
    let widest = Level::best();
    for (name, level) in [("portable", Level::Portable), ("widest", widest)] {
        level.limit();
        let mut rows = 0;
        let nanoseconds = best(|| {
            let found = model.predictor.predict(black_box(&everything));
            rows = found.map_or(0, |found| found.values.len());
        });
        println!("whole {name} {:.1}", nanoseconds / rows as f64);
        let mut times: Vec<f64> = Vec::new();
        for single in singles.iter().cycle().take(6000) {
            times.push(time(|| drop(black_box(model.predictor.predict(black_box(single))))));
        }
        times.sort_by(f64::total_cmp);
        println!("whole {name} one row {:.1}", times[times.len() / 2]);
    }
    Ok(())
}

/// Rows as the signature's columns.
fn batch(signature: &Signature, rows: &[f32]) -> Result<RecordBatch> {
    let schema = signature.arrow_schema();
    let columns = schema.fields().iter().enumerate().map(|(at, field)| {
        let column: ArrayRef = Arc::new(Float32Array::from_iter_values(
            rows.iter().skip(at).step_by(COLUMNS).copied(),
        ));
        arrow_cast::cast(&column, field.data_type())
    });
    let columns = columns.collect::<std::result::Result<_, _>>()?;
    Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
}

/// Probabilities, or what the model predicts when it has none.
fn answers(predictions: &Predictions) -> Vec<f64> {
    let values = match &predictions.probabilities {
        Some(probabilities) => probabilities.as_fixed_size_list().values(),
        None => &predictions.values,
    };
    values.as_primitive::<Float64Type>().values().to_vec()
}

/// Little-endian numbers, one after the other.
struct Dump<'a>(&'a [u8]);

impl Dump<'_> {
    fn int(&mut self) -> Result<i32> {
        let (chunk, rest) = self.0.split_first_chunk().ok_or("the file ends too early")?;
        self.0 = rest;
        Ok(i32::from_le_bytes(*chunk))
    }

    fn double(&mut self) -> Result<f64> {
        let (chunk, rest) = self.0.split_first_chunk().ok_or("the file ends too early")?;
        self.0 = rest;
        Ok(f64::from_le_bytes(*chunk))
    }
}

/// Sums of leaves.
fn sums<X: Number, Y: Number>(dump: &mut Dump<'_>, rows: &[f32], raw: &[f64]) -> Result<()> {
    let strict = dump.int()? == 1;
    let columns = usize::try_from(dump.int()?)?;
    let base = Y::round_down(dump.double()?);
    let ensemble: Ensemble<X, Y> = read(dump, columns, strict)?;
    let values: Vec<X> = rows.iter().map(|x| X::round_down(f64::from(*x))).collect();
    let table = Table::from_rows(&values, columns);
    for level in Level::available() {
        let mut sums = Vec::new();
        let nanoseconds = best(|| {
            sums.clear();
            sums.resize(table.rows(), base);
            ensemble.add_on(*level, black_box(table), &mut sums);
        });
        let same = sums
            .iter()
            .zip(raw)
            .all(|(sum, raw)| sum.to_f64().to_bits() == raw.to_bits());
        if !same || sums.len() != raw.len() {
            return Err("the sums are not the library's".into());
        }
        let name = format!("{level:?}").to_lowercase();
        println!("{name} {:.1}", nanoseconds / table.rows() as f64);
    }
    let mut times: Vec<f64> = Vec::new();
    for row in values.chunks_exact(columns).take(512).cycle().take(6000) {
        let mut sums = [base];
        times.push(time(|| {
            ensemble.add_to(black_box(Table::from_rows(row, columns)), black_box(&mut sums));
        }));
    }
    times.sort_by(f64::total_cmp);
    println!("one row {:.1}", times[times.len() / 2]);
    Ok(())
}

/// The trees: feature or -1, left, right, whether missing values go left, threshold, value, for each node.
fn read<X: Number, Y: Number>(dump: &mut Dump<'_>, columns: usize, strict: bool) -> Result<Ensemble<X, Y>> {
    let mut builder = Builder::new(columns, 1, Rules::default());
    for _ in 0..dump.int()? {
        let mut nodes = Vec::new();
        let mut values = Vec::new();
        for _ in 0..dump.int()? {
            let (feature, left, right) = (dump.int()?, dump.int()?, dump.int()?);
            let side = if dump.int()? == 1 { Side::Left } else { Side::Right };
            let (threshold, value) = (X::round_down(dump.double()?), Y::round_down(dump.double()?));
            let Ok(feature) = u32::try_from(feature) else {
                nodes.push(Node::Leaf {
                    leaf: u32::try_from(values.len())?,
                });
                values.push(value);
                continue;
            };
            let (left, right) = (u32::try_from(left)?, u32::try_from(right)?);
            let node = if strict { Node::less_than } else { Node::at_most };
            nodes.push(node(feature, threshold, Missing::Nan(side), left, right));
        }
        builder.add(Tree {
            first: 0,
            width: 1,
            nodes,
            values,
        })?;
    }
    Ok(builder.build())
}

/// The best of three runs.
fn best(mut run: impl FnMut()) -> f64 {
    (0..3).map(|_| time(&mut run)).fold(f64::INFINITY, f64::min)
}

fn time(run: impl FnOnce()) -> f64 {
    let started = Instant::now();
    run();
    started.elapsed().as_secs_f64() * 1e9
}
