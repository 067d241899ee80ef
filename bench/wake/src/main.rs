//! Wakes models again and again: `wake FOLDER-OF-FORMS CYCLES MODEL-FOLDER…`. Prints a row per model for
//! `docs/design/performance.md`.
//!
//! The folder of compiled forms is atalaya-store's own code, taken by path so that no SQL driver is built for it.
#![allow(clippy::unwrap_used, dead_code)]

#[path = "../../../crates/atalaya-store/src/compiled_forms.rs"]
mod compiled_forms;
#[path = "../../../crates/atalaya-store/src/digest.rs"]
mod digest;
#[path = "../../../crates/atalaya-store/src/map.rs"]
mod map;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use atalaya_model::object::{read_pickle, read_skops};
use atalaya_model::{LoadedModel, ModelFiles, load, load_compiling, wake};
use compiled_forms::CompiledForms;
use digest::Digest;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Loads of the model as it is, for comparison.
const LOADS: usize = 5;

fn main() {
    let mut args = std::env::args().skip(1);
    let forms = CompiledForms::open(Path::new(&args.next().unwrap()), 8 << 30).unwrap();
    let cycles: usize = args.next().unwrap().parse().unwrap();
    println!(
        "| model | file / form, MB | read + SHA-256 | parse | load | first answer after unload, p50 / p99 / max | RSS, MB |"
    );
    println!("|---|---|---|---|---|---|---|");
    for folder in args {
        measure(&forms, cycles, &PathBuf::from(folder));
    }
}

fn files_of(folder: &Path) -> (ModelFiles, Duration, Duration) {
    let started = Instant::now();
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut entries: Vec<PathBuf> = entries.collect();
    entries.sort();
    let pairs: Vec<(String, Arc<[u8]>)> = entries
        .iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let bytes = std::fs::read(path).unwrap();
            std::hint::black_box(Digest::of(&bytes));
            (name, bytes.into())
        })
        .collect();
    let read = started.elapsed();
    let model = pairs.iter().find(|(name, _)| name.starts_with("model.")).unwrap();
    let started = Instant::now();
    if model.0.ends_with(".pkl") {
        std::hint::black_box(read_pickle(&model.1).unwrap().len());
    } else if model.0.ends_with(".skops") {
        std::hint::black_box(read_skops(&model.1).unwrap().len());
    }
    let parsed = started.elapsed();
    (ModelFiles::from_pairs(pairs).unwrap(), read, parsed)
}

fn row(model: &LoadedModel) -> RecordBatch {
    let columns = model.signature().inputs().iter();
    let columns = columns.map(|column| (column.name.clone(), Arc::new(Float64Array::from(vec![0.5])) as ArrayRef));
    RecordBatch::try_from_iter(columns).unwrap()
}

fn measure(forms: &CompiledForms, cycles: usize, folder: &Path) {
    let key = Digest::of(folder.to_str().unwrap().as_bytes());
    let (files, read, parsed) = files_of(folder);
    let (model, form) = load_compiling(&files, key.as_str()).unwrap();
    let form = form.unwrap();
    let batch = row(&model);
    let expected = model.predictor.predict(&batch).unwrap().values;
    drop(model);
    let mut loads = Vec::new();
    for _ in 0..LOADS {
        let started = Instant::now();
        let model = load(&files).unwrap();
        std::hint::black_box(model.predictor.predict(&batch).unwrap());
        loads.push(started.elapsed());
    }
    let (file_bytes, form_bytes) = (files.size_bytes(), form.len());
    forms.put(&key, &form).unwrap();
    drop((files, form));
    let mut first = Vec::with_capacity(cycles);
    let mut resident = Vec::new();
    for cycle in 0..cycles {
        let started = Instant::now();
        let model = wake(forms.map(&key).unwrap(), key.as_str()).unwrap();
        let answer = model.predictor.predict(&batch).unwrap().values;
        first.push(started.elapsed());
        assert_eq!(&answer, &expected);
        drop(model);
        if cycle == 9 || cycle + 1 == cycles {
            resident.push(resident_mb());
        }
    }
    let (p50, p99, max) = (
        quantile(&mut first, 50),
        quantile(&mut first, 99),
        quantile(&mut first, 100),
    );
    println!(
        "| `{}` | {:.1} / {:.1} | {} | {} | {} | **{} / {} / {}** | {:.1} → {:.1} |",
        folder.file_name().unwrap().to_str().unwrap(),
        file_bytes as f64 / 1e6,
        form_bytes as f64 / 1e6,
        ms(read),
        ms(parsed),
        ms(quantile(&mut loads, 50)),
        ms(p50),
        ms(p99),
        ms(max),
        resident[0],
        resident[resident.len() - 1],
    );
}

fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    if ms < 10.0 {
        format!("{ms:.2} ms")
    } else {
        format!("{ms:.0} ms")
    }
}

fn quantile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort();
    times[(times.len() * percent).div_ceil(100).max(1) - 1]
}

/// Resident memory of this process.
fn resident_mb() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4096.0 / 1e6
}
