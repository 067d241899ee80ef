//! Runs a program that prints lines, within a time limit, and ends its whole process group when it is over.

use std::io::{BufRead as _, BufReader, PipeReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

/// Longest line that is passed on; the rest of a longer one comes as further lines.
const MOST_LINE_BYTES: u64 = 4 << 10;
/// Lines that may wait for whoever takes them.
const MOST_LINES: usize = 256;

/// Why a program has no success.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("it was ended after {} s", .0.as_secs())]
    Timeout(Duration),
    #[error("{0}")]
    Status(std::process::ExitStatus),
}

/// Runs `command`, giving each line of its output to `line`.
pub(super) fn lines(mut command: Command, timeout: Duration, line: &mut dyn FnMut(&str)) -> Result<(), RunError> {
    let (reader, writer) = std::io::pipe()?;
    let child = command
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0)
        .spawn();
    // The command holds the writing end: without it, the reader sees the end when the program has ended.
    drop(command);
    let mut child = child?;
    let (sender, receiver) = sync_channel(MOST_LINES);
    let reading = std::thread::Builder::new()
        .name("build-log".to_owned())
        .spawn(move || read(reader, &sender))?;
    let deadline = Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match receiver.recv_timeout(left) {
            Ok(text) => line(&text),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                end(&mut child);
                drop(receiver);
                // The reader ends with the last process of the group.
                let _panicked = reading.join();
                return Err(RunError::Timeout(timeout));
            }
        }
    }
    let status = child.wait()?;
    if status.success() {
        Ok(())
    } else {
        Err(RunError::Status(status))
    }
}

fn end(child: &mut Child) {
    if let Some(group) = Pid::from_raw(child.id().cast_signed()) {
        let _gone = rustix::process::kill_process_group(group, Signal::KILL);
    }
    let _gone = child.wait();
}

fn read(output: PipeReader, sender: &SyncSender<String>) {
    let mut output = BufReader::new(output);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match output.by_ref().take(MOST_LINE_BYTES).read_until(b'\n', &mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
                if !text.is_empty() && sender.send(text).is_err() {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_streams_arrive_as_lines() {
        let mut seen = Vec::new();
        let script = "echo a; echo b >&2; printf '%05000d' 0";
        lines(shell(script), Duration::from_secs(20), &mut |line| {
            seen.push(line.to_owned())
        })
        .unwrap();
        assert_eq!(seen[..2], ["a", "b"]);
        assert_eq!(seen[2..].iter().map(String::len).collect::<Vec<_>>(), [4096, 904]);
    }

    #[test]
    fn a_program_beyond_its_time_is_ended_with_its_children() {
        let outcome = lines(shell("sleep 60 & sleep 60"), Duration::from_millis(50), &mut |_| {});
        assert!(matches!(outcome, Err(RunError::Timeout(_))));
    }

    #[test]
    fn a_failure_says_how() {
        let outcome = lines(shell("exit 3"), Duration::from_secs(20), &mut |_| {});
        assert!(outcome.unwrap_err().to_string().contains('3'));
    }
}
