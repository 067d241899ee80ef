//! A worker sees and reaches nothing that it was not given, and what it does to itself stays with it.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use arrow_array::cast::AsArray as _;
use atalaya_worker::{Event, SandboxNeed, WorkerError};

use crate::support::{Stage, alive, ask, ask_for, text, until};

/// Enough rows for a list of answers.
const MANY: [f64; 40] = [0.0; 40];

#[test]
fn everything_that_a_worker_may_not_do_is_refused() {
    let Some(stage) = Stage::set("what a worker may not do") else {
        return;
    };
    let mut options = stage.options();
    options.sandbox = SandboxNeed::Required;
    let model = stage.load(options);
    // As many rows as there are attempts: the count is in the error of a first try.
    let error = ask(&model, "everything", &MANY).unwrap_err().to_string();
    let attempts: usize = error
        .split("it has ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .unwrap()
        .parse()
        .unwrap();
    let answers = ask(&model, "everything", &MANY[..attempts]).unwrap();
    let answers: Vec<&str> = answers.as_string::<i32>().iter().flatten().collect();
    assert!(attempts >= 24, "{answers:?}");
    for answer in answers {
        let refused = answer.ends_with("PermissionError") || answer.ends_with("OSError");
        let allowed = answer.starts_with("write_home");
        assert!(refused != allowed, "{answer}");
    }
    assert!(stage.saw(|event| matches!(event, Event::Started { sandbox, .. }
        if sandbox.contains("seccomp=on no_new_privs=on capabilities=none session=on") && !sandbox.contains("landlock=off"))));
    assert!(!std::path::Path::new("/tmp/atalaya-worker-was-here").exists());
}

#[test]
fn nothing_of_the_server_is_inherited() {
    let Some(stage) = Stage::set("nothing is inherited") else {
        return;
    };
    let _open_without_reason = std::fs::File::open(stage.model().join("MLmodel")).unwrap();
    let model = stage.load(stage.options());
    let answer = ask(&model, "inherited", &[0.0, 0.0]).unwrap();
    let answer = answer.as_string::<i32>();
    let names: Vec<&str> = answer.value(0).split(", ").collect();
    for name in [
        "CARGO_MANIFEST_DIR",
        "CARGO",
        "RUST_BACKTRACE",
        "PWD",
        "ATALAYA_TEST_PYTHON",
    ] {
        assert!(!names.contains(&name), "{names:?}");
    }
    assert!(names.contains(&"HOME") && names.contains(&"OMP_NUM_THREADS"));
    // Standard input, output and error, the socket, and the folder that is being listed.
    assert_eq!(answer.value(1).split(", ").count(), 5, "{}", answer.value(1));
}

#[test]
fn a_worker_that_dies_fails_its_request_at_once_and_is_replaced() {
    let Some(stage) = Stage::set("a worker that dies") else {
        return;
    };
    let model = stage.load(stage.options());
    for (act, cause) in [("kill", "signal 9"), ("crash", "signal 11"), ("exit", "exit code 3")] {
        match ask(&model, act, &[1.0]) {
            Err(WorkerError::Died { cause: found }) => assert_eq!(found, cause),
            other => panic!("{act}: {other:?}"),
        }
        assert_eq!(text(ask(&model, "echo", &[1.0]).unwrap()), "[1.0]", "after {act}");
    }
    assert!(
        model.log_tails().iter().all(|tail| !tail.contains("1.0")),
        "no value is printed"
    );
}

#[test]
fn a_worker_that_is_killed_from_outside_while_it_works() {
    let Some(stage) = Stage::set("killed from outside") else {
        return;
    };
    let model = stage.load(stage.options());
    let pid = model.health().pids[0];
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| ask(&model, "slow", &[100.0]));
        until("the worker is busy", || {
            model.health().queued == 0 && !asked.is_finished()
        });
        Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
        match asked.join().unwrap() {
            Err(WorkerError::Died { cause }) => assert_eq!(cause, "signal 9"),
            other => panic!("{other:?}"),
        }
    });
    until("another worker is there", || model.health().available == 1);
    assert_ne!(model.health().pids[0], pid);
}

