//! When a worker that died may be started again: 100 ms doubled per death with jitter, up to 30 s, and a crash loop after
//! five deaths within a minute. Pure: time and chance are arguments.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);
/// So many deaths within [`WINDOW`] are a crash loop.
const LOOP_DEATHS: usize = 5;
const WINDOW: Duration = Duration::from_secs(60);
/// A worker that answered and lived so long counts as well: the deaths before it are forgotten.
const PROVEN: Duration = Duration::from_secs(60);

/// The deaths of a model's workers.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    recent: VecDeque<Instant>,
    in_a_row: u32,
    next: Option<Instant>,
    looping: bool,
}

impl Backoff {
    /// Notes a death. `jitter` is a draw from 0 to 1; whether this one made a crash loop.
    pub(crate) fn death(&mut self, now: Instant, jitter: f64) -> bool {
        if self
            .recent
            .back()
            .is_some_and(|last| now.saturating_duration_since(*last) > PROVEN)
        {
            self.in_a_row = 0;
            self.looping = false;
        }
        self.in_a_row += 1;
        self.recent.push_back(now);
        while self
            .recent
            .front()
            .is_some_and(|first| now.saturating_duration_since(*first) > WINDOW)
        {
            self.recent.pop_front();
        }
        // Ten doublings are beyond the longest wait already.
        let wait = FIRST.saturating_mul(1 << (self.in_a_row - 1).min(10)).min(LONGEST);
        let begins = self.recent.len() >= LOOP_DEATHS && !self.looping;
        self.looping |= begins;
        let wait = if self.looping { LONGEST } else { wait };
        // Between three quarters and all of it, so that the workers of many models do not start as one.
        self.next = Some(now + wait.mul_f64(0.75 + 0.25 * jitter.clamp(0.0, 1.0)));
        begins
    }

    /// Notes an answer; whether it ended a crash loop.
    pub(crate) fn answered(&mut self) -> bool {
        self.in_a_row = 0;
        self.next = None;
        // A model that answers between deaths has no crash loop, it has requests that end it.
        self.recent.clear();
        std::mem::take(&mut self.looping)
    }

    /// Forgets everything: a person says that the reason is gone.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// How long to wait before the next start.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.next
            .map_or(Duration::ZERO, |next| next.saturating_duration_since(now))
    }

    /// Deaths in a row, while requests should be refused at once.
    pub(crate) fn crash_loop(&self, now: Instant) -> Option<(u32, Duration)> {
        let wait = self.wait(now);
        (self.looping && !wait.is_zero()).then_some((self.in_a_row, wait))
    }

    pub(crate) fn deaths_in_a_row(&self) -> u32 {
        self.in_a_row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_the_fifth_death_is_a_loop() {
        let mut backoff = Backoff::default();
        let start = Instant::now();
        let waits: Vec<(bool, u128)> = (0..6)
            .map(|second| {
                let now = start + Duration::from_secs(second);
                (backoff.death(now, 1.0), backoff.wait(now).as_millis())
            })
            .collect();
        let expected = [
            (false, 100),
            (false, 200),
            (false, 400),
            (false, 800),
            (true, 30_000),
            (false, 30_000),
        ];
        assert_eq!(waits, expected);
        assert_eq!(
            backoff
                .crash_loop(start + Duration::from_secs(5))
                .map(|(deaths, _)| deaths),
            Some(6)
        );
        assert_eq!(
            backoff.crash_loop(start + Duration::from_secs(60)),
            None,
            "the next one is tried"
        );
    }

    #[test]
    fn an_answer_ends_the_loop_and_the_waiting() {
        let mut backoff = Backoff::default();
        let now = Instant::now();
        let begun = (0..5).filter(|_| backoff.death(now, 0.0)).count();
        assert_eq!((begun, backoff.answered(), backoff.answered()), (1, true, false));
        assert_eq!((backoff.wait(now), backoff.crash_loop(now)), (Duration::ZERO, None));
        assert!(!backoff.death(now, 0.0), "the deaths before were forgotten");
    }

    #[test]
    fn jitter_only_shortens_and_the_wait_is_bounded() {
        for deaths in 1..40u32 {
            let mut backoff = Backoff::default();
            let start = Instant::now();
            // Far enough apart to be no loop, near enough to be in a row.
            let mut now = start;
            for _ in 0..deaths {
                now += Duration::from_secs(20);
                backoff.death(now, 0.0);
            }
            assert!(backoff.wait(now) <= LONGEST);
            assert!(backoff.wait(now) >= FIRST.mul_f64(0.75));
        }
    }
}
