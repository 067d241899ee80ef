//! What happened while a model was made ready: read by its owner while it goes on, and afterwards.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SecondsFormat, Utc};

use crate::clock::Clock;

/// Longest log; its oldest lines give way.
const TEXT_BYTES_MAX: usize = 256 << 10;
/// Longest line.
const LINE_BYTES_MAX: usize = 4 << 10;
/// Logs that are kept; those of models that nobody has loaded give way.
const LOGS_MAX: usize = 256;

/// The lines of one model, oldest first.
pub(crate) struct BuildLog {
    clock: Arc<dyn Clock>,
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    /// Milliseconds since 1970 and the words.
    kept: VecDeque<(i64, String)>,
    bytes: usize,
    dropped: u64,
}

impl BuildLog {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            clock,
            lines: Mutex::default(),
        })
    }

    /// Adds a line; control characters are left out.
    pub(super) fn line(&self, words: &str) {
        let mut text = String::new();
        for c in words.chars().filter(|c| !c.is_control()) {
            if text.len() + c.len_utf8() > LINE_BYTES_MAX {
                break;
            }
            text.push(c);
        }
        let mut lines = self.lock();
        lines.bytes += text.len();
        lines.kept.push_back((self.clock.now().0, text));
        while lines.bytes > TEXT_BYTES_MAX {
            let Some((_, oldest)) = lines.kept.pop_front() else {
                break;
            };
            lines.bytes -= oldest.len();
            lines.dropped += 1;
        }
    }

    /// The newest line.
    pub(crate) fn last(&self) -> Option<String> {
        self.lock().kept.back().map(|(_, words)| words.clone())
    }

    /// Every line with its time.
    pub(crate) fn text(&self) -> String {
        let lines = self.lock();
        let mut text = String::new();
        if lines.dropped > 0 {
            let _ = writeln!(text, "[{} older lines are dropped]", lines.dropped);
        }
        for (at, words) in &lines.kept {
            let at = DateTime::<Utc>::from_timestamp_millis(*at).unwrap_or_default();
            let _ = writeln!(text, "{} {words}", at.to_rfc3339_opts(SecondsFormat::Secs, true));
        }
        text
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The newest log of each model version, by `NAME/VERSION`.
#[derive(Default)]
pub(super) struct BuildLogs(Mutex<HashMap<String, Arc<BuildLog>>>);

impl BuildLogs {
    /// Keeps a version's log, in the place of an older one.
    pub(super) fn keep(&self, version: &str, log: &Arc<BuildLog>) {
        let mut logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if logs.len() >= LOGS_MAX {
            // Who has a model loaded holds its log.
            logs.retain(|_, log| Arc::strong_count(log) > 1);
        }
        logs.insert(version.to_owned(), Arc::clone(log));
    }

    pub(super) fn of(&self, version: &str) -> Option<Arc<BuildLog>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(version)
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn a_log_keeps_its_newest_lines_and_says_how_many_are_gone() {
        let log = BuildLog::new(Arc::new(SystemClock));
        for number in 0..200 {
            log.line(&format!("{number} {}", "x".repeat(2_000)));
        }
        let text = log.text();
        assert!(text.len() < TEXT_BYTES_MAX + 64 * 1024);
        assert!(
            text.starts_with("[69 older lines are dropped]\n") || text.starts_with("[70 older"),
            "{}",
            &text[..40]
        );
        assert!(log.last().is_some_and(|last| last.starts_with("199 ")));
    }

    #[test]
    fn a_line_has_no_control_characters_and_a_bounded_length() {
        let log = BuildLog::new(Arc::new(SystemClock));
        log.line(&format!("\u{1b}[31mred\n{}", "y".repeat(LINE_BYTES_MAX)));
        let last = log.last().expect("a line");
        assert!(last.starts_with("[31mred"), "{last}");
        assert_eq!(last.len(), LINE_BYTES_MAX);
    }
}