#[test]
fn a_hang_ends_at_the_deadline() {
    let Some(stage) = Stage::set("a hang") else {
        return;
    };
    let model = stage.load(stage.options());
    for act in ["loop", "deaf_loop", "stop"] {
        let pid = text(ask(&model, "pid", &[1.0]).unwrap());
        let pid: u32 = pid.trim_matches(['[', ']']).parse().unwrap();
        let outcome = ask_for(&model, act, &[1.0], Duration::from_millis(300));
        assert!(
            matches!(outcome, Err(WorkerError::Deadline { timeout_ms: 300 })),
            "{act}: {outcome:?}"
        );
        until("the worker is gone", || !alive(pid));
    }
    assert_eq!(text(ask(&model, "echo", &[2.0]).unwrap()), "[2.0]");
}

#[test]
fn memory_and_files_have_limits() {
    let Some(stage) = Stage::set("memory and files") else {
        return;
    };
    let mut options = stage.options();
    options.limits.memory_bytes = 600 << 20;
    options.limits.scratch_bytes = 20 << 20;
    let model = stage.load(options);
    let error = ask(&model, "hog", &[1.0]).unwrap_err();
    assert!(
        error.to_string().contains("MemoryError"),
        "private memory is refused: {error}"
    );
    let error = ask(&model, "mapped", &[f64::from(1 << 30)]).unwrap_err();
    assert!(
        error.to_string().contains("bytes of memory"),
        "the watchdog ends it: {error}"
    );
    let error = ask(&model, "fill", &[1.0]).unwrap_err();
    assert!(error.to_string().contains("bytes of files"), "{error}");
    assert_eq!(text(ask(&model, "echo", &[3.0]).unwrap()), "[3.0]");
}

#[test]
fn a_worker_that_grows_is_replaced_between_requests() {
    let Some(stage) = Stage::set("a worker that grows") else {
        return;
    };
    let mut options = stage.options();
    options.limits.memory_bytes = 600 << 20;
    let model = stage.load(options);
    let leak = f64::from(40 << 20);
    for _ in 0..24 {
        assert_eq!(ask(&model, "leak", &[leak]).unwrap().len(), 1, "no request fails");
    }
    assert!(stage.saw(|event| matches!(event, Event::Replaced { .. })));
    assert!(!stage.saw(|event| matches!(event, Event::Died { .. })));
}

#[test]
fn output_is_harmless_and_bounded() {
    let Some(stage) = Stage::set("output") else {
        return;
    };
    let model = stage.load(stage.options());
    assert_eq!(text(ask(&model, "noise", &[1.0]).unwrap()), "[1.0]");
    until("the end of the output was read", || {
        model.log_tails()[0].contains("no text")
    });
    let tail = &model.log_tails()[0];
    assert!(
        tail.contains("earlier bytes were dropped") && tail.len() < 80 << 10,
        "{}",
        tail.len()
    );
}

#[test]
fn no_worker_outlives_the_server() {
    let Some(_stage) = Stage::set("no worker outlives the server") else {
        return;
    };
    let program = std::env::current_exe().unwrap();
    let mut server = Command::new(program)
        .args(["--exact", "isolation::a_server_that_waits", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let pid = lines
        .map_while(Result::ok)
        .find_map(|line| line.split_once("worker=")?.1.trim().parse::<u32>().ok());
    let pid = pid.expect("the server says which worker it has");
    assert!(alive(pid));
    server.kill().unwrap();
    server.wait().unwrap();
    until("the worker is gone too", || !alive(pid));
}

/// Not a test: the process that [`no_worker_outlives_the_server`] ends, with a worker that does not listen.
#[test]
#[ignore = "started by another test"]
fn a_server_that_waits() {
    let stage = Stage::set("a server that waits").unwrap();
    let model = stage.load(stage.options());
    println!("worker={}", model.health().pids[0]);
    let _killed_before = ask_for(&model, "deaf_loop", &[1.0], Duration::from_secs(120));
}
