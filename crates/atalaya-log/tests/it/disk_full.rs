//! A disk without room: records are refused with the reason, what was accepted is kept, and the log comes back by itself
//! once there is room.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use atalaya_log::{AppendError, Health, Log, LogConfig};

use crate::{Table, append, flush_all, open, small, texts};

/// How soon a log must accept records again once there is room.
const BACK_WITHIN: Duration = Duration::from_secs(5);

fn fill(log: &Log, sent: &mut Vec<String>) -> AppendError {
    for row in sent.len()..1_000_000 {
        let text = format!("row {row} {}", "x".repeat(500));
        match log.append(1, &[text.as_bytes()]) {
            Ok(_) => sent.push(text),
            Err(refusal) => return refusal,
        }
    }
    panic!("the disk never got full");
}

fn wait_until_up(log: &Log) {
    let asked = Instant::now();
    while log.stats().health != Health::Up {
        assert!(asked.elapsed() < BACK_WITHIN, "the log stays away");
        std::thread::yield_now();
    }
}

#[test]
fn a_used_up_budget_refuses_and_a_flush_makes_room() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = LogConfig {
        disk_budget_bytes: 64 * 1024,
        ..small()
    };
    let log = open(dir.path(), config, 1);
    let mut sent = Vec::new();
    assert_eq!(fill(&log, &mut sent), AppendError::DiskFull);
    assert!(log.stats().disk_bytes <= 64 * 1024);
    assert_eq!(log.append_durable(1, &[b"x"]).wait(), Err(AppendError::DiskFull));
    let mut table = Table::new();
    flush_all(&log, &mut table);
    wait_until_up(&log);
    append(&log, "after");
    flush_all(&log, &mut table);
    sent.push("after".to_owned());
    assert_eq!(
        texts(&table),
        sent,
        "nothing that was accepted is lost, nothing that was refused is there"
    );
}

struct Mount(tempfile::TempDir);

impl Mount {
    /// A file system of 1 MiB; the reason when this machine does not let us have one.
    fn tmpfs() -> Result<Self, String> {
        let dir = tempfile::tempdir().expect("a directory");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(dir.path());
        match mount.output() {
            Ok(output) if output.status.success() => Ok(Self(dir)),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.path()).status();
        assert!(
            unmounted.is_ok_and(|status| status.success()),
            "the test's own mount can be undone"
        );
    }
}

#[test]
fn a_full_file_system_refuses_and_the_log_comes_back_when_there_is_room() {
    let mount = match Mount::tmpfs() {
        Ok(mount) => mount,
        Err(reason) => {
            println!("skipped: cannot mount a tmpfs: {}", reason.trim());
            return;
        }
    };
    let ballast = mount.path().join("ballast");
    fs::write(&ballast, vec![1; 512 * 1024]).expect("half of it is taken by something else");
    let config = LogConfig {
        segment_bytes: 64 * 1024,
        heal_every: Duration::from_millis(50),
        ..small()
    };
    let log = open(&mount.path().join("wal"), config.clone(), 1);
    let mut sent = Vec::new();
    assert_eq!(fill(&log, &mut sent), AppendError::DiskFull);
    assert_eq!(log.stats().health, Health::DiskFull);
    fs::remove_file(&ballast).expect("removed");
    wait_until_up(&log);
    append(&log, "after");
    sent.push("after".to_owned());
    drop(log);
    let log = open(&mount.path().join("wal"), config, 2);
    let mut table = Table::new();
    flush_all(&log, &mut table);
    assert_eq!(texts(&table), sent);
    assert_eq!(
        log.stats().damage.missing_rows,
        0,
        "refused numbers are not missing rows"
    );
}
