//! Environments are built once, from wheels that are at hand, and removed when nobody uses them.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use atalaya_worker::environment::{BuildOptions, EnvironmentError, Requirements, clean, ensure, list};

/// A wheel of one module, as `pip` wants it.
fn wheel(folder: &Path, name: &str) {
    let info = format!("{name}-1.0.dist-info");
    let files = [
        (format!("{name}.py"), "value = 1\n".to_owned()),
        (
            format!("{info}/METADATA"),
            format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"),
        ),
        (
            format!("{info}/WHEEL"),
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned(),
        ),
    ];
    let record: String = files.iter().map(|(path, _)| format!("{path},,\n")).collect();
    let record = (format!("{info}/RECORD"), format!("{record}{info}/RECORD,,\n"));
    let file = std::fs::File::create(folder.join(format!("{name}-1.0-py3-none-any.whl"))).unwrap();
    let mut zip = zip::ZipWriter::new(file);
    for (path, text) in files.into_iter().chain([record]) {
        zip.start_file(path, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
}

fn options(root: &Path, python: PathBuf) -> BuildOptions {
    let wheels = root.join("wheels");
    std::fs::create_dir_all(&wheels).unwrap();
    wheel(&wheels, "atalaya_probe");
    let mut options = BuildOptions::new(root.join("environments"), vec![python]);
    options.wheels = Some(wheels);
    options.variables = vec![
        ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
        ("PIP_CONFIG_FILE".to_owned(), "/dev/null".to_owned()),
    ];
    options
}

fn asks_for(lines: &[&str]) -> Requirements {
    Requirements {
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        ..Requirements::default()
    }
}

#[test]
fn an_environment_is_built_once_used_again_and_removed_when_unused() {
    let Some(python) = atalaya_testkit::test_python("an environment") else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let options = options(root.path(), python);
    let wanted = asks_for(&["atalaya_probe==1.0"]);
    // Two at once build one.
    let (first, second) = std::thread::scope(|scope| {
        let build = || ensure(&options, &wanted, &mut |_| {}).unwrap();
        let other = scope.spawn(build);
        (build(), other.join().unwrap())
    });
    assert_eq!(first.hash, second.hash);
    let answer = std::process::Command::new(&first.python)
        .args([
            "-I",
            "-c",
            "import atalaya_probe, sys; print(atalaya_probe.value, sys.prefix != sys.base_prefix)",
        ])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&answer.stdout), "1 True\n");
    let log = std::fs::read_to_string(&first.log).unwrap();
    assert!(
        log.contains("installing the packages") && log.ends_with("the environment is complete\n"),
        "{log}"
    );
    assert_eq!(log.matches("making the virtual environment").count(), 1);
    let mut lines = Vec::new();
    ensure(&options, &wanted, &mut |line| lines.push(line.to_owned())).unwrap();
    assert!(lines.is_empty(), "nothing is built again: {lines:?}");

    let found = list(&options.root).unwrap();
    assert_eq!(
        (found.len(), found[0].in_use, &found[0].requirements),
        (1, true, &wanted.lines)
    );
    assert!(clean(&options.root, 0).unwrap().is_empty(), "it is in use");
    drop((first, second));
    assert_eq!(clean(&options.root, found[0].size_bytes).unwrap(), [], "there is room");
    let removed = clean(&options.root, 0).unwrap();
    assert_eq!((removed.len(), &removed[0].hash), (1, &found[0].hash));
    assert!(list(&options.root).unwrap().is_empty());
}

#[test]
fn a_build_that_fails_says_what_the_tools_said_and_leaves_nothing() {
    let Some(python) = atalaya_testkit::test_python("a build that fails") else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let mut options = options(root.path(), python);
    let error = ensure(&options, &asks_for(&["atalaya_nobody==2"]), &mut |_| {}).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("installing the packages failed") && text.contains("atalaya_nobody==2"),
        "{text}"
    );
    assert!(list(&options.root).unwrap().is_empty());
    let left = std::fs::read_dir(&options.root).unwrap().flatten();
    let left: Vec<_> = left
        .map(|entry| entry.file_name())
        .filter(|name| !name.to_string_lossy().contains('.'))
        .collect();
    assert!(left.is_empty(), "{left:?}");

    options.timeout = std::time::Duration::from_millis(1);
    let error = ensure(&options, &asks_for(&["atalaya_probe"]), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("was ended after"), "{error}");
    let missing = Requirements {
        python: Some("2.1.9".to_owned()),
        ..Requirements::default()
    };
    let error = ensure(&options, &missing, &mut |_| {}).unwrap_err();
    assert!(
        matches!(&error, EnvironmentError::NoPython { wanted, .. } if wanted == "2.1.9"),
        "{error}"
    );
}
