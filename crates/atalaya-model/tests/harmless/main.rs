//! Model files can do no harm: hostile ones, made here, and good ones are read in a thread that the kernel lets do nothing
//! but take memory and write; each hostile one ends in the error that it should, within memory in proportion to its size
//! and within the processor time of its process.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::too_many_lines, reason = "tables of files")]

mod boosters;
mod cage;
mod good;
mod graphs;
mod manifests;
mod mutations;
mod pickled_objects;
mod pickles;
mod schemas;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;

use atalaya_model::{FLAVORS, LoadError, Manifest, ModelFiles, inspect, load};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Memory that any file may take, and memory per byte of it: the readers' own limits, and what the two that may follow one
/// another take together.
const FREE_BYTES: usize = 128 << 20;
const BYTES_PER_FILE_BYTE: usize = 16;

/// What must come of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// `LoadError::Manifest`.
    Manifest,
    /// `LoadError::FileMissing`.
    Missing,
    /// `LoadError::Malformed`: nothing should run it.
    Malformed,
    /// `LoadError::Unsupported`: Python may run it, in a sandbox.
    Unsupported,
    /// It is odd, and yet a model.
    Loads,
}

/// A model folder made to harm its reader.
struct Hostile {
    name: String,
    files: ModelFiles,
    expected: Verdict,
    /// A part of the error.
    said: &'static str,
}

impl Hostile {
    fn new(name: impl Into<String>, files: ModelFiles, expected: Verdict, said: &'static str) -> Self {
        Self {
            name: name.into(),
            files,
            expected,
            said,
        }
    }
}

/// A folder of an `MLmodel` file and one model file.
fn folder(manifest: &str, path: &str, bytes: impl Into<Arc<[u8]>>) -> ModelFiles {
    ModelFiles::from_pairs([("MLmodel", Arc::from(manifest.as_bytes())), (path, bytes.into())]).unwrap()
}

/// What the flavor that the manifest names makes of the files, and its words.
fn verdict(files: &ModelFiles) -> (Verdict, String) {
    let manifest = match Manifest::parse(files.read("MLmodel").unwrap()) {
        Ok(manifest) => manifest,
        Err(error) => return (Verdict::Manifest, error.to_string()),
    };
    let named = FLAVORS.iter().find(|flavor| manifest.flavor(flavor.name()).is_some());
    let Some(flavor) = named else {
        return (Verdict::Unsupported, "no native flavor".to_owned());
    };
    match flavor.load(&manifest, files) {
        Ok(_) => (Verdict::Loads, String::new()),
        Err(LoadError::Malformed { reason }) => (Verdict::Malformed, reason),
        Err(LoadError::Unsupported { reason }) => (Verdict::Unsupported, reason),
        Err(error @ LoadError::FileMissing { .. }) => (Verdict::Missing, error.to_string()),
        Err(error) => panic!("an error that no flavor gives: {error}"),
    }
}

/// Reads every file in the cage, in every way that the product does; what went wrong, a line each.
fn read_all(hostile: Vec<Hostile>) -> String {
    cage::caged(move || {
        let mut wrong = String::new();
        for one in hostile {
            eprintln!("reading {}", one.name);
            let bytes = usize::try_from(one.files.size_bytes()).unwrap();
            MEMORY.reset_peak_usage();
            let before = MEMORY.current_usage();
            let (found, said) = verdict(&one.files);
            let loaded = load(&one.files).is_ok();
            let inspected = inspect(&one.files).is_ok_and(|inspection| inspection.loaded.is_some());
            let most = MEMORY.peak_usage().saturating_sub(before);
            if found != one.expected || !said.contains(one.said) {
                writeln!(
                    wrong,
                    "{}: expected {:?} `{}`, found {found:?} `{said}`",
                    one.name, one.expected, one.said
                )
                .unwrap();
            }
            if loaded != (found == Verdict::Loads) || inspected != loaded {
                writeln!(wrong, "{}: its readers do not agree", one.name).unwrap();
            }
            if most > FREE_BYTES + BYTES_PER_FILE_BYTE * bytes {
                writeln!(wrong, "{}: {bytes} bytes take {most} bytes of memory", one.name).unwrap();
            }
            eprintln!(
                "{}: {found:?}, {said}\n  {bytes} bytes took {most} bytes of memory",
                one.name
            );
        }
        wrong
    })
}

