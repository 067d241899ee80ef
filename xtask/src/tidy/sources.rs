//! Rules that a single source file keeps or breaks: its header, its length, the length of its handlers, its names,
//! who reads the environment, and that no test sleeps.

use super::Finding;
use super::rust::{Definition, Rust};
use super::walk::SourceFile;

const MAX_PRODUCTION_LINES: usize = 800;
const MAX_HANDLER_LINES: usize = 40;
const HANDLERS: &str = "crates/atalaya-server/src/api/";
/// Names in here follow foreign wire formats.
const FOREIGN_NAMES: &str = HANDLERS;
const BANNED_ENDINGS: &[&str] = &["Manager", "Helper", "Helpers", "Util", "Utils", "Info", "Data"];
const BANNED_FILES: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "misc", "types", "core", "manager",
];
const SLEEPS: &[&str] = &["sleep", "sleep_until", "sleep_ms"];
/// The binary's configuration reads the environment; the others are told.
const READS_ENVIRONMENT: &[&str] = &["crates/atalaya/", "crates/atalaya-testkit/", "xtask/"];

/// Everything to mend in one file.
pub(super) fn check(file: &SourceFile) -> Vec<Finding> {
    if file.path.ends_with(".py") {
        return python_sleeps(file);
    }
    let rust = Rust::parse(&file.text);
    let all_test = is_test_file(&file.path);
    let mut findings: Vec<Finding> = header(file).into_iter().collect();
    findings.extend(file_name(file));
    findings.extend(sleeps(file, &rust, all_test));
    findings.extend(names(file, &rust));
    if !all_test {
        findings.extend(length(file, &rust));
        findings.extend(handlers(file, &rust));
        findings.extend(environment(file, &rust));
    }
    findings
}

/// Files under `tests/`, and modules called `tests` or `…_test` that a `#[cfg(test)] mod` names from elsewhere.
fn is_test_file(path: &str) -> bool {
    let module = path.ends_with("_test.rs") || path.ends_with("_tests.rs");
    module
        || path
            .split('/')
            .any(|part| matches!(part, "tests" | "tests.rs" | "benches"))
}

fn found(file: &SourceFile, line: usize, what: String, why: &'static str, fix: &'static str) -> Finding {
    Finding {
        path: file.path.clone(),
        line,
        what,
        why,
        fix,
    }
}

fn header(file: &SourceFile) -> Option<Finding> {
    (!file.text.starts_with("//!")).then(|| {
        found(
            file,
            1,
            "the file does not open with `//!`".into(),
            "a reader wants to know what it is the only place for",
            "open it with one to five sentences of `//!`",
        )
    })
}

fn file_name(file: &SourceFile) -> Option<Finding> {
    let stem = file.path.rsplit('/').next()?.strip_suffix(".rs")?;
    BANNED_FILES.contains(&stem).then(|| {
        found(
            file,
            1,
            format!("a module is called `{stem}`"),
            "such a module says nothing and collects everything",
            "name it after what it is the only place for",
        )
    })
}

fn length(file: &SourceFile, rust: &Rust) -> Option<Finding> {
    let lines = rust.production_lines();
    (lines > MAX_PRODUCTION_LINES).then(|| {
        found(
            file,
            MAX_PRODUCTION_LINES + 1,
            format!("{lines} production lines, at most {MAX_PRODUCTION_LINES}"),
            "nobody reads that in one sitting",
            "find the seam and make two modules",
        )
    })
}

/// Handlers are the asynchronous functions under `server/api`.
fn handlers(file: &SourceFile, rust: &Rust) -> Vec<Finding> {
    if !file.path.starts_with(HANDLERS) {
        return Vec::new();
    }
    let long = rust
        .functions()
        .into_iter()
        .filter(|function| function.asynchronous && function.lines > MAX_HANDLER_LINES && !rust.is_test(function.line));
    long.map(|function| {
        found(
            file,
            function.line,
            format!(
                "handler `{}` has {} lines, at most {MAX_HANDLER_LINES}",
                function.name, function.lines
            ),
            "a handler unpacks, makes one call and converts",
            "move what it decides to crates/atalaya-server/src/app",
        )
    })
    .collect()
}

fn environment(file: &SourceFile, rust: &Rust) -> Vec<Finding> {
    if READS_ENVIRONMENT.iter().any(|folder| file.path.starts_with(folder)) {
        return Vec::new();
    }
    let reads = ["env::var", "env::var_os", "env::vars"]
        .into_iter()
        .flat_map(|word| rust.lines_with(word));
    reads
        .filter(|line| !rust.is_test(*line))
        .map(|line| {
            found(
                file,
                line,
                "reads the environment".into(),
                "configuration has one door, crates/atalaya",
                "take the value as an argument",
            )
        })
        .collect()
}

fn sleeps(file: &SourceFile, rust: &Rust, all_test: bool) -> Vec<Finding> {
    let lines = SLEEPS.iter().flat_map(|word| rust.lines_with(word));
    lines
        .filter(|line| all_test || rust.is_test(*line))
        .map(|line| sleep_at(file, line))
        .collect()
}

