//! Nanoseconds per row of one tree ensemble that `bench/inference/peers.py` has written as plain numbers, with each set of
//! vector instructions and for one row at a time, after its sums were compared with the library's, bit by bit.
//! `bench/inference/run` calls it; usage: `ensemble_bench FOLDER MODEL`.
#![expect(clippy::disallowed_methods, reason = "a measurement reads a clock and files")]

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use atalaya_model::ensemble::{Builder, Ensemble, Level, Missing, Node, Number, Rules, Side, Table, Tree};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, model] = &arguments[..] else {
        return Err("usage: ensemble_bench FOLDER MODEL".into());
    };
    let read = |name: String| std::fs::read(Path::new(folder).join(name));
    let bytes = read(format!("{model}.trees"))?;
    let mut dump = Dump(&bytes);
    let (single_input, single_sum) = (dump.int()? == 1, dump.int()? == 1);
    let rows: Vec<f32> = read("x".to_owned())?
        .as_chunks()
        .0
        .iter()
        .map(|chunk| f32::from_le_bytes(*chunk))
        .collect();
    let raw: Vec<f64> = read(format!("{model}.raw"))?
        .as_chunks()
        .0
        .iter()
        .map(|chunk| f64::from_le_bytes(*chunk))
        .collect();
    match (single_input, single_sum) {
        (true, true) => measure::<f32, f32>(&mut dump, &rows, &raw),
        (true, false) => measure::<f32, f64>(&mut dump, &rows, &raw),
        (false, _) => measure::<f64, f64>(&mut dump, &rows, &raw),
    }
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

fn measure<X: Number, Y: Number>(dump: &mut Dump<'_>, rows: &[f32], raw: &[f64]) -> Result<()> {
    let strict = dump.int()? == 1;
    let columns = usize::try_from(dump.int()?)?;
    let base = Y::round_down(dump.double()?);
    let ensemble: Ensemble<X, Y> = read(dump, columns, strict)?;
    let values: Vec<X> = rows.iter().map(|x| X::round_down(f64::from(*x))).collect();
    let table = Table::from_rows(&values, columns);
    for level in Level::available() {
        let mut sums = Vec::new();
        let nanoseconds = time(|| {
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

fn time(run: impl FnOnce()) -> f64 {
    let started = Instant::now();
    run();
    started.elapsed().as_secs_f64() * 1e9
}