/// Runs a family's child, and repeats what it found wrong.
fn harmless(name: &str) {
    let output = cage::child(name);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{name}: {}\n{said}", cage::ending(&output));
    assert!(said.contains("1 passed"), "{name} did not run: {said}");
    println!("{}", String::from_utf8_lossy(&output.stderr));
}

fn check(hostile: Vec<Hostile>) {
    let wrong = read_all(hostile);
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// A test that does its work in a child of its own.
macro_rules! caged {
    ($($name:ident, $child:ident: $work:expr;)*) => {$(
        #[test]
        #[ignore = "another test starts it in a process of its own"]
        fn $child() {
            $work;
        }

        #[test]
        fn $name() {
            harmless(stringify!($child));
        }
    )*};
}

caged! {
    no_pickle_does_harm, caged_pickles: check(pickles::all());
    no_skops_archive_does_harm, caged_schemas: check(schemas::all());
    no_booster_does_harm, caged_boosters: check(boosters::all());
    no_graph_does_harm, caged_graphs: check(graphs::all());
    no_manifest_does_harm, caged_manifests: check(manifests::all());
    good_models_need_nothing_but_memory, caged_good_models: good::read_all();
    no_changed_pickle_does_harm, caged_changed_pickles: mutations::pickles();
    no_changed_skops_archive_does_harm, caged_changed_schemas: mutations::schemas();
    no_changed_xgboost_file_does_harm, caged_changed_xgboost: mutations::xgboost();
    no_changed_lightgbm_text_does_harm, caged_changed_lightgbm: mutations::lightgbm();
    no_changed_graph_does_harm, caged_changed_graphs: mutations::onnx();
    no_changed_manifest_does_harm, caged_changed_manifests: mutations::manifests();
    no_changed_request_does_harm, caged_changed_requests: mutations::payloads();
}

#[test]
fn there_are_many_hostile_files_and_each_is_another() {
    let all = [
        pickles::all(),
        schemas::all(),
        boosters::all(),
        graphs::all(),
        manifests::all(),
    ];
    let mut names = BTreeMap::new();
    for one in all.into_iter().flatten() {
        let bytes: Vec<Vec<u8>> = one
            .files
            .paths()
            .map(|path| one.files.read(path).unwrap().to_vec())
            .collect();
        if let Some(same) = names.insert(bytes, one.name.clone()) {
            panic!("{} and {same} are the same", one.name);
        }
    }
    println!("{} hostile files", names.len());
    assert!(names.len() >= 100, "{}", names.len());
}

// That the cage holds is shown by trying to leave it.

#[test]
#[ignore = "runs in the child of `the_cage_holds`"]
#[expect(clippy::disallowed_methods, reason = "what no reader may do")]
fn caged_file() {
    cage::caged(|| drop(std::fs::read("/dev/null")));
}

#[test]
#[ignore = "runs in the child of `the_cage_holds`"]
#[expect(clippy::disallowed_types, reason = "what no reader may do")]
fn caged_socket() {
    cage::caged(|| drop(std::net::TcpListener::bind("127.0.0.1:0")));
}

#[test]
#[ignore = "runs in the child of `the_cage_holds`"]
#[expect(clippy::disallowed_types, reason = "what no reader may do")]
fn caged_process() {
    cage::caged(|| drop(std::process::Command::new("true").status()));
}

#[test]
fn the_cage_holds() {
    for name in ["caged_file", "caged_socket", "caged_process"] {
        let output = cage::child(name);
        assert_eq!(
            output.status.signal(),
            Some(cage::REFUSED),
            "{name}: {}",
            cage::ending(&output)
        );
    }
}
