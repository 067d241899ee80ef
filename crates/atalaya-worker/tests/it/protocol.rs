//! A worker that breaks the protocol: its request fails with a type, the next one is answered, answers are never mixed.

use std::time::Duration;

use atalaya_worker::{Batching, WorkerError};

use crate::support::{Stage, ask, ask_for, text};

#[test]
fn whatever_a_worker_sends_the_next_request_is_answered() {
    let Some(stage) = Stage::set("whatever a worker sends") else {
        return;
    };
    let model = stage.load(stage.options());
    for (act, protocol) in [
        ("garbage", true),
        ("huge", true),
        ("wrong_id", true),
        ("no_arrow", true),
        ("half", false),
        ("long", false),
        ("closed", false),
    ] {
        let outcome = ask(&model, act, &[1.0]);
        match outcome {
            Err(WorkerError::Protocol { .. }) if protocol => {}
            Err(WorkerError::Died { .. }) if !protocol => {}
            other => panic!("{act}: {other:?}"),
        }
        assert_eq!(text(ask(&model, "echo", &[7.0]).unwrap()), "[7.0]", "after {act}");
    }
    let hung = ask_for(&model, "half_and_hang", &[1.0], Duration::from_millis(500));
    assert!(matches!(hung, Err(WorkerError::Deadline { .. })), "{hung:?}");
    assert_eq!(text(ask(&model, "echo", &[8.0]).unwrap()), "[8.0]");
}

#[test]
fn answers_are_never_mixed_up() {
    let Some(stage) = Stage::set("answers are never mixed up") else {
        return;
    };
    let mut options = stage.options();
    options.workers = 2;
    options.max_queue = 1000;
    options.batching = Some(Batching::default());
    let model = stage.load(options);
    let asked = 8 * 500;
    let wrong = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|caller| {
                let model = &model;
                scope.spawn(move || {
                    let mut wrong = 0;
                    for number in 0..500 {
                        let tag = f64::from(caller * 1000 + number);
                        let rows = vec![tag; 1 + usize::try_from(number % 3).unwrap()];
                        let expected = format!("[{}]", vec![format!("{tag:.1}"); rows.len()].join(", "));
                        wrong += u32::from(ask(model, "echo", &rows).ok().map(text) != Some(expected));
                    }
                    wrong
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum::<u32>()
    });
    assert_eq!(wrong, 0, "of {asked}");
}

#[test]
fn answers_that_nobody_asked_for_reach_nobody() {
    let Some(stage) = Stage::set("answers that nobody asked for") else {
        return;
    };
    let model = stage.load(stage.options());
    // From the next request on, the worker sends false answers beside each true one.
    assert_eq!(text(ask(&model, "twice", &[5.0]).unwrap()), "[5.0]");
    for tag in 0..6 {
        let tag = f64::from(tag);
        match ask(&model, "echo", &[tag]) {
            Ok(values) => assert_eq!(text(values), format!("[{tag:.1}]")),
            Err(error) => assert!(matches!(error, WorkerError::Protocol { .. }), "{error:?}"),
        }
    }
    assert_eq!(text(ask(&model, "echo", &[9.0]).unwrap()), "[9.0]");
}
