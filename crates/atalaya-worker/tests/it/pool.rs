//! The queue, joining, poison, crash loops, unloading and the end of a pool.

use std::time::Duration;

use atalaya_worker::{Batching, Event, WorkerError};

use crate::support::{Stage, alive, ask, ask_for, text, until};

#[test]
fn a_full_queue_refuses_at_once() {
    let Some(stage) = Stage::set("a full queue") else {
        return;
    };
    let mut options = stage.options();
    options.max_queue = 2;
    let model = stage.load(options);
    std::thread::scope(|scope| {
        let busy = scope.spawn(|| ask_for(&model, "slow", &[100.0], Duration::from_secs(100)));
        until("the worker is busy", || {
            model.health().in_flight == 1 || busy.is_finished()
        });
        let waiting: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| ask_for(&model, "slow", &[100.0], Duration::from_secs(100))))
            .collect();
        until("two wait", || model.health().queued == 2);
        let refused = ask(&model, "echo", &[1.0]);
        assert!(
            matches!(refused, Err(WorkerError::Overloaded { limit: 2 })),
            "{refused:?}"
        );
        model.close(Duration::ZERO);
        for request in waiting.into_iter().chain([busy]) {
            let outcome = request.join().unwrap();
            assert!(
                matches!(outcome, Err(WorkerError::Closed | WorkerError::Died { .. })),
                "{outcome:?}"
            );
        }
    });
    assert!(matches!(ask(&model, "echo", &[1.0]), Err(WorkerError::Closed)));
}

#[test]
fn requests_that_wait_are_joined_and_fail_alone() {
    let Some(stage) = Stage::set("requests that wait are joined") else {
        return;
    };
    let mut options = stage.options();
    options.batching = Some(Batching {
        max_rows: 100,
        max_wait: Duration::from_millis(300),
    });
    let model = stage.load(options);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..10)
            .map(|tag| {
                let x = if tag == 3 { -1.0 } else { f64::from(tag) };
                let model = &model;
                scope.spawn(move || ask(model, "odd_rows", &[x]))
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    for (tag, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Ok(values) if tag != 3 => assert_eq!(text(values), format!("[{tag}.0]")),
            Err(WorkerError::Raised { .. }) if tag == 3 => {}
            other => panic!("{tag}: {other:?}"),
        }
    }
}

#[test]
fn a_batch_that_ends_workers_is_refused_the_third_time() {
    let Some(stage) = Stage::set("a batch that ends workers") else {
        return;
    };
    let mut options = stage.options();
    options.batching = Some(Batching::default());
    let model = stage.load(options);
    for _ in 0..2 {
        assert!(matches!(ask(&model, "kill", &[6.0]), Err(WorkerError::Died { .. })));
    }
    assert!(matches!(
        ask(&model, "kill", &[6.0]),
        Err(WorkerError::Poison { deaths: 2 })
    ));
    assert!(stage.saw(|event| matches!(event, Event::Poisoned { deaths: 2 })));
    assert_eq!(text(ask(&model, "echo", &[6.0]).unwrap()), "[6.0]");
    assert!(
        matches!(ask(&model, "kill", &[7.0]), Err(WorkerError::Died { .. })),
        "another batch"
    );
}

#[test]
fn a_model_that_keeps_dying_is_a_crash_loop_until_a_person_says_otherwise() {
    let Some(stage) = Stage::set("a crash loop") else {
        return;
    };
    let model = stage.load(stage.options());
    // From now on the model cannot be loaded any more.
    stage.write("model/code/acts.py", "import os\nos._exit(1)\n");
    assert!(matches!(ask(&model, "kill", &[1.0]), Err(WorkerError::Died { .. })));
    until("it is a crash loop", || {
        stage.saw(|event| matches!(event, Event::CrashLoop { deaths: 5, .. }))
    });
    let refused = ask(&model, "echo", &[1.0]);
    assert!(
        matches!(refused, Err(WorkerError::CrashLoop { deaths: 5, .. })),
        "{refused:?}"
    );
    let health = model.health();
    assert_eq!((health.available, health.crash_loop_retry_ms.is_some()), (0, true));
    stage.write("model/code/acts.py", include_str!("acts.py"));
    model.reset();
    assert_eq!(text(ask(&model, "echo", &[1.0]).unwrap()), "[1.0]");
    assert_eq!(model.health().deaths_in_a_row, 0);
}

#[test]
fn an_idle_worker_is_unloaded_and_started_for_the_next_request() {
    let Some(stage) = Stage::set("an idle worker") else {
        return;
    };
    let mut options = stage.options();
    options.idle_unload = Some(Duration::from_millis(200));
    let model = stage.load(options);
    until("it was unloaded", || {
        stage.saw(|event| matches!(event, Event::Unloaded { .. }))
    });
    assert_eq!(model.health().available, 1, "it counts as there");
    until("no process is left", || model.health().pids.is_empty());
    assert_eq!(text(ask(&model, "echo", &[4.0]).unwrap()), "[4.0]");
}

#[test]
fn closing_answers_what_waits_and_leaves_no_process() {
    let Some(stage) = Stage::set("closing") else {
        return;
    };
    stage.write("run/scratch-4294967295-x/old", "of a server that was killed");
    let model = stage.load(stage.options());
    let pids = model.health().pids;
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| ask(&model, "slow", &[0.5]));
        until("the worker is busy", || {
            model.health().in_flight == 1 || asked.is_finished()
        });
        let closer = scope.spawn(|| model.close(Duration::from_secs(60)));
        assert_eq!(text(asked.join().unwrap().unwrap()), "[0.5]");
        closer.join().unwrap();
    });
    assert_eq!(pids.iter().filter(|pid| alive(**pid)).count(), 0);
    let left: Vec<_> = std::fs::read_dir(stage.folder.path().join("run"))
        .unwrap()
        .flatten()
        .collect();
    assert_eq!(left.len(), 1, "only the script: {left:?}");
}
