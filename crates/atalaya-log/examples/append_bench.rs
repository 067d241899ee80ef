//! What an append costs: microseconds per record of 1 KiB for 1, 16 and 64 threads, in `process` and `fsync` mode. An
//! optional argument is the directory to use.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use atalaya_log::{AppendError, Log, LogConfig};

const PAYLOAD_BYTES: usize = 1024;
const RUN: Duration = Duration::from_secs(2);

fn main() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let base = std::env::args()
        .nth(1)
        .map_or_else(|| scratch.path().to_owned(), Into::into);
    println!(
        "{:>8} {:>8} {:>12} {:>10} {:>10} {:>10}",
        "mode", "threads", "records/s", "mean µs", "p50 µs", "p99 µs"
    );
    for durable in [false, true] {
        for threads in [1, 16, 64] {
            measure(&base, durable, threads);
        }
    }
}

fn measure(base: &Path, durable: bool, threads: usize) {
    let mode = if durable { "fsync" } else { "process" };
    let dir = base.join(format!("bench-{mode}-{threads}"));
    let config = LogConfig {
        disk_budget_bytes: 16 << 30,
        ..LogConfig::new("bench", "n1")
    };
    let log = Log::open(&dir, config, [1; 16]).expect("a fresh log");
    let payload = vec![7; PAYLOAD_BYTES];
    let started = Instant::now();
    let mut costs: Vec<Duration> = thread::scope(|scope| {
        let work = || {
            let mut costs = Vec::new();
            while started.elapsed() < RUN {
                let before = Instant::now();
                let outcome = if durable {
                    log.append_durable(1, &[&payload]).wait()
                } else {
                    log.append(1, &[&payload])
                };
                match outcome {
                    Ok(_) => costs.push(before.elapsed()),
                    // More than the disk takes: what a server would answer with 503.
                    Err(AppendError::Full) => thread::yield_now(),
                    Err(refusal) => panic!("{refusal}"),
                }
            }
            costs
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("no panic"))
            .collect()
    });
    let seconds = started.elapsed().as_secs_f64();
    let refused = log.stats().refused;
    log.close().expect("closed");
    std::fs::remove_dir_all(&dir).expect("removed");
    costs.sort_unstable();
    let micros = |cost: Duration| cost.as_secs_f64() * 1e6;
    let mean = costs.iter().sum::<Duration>().as_secs_f64() * 1e6 / costs.len() as f64;
    let at = |part: f64| micros(costs[((costs.len() - 1) as f64 * part) as usize]);
    let rate = costs.len() as f64 / seconds;
    println!(
        "{mode:>8} {threads:>8} {rate:>12.0} {mean:>10.1} {:>10.1} {:>10.1} {refused:>9}",
        at(0.5),
        at(0.99)
    );
}
