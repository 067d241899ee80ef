//! The fixtures with a few bytes changed, thousands of them for each reader, the same on every run: none makes a reader
//! panic, take memory out of proportion, or need anything outside of the cage. What `make fuzz` looks for, without nightly.

use std::sync::Arc;

use atalaya_model::payload::{ContentType, MAX_ERROR_BYTES, decode};
use atalaya_model::{ColumnSpec, ColumnType, ModelFiles, Signature, inspect};

use super::{BYTES_PER_FILE_BYTE, FREE_BYTES, MEMORY, cage, folder, good};

/// Changed files per reader.
const TRIES: usize = 20_000;
/// Largest fixture that is changed; larger ones take long and show no more.
const LARGEST: usize = 6_000;
/// Most changes of one file.
const CHANGES: u64 = 4;
/// Fewest changed files that a reader must take, or what comes after reading was hardly tried.
const TAKEN: usize = TRIES / 500;

/// A generator of numbers that needs no seed from outside: xorshift64*, Vigna 2016.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap()
    }

    fn of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }
}

/// Numbers that readers stumble over, as text.
const WORDS: [&[u8]; 12] = [
    b"-1",
    b"0",
    b"255",
    b"65536",
    b"2147483647",
    b"-2147483648",
    b"4294967296",
    b"9223372036854775807",
    b"18446744073709551616",
    b"1e999",
    b"NaN",
    b"\"\"",
];
/// The same, as bytes.
const WIDE: [u64; 8] = [
    0,
    1,
    0x7f,
    0xff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

/// Changes `bytes` in one of the ways in which fuzzers do.
fn change(bytes: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
    let at = numbers.below(bytes.len());
    let end = (at + 1 + numbers.below(32)).min(bytes.len());
    if bytes.is_empty() {
        bytes.push(0);
    }
    match numbers.below(10) {
        0 => bytes[at] ^= 1 << numbers.below(8),
        1 => bytes[at] = numbers.next().to_le_bytes()[0],
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let copied = bytes[at..end].to_vec();
            let to = numbers.below(bytes.len());
            drop(bytes.splice(to..to, copied));
        }
        5 => {
            let from = numbers.below(other.len());
            let part = &other[from..(from + 64).min(other.len())];
            drop(bytes.splice(at..end, part.iter().copied()));
        }
        6 | 7 => {
            // A number of a text becomes another.
            let digits = bytes[at..]
                .iter()
                .position(u8::is_ascii_digit)
                .map_or(at, |found| at + found);
            let length = bytes[digits..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            drop(bytes.splice(digits..digits + length, numbers.of(&WORDS).iter().copied()));
        }
        _ => {
            let wide = *numbers.of(&WIDE);
            let wide = if numbers.below(2) == 0 {
                wide.to_le_bytes()
            } else {
                wide.to_be_bytes()
            };
            let wide = numbers.of(&[&wide[..], &wide[..4], &wide[4..], &wide[..2]]).to_vec();
            let end = (at + wide.len()).min(bytes.len());
            drop(bytes.splice(at..end, wide));
        }
    }
}

/// The small fixtures whose paths end so.
fn seeds(ends: &[&str]) -> Vec<Vec<u8>> {
    let files = atalaya_testkit::read_folder(&atalaya_testkit::fixtures());
    let wanted = files
        .into_iter()
        .filter(|(path, bytes)| ends.iter().any(|end| path.ends_with(end)) && bytes.len() <= LARGEST);
    wanted.map(|(_, bytes)| bytes).collect()
}

/// Gives changed seeds to `read`, in the cage. It says whether it took them; `least` must be taken.
fn change_all(seeds: Vec<Vec<u8>>, least: usize, read: impl Fn(&[u8]) -> bool + Send + 'static) {
    assert!(seeds.len() >= 4, "only {} seeds", seeds.len());
    let taken = cage::caged(move || {
        let mut taken = 0;
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        for _ in 0..TRIES {
            let mut bytes = numbers.of(&seeds).clone();
            for _ in 0..=numbers.next() % CHANGES {
                let other = numbers.of(&seeds);
                change(&mut bytes, other, &mut numbers);
            }
            MEMORY.reset_peak_usage();
            let before = MEMORY.current_usage();
            taken += usize::from(read(&bytes));
            let most = MEMORY.peak_usage().saturating_sub(before);
            assert!(
                most <= FREE_BYTES + BYTES_PER_FILE_BYTE * bytes.len(),
                "{} bytes take {most} bytes of memory",
                bytes.len()
            );
        }
        taken
    });
    eprintln!("{taken} of {TRIES} changed files were taken");
    assert!(taken >= least, "only {taken} changed files were taken");
}

/// Looks into a folder, and asks the model if there is one.
fn look(files: &ModelFiles) -> bool {
    let loaded = inspect(files).ok().and_then(|inspection| inspection.loaded);
    if let Some(model) = &loaded {
        good::ask(model);
    }
    loaded.is_some()
}

fn models(ends: &[&str], manifest: &'static str, path: &'static str) {
    change_all(seeds(ends), TAKEN, move |bytes| look(&folder(manifest, path, bytes)));
}

pub(crate) fn pickles() {
    let manifest = "flavors:\n  sklearn:\n    pickled_model: model.pkl\n    serialization_format: pickle\n    sklearn_version: 1.9.1\n";
    models(&[".pkl"], manifest, "model.pkl");
}

pub(crate) fn schemas() {
    let manifest = "flavors:\n  sklearn:\n    pickled_model: model.skops\n    serialization_format: skops\n    sklearn_version: 1.9.1\n";
    // The checksums of the archive find almost every change.
    change_all(seeds(&[".skops"]), 0, move |bytes| {
        look(&folder(manifest, "model.skops", bytes))
    });
}

pub(crate) fn xgboost() {
    let ends = [
        "model.ubj",
        "model.json",
        ".ubj",
        "range.json",
        "loop.json",
        "array.json",
    ];
    models(&ends, "flavors:\n  xgboost:\n    data: model.ubj\n", "model.ubj");
}

pub(crate) fn lightgbm() {
    models(
        &["model.lgb", ".txt"],
        "flavors:\n  lightgbm:\n    data: model.lgb\n",
        "model.lgb",
    );
}

pub(crate) fn onnx() {
    models(&[".onnx"], "flavors:\n  onnx:\n    data: model.onnx\n", "model.onnx");
}

pub(crate) fn manifests() {
    change_all(seeds(&["/MLmodel"]), TAKEN, |bytes| {
        let files = ModelFiles::from_pairs([("MLmodel", Arc::<[u8]>::from(bytes))]).unwrap();
        inspect(&files).is_ok()
    });
}

pub(crate) fn payloads() {
    let column = |name: &str, kind| ColumnSpec::required(name, kind);
    let columns = vec![
        column("bmi", ColumnType::Double),
        column("age", ColumnType::Long),
        column("sex", ColumnType::String),
        column("at", ColumnType::Datetime),
    ];
    let signature = Signature::new(columns, vec![], vec![]).unwrap();
    let bodies = [
        r#"{"dataframe_records": [{"bmi": 27.3, "age": 45, "sex": "f", "at": "2026-01-02T03:04:05Z"}]}"#,
        r#"{"dataframe_split": {"columns": ["bmi", "age", "sex", "at"], "index": [0], "data": [[1, 2, "a", 3]]}}"#,
        r#"{"instances": [[27.3, 45, "\ud83d\ude00", "2026-01-02"]], "params": {}, "stream": true}"#,
        r#"{"inputs": {"bmi": [1e-3, -0.0], "age": [4, 5], "sex": ["", "é"], "at": [1, 2]}}"#,
        "bmi,age,sex,at\n27.3,45,\"a \"\"b\"\"\",2026-01-02\n",
    ];
    let bodies = bodies.into_iter().map(|body| body.as_bytes().to_vec()).collect();
    change_all(bodies, TAKEN, move |body| {
        let decoded = [ContentType::Json, ContentType::Csv].map(|content_type| decode(content_type, body, &signature));
        for request in &decoded {
            match request {
                Ok(request) => assert_eq!(request.batch.schema(), signature.arrow_schema()),
                Err(error) => assert!(error.to_string().len() <= MAX_ERROR_BYTES),
            }
        }
        decoded.iter().any(Result::is_ok)
    });
}