fn python_sleeps(file: &SourceFile) -> Vec<Finding> {
    if !is_test_file(&file.path) {
        return Vec::new();
    }
    let lines = file.text.lines().enumerate();
    lines
        .filter(|(_, line)| line.split('#').next().is_some_and(|code| code.contains("sleep(")))
        .map(|(index, _)| sleep_at(file, index + 1))
        .collect()
}

fn sleep_at(file: &SourceFile, line: usize) -> Finding {
    found(
        file,
        line,
        "a test sleeps".into(),
        "it is slow on a fast machine and fails on a slow one",
        "wait for the event, or poll for the condition with a deadline",
    )
}

fn names(file: &SourceFile, rust: &Rust) -> Vec<Finding> {
    if file.path.starts_with(FOREIGN_NAMES) {
        return Vec::new();
    }
    let definitions = rust.definitions().into_iter();
    definitions
        .filter_map(|definition| {
            let fix = banned(&definition)?;
            let what = format!("{} `{}`", definition.kind, definition.name);
            Some(found(
                file,
                definition.line,
                what,
                "the vocabulary of CONTRIBUTING.md bans the name",
                fix,
            ))
        })
        .collect()
}

fn banned(definition: &Definition) -> Option<&'static str> {
    let name = definition.name.as_str();
    match definition.kind {
        "fn" if name.starts_with("get_") => Some("drop `get_`: name what comes back"),
        "field" if name.starts_with("is_") => Some("drop `is_`, or make the two states an enum"),
        "struct" | "enum" | "trait" | "type" if BANNED_ENDINGS.iter().any(|ending| name.ends_with(ending)) => {
            Some("say what it does or holds")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whats(path: &str, text: &str) -> Vec<(usize, String)> {
        let file = SourceFile {
            path: path.into(),
            text: text.into(),
        };
        check(&file)
            .into_iter()
            .map(|finding| (finding.line, finding.what))
            .collect()
    }

    #[test]
    fn a_file_opens_with_what_it_is_for() {
        assert_eq!(whats("crates/a/src/x.rs", "//! x\n"), []);
        assert_eq!(whats("crates/a/src/x.rs", "use x;\n").len(), 1);
    }

    #[test]
    fn production_lines_are_bounded_and_tests_are_not() {
        let long = "//! x\n".to_owned() + &"const _: u8 = 1;\n".repeat(MAX_PRODUCTION_LINES);
        assert_eq!(
            whats("crates/a/src/x.rs", &long),
            [(801, "801 production lines, at most 800".to_owned())]
        );
        assert_eq!(whats("crates/a/tests/it/x.rs", &long), []);
        let tested = format!(
            "//! x\n#[cfg(test)]\nmod tests {{\n{}}}\n",
            "const _: u8 = 1;\n".repeat(900)
        );
        assert_eq!(whats("crates/a/src/x.rs", &tested), []);
    }

    #[test]
    fn a_long_handler_is_found_and_a_long_table_of_routes_is_not() {
        let body = "    x();\n".repeat(MAX_HANDLER_LINES);
        let text = format!("//! x\nfn routes() {{\n{body}}}\nasync fn create() {{\n{body}}}\n");
        let found = whats("crates/atalaya-server/src/api/x.rs", &text);
        assert_eq!(found, [(44, "handler `create` has 42 lines, at most 40".to_owned())]);
        assert_eq!(whats("crates/atalaya-server/src/app/x.rs", &text), []);
    }

    #[test]
    fn tests_do_not_sleep_in_either_language() {
        let text = "//! x\nfn wait() { sleep(1); }\n#[cfg(test)]\nmod tests {\n    fn t() { thread::sleep(x); }\n}\n";
        assert_eq!(whats("crates/a/src/x.rs", text), [(5, "a test sleeps".to_owned())]);
        assert_eq!(whats("crates/a/tests/it/x.rs", text).len(), 2);
        assert_eq!(
            whats("tests/test_x.py", "import time\ntime.sleep(1)\n# sleep(\n"),
            [(2, "a test sleeps".to_owned())]
        );
        assert_eq!(whats("fixtures/make_x.py", "time.sleep(1)\n"), []);
    }

    #[test]
    fn banned_names_are_found_outside_the_foreign_api() {
        let text = "//! x\nstruct RunManager {\n    is_done: bool,\n}\nfn get_run() {}\nfn target() {}\n";
        let found: Vec<usize> = whats("crates/a/src/x.rs", text)
            .into_iter()
            .map(|(line, _)| line)
            .collect();
        assert_eq!(found, [2, 3, 5]);
        assert_eq!(whats("crates/atalaya-server/src/api/x.rs", text), []);
        assert_eq!(
            whats("crates/a/src/utils.rs", "//! x\n"),
            [(1, "a module is called `utils`".to_owned())]
        );
    }

    #[test]
    fn only_the_binary_reads_the_environment() {
        let text = "//! x\nfn f() { std::env::var(\"X\"); }\n";
        assert_eq!(
            whats("crates/atalaya-store/src/x.rs", text),
            [(2, "reads the environment".to_owned())]
        );
        assert_eq!(whats("crates/atalaya-store/src/disk_test.rs", text), []);
        assert_eq!(whats("crates/atalaya/src/config.rs", text), []);
    }
}
