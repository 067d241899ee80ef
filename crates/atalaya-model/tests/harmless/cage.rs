//! A thread that may take memory, write to what is open, and end; the kernel kills the process for any other call. And the
//! child process around it, so that the kill is an outcome that a test can look at.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::{Output, Stdio};

use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

/// Stack of the thread: what `std` gives to threads, and so the least that a server reads models on.
const STACK_BYTES: usize = 2 << 20;
/// Seconds of processor time for one child.
const CPU_SECONDS: u64 = 120;

/// What a thread needs to take memory, to write, to wait for a lock and to end.
const ALLOWED: &[libc::c_long] = &[
    libc::SYS_brk,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_yield,
    libc::SYS_sigaltstack,
    libc::SYS_write,
];

/// The signal of a refused call.
pub(crate) const REFUSED: i32 = libc::SIGSYS;

fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
    use SeccompCmpArgLen::Dword;
    use SeccompCmpOp::MaskedEq;
    let when = |index, mask: i32, value: i32| {
        let word = |flags: i32| u64::from(flags.unsigned_abs());
        SeccompCondition::new(index, Dword, MaskedEq(word(mask)), word(value))
    };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    let plain_memory = vec![
        when(2, libc::PROT_EXEC, 0)?,
        when(3, libc::MAP_ANONYMOUS, libc::MAP_ANONYMOUS)?,
    ];
    rules.insert(libc::SYS_mmap, vec![SeccompRule::new(plain_memory)?]);
    rules.insert(
        libc::SYS_mprotect,
        vec![SeccompRule::new(vec![when(2, libc::PROT_EXEC, 0)?])?],
    );
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, arch)?.try_into()
}

/// Runs `work` in the cage. The processor time of the whole process is limited too.
///
/// # Panics
/// When the kernel has no such filters, or `work` panics.
pub(crate) fn caged<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let filter = filter().expect("the filter compiles");
    let limit = Rlimit {
        current: Some(CPU_SECONDS),
        maximum: Some(CPU_SECONDS),
    };
    setrlimit(Resource::Cpu, limit).expect("a limit can be lowered");
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
        // Hash maps take their seeds from the kernel, once per thread.
        drop(std::collections::hash_map::RandomState::new());
        seccompiler::apply_filter(&filter).expect("the kernel has filters of system calls");
        work()
    });
    thread.expect("a thread").join().expect("the work does not panic")
}

/// Runs the ignored test `name` of this binary in a process of its own.
#[expect(clippy::disallowed_types, reason = "a test that starts itself")]
pub(crate) fn child(name: &str) -> Output {
    let program = std::env::current_exe().expect("a running test has a file");
    let mut command = std::process::Command::new(program);
    command.args(["--exact", name, "--ignored", "--nocapture", "--test-threads=1"]);
    // The C library's heaps of threads read a setting of the kernel's when they shrink; the first heap does not.
    command.env("MALLOC_ARENA_MAX", "1").env("RUST_BACKTRACE", "0");
    command.stdin(Stdio::null());
    command.output().expect("the test binary starts again")
}

/// How a child ended, with the last that it said.
pub(crate) fn ending(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    // What was read before is of no interest, unless nothing follows.
    let told = said
        .lines()
        .rev()
        .take_while(|line| !line.ends_with(" bytes of memory"));
    let last: Vec<&str> = told.take(60).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    match output.status.signal() {
        Some(signal) => format!("ended by signal {signal} after:\n{}", last.join("\n")),
        None => format!("{} after:\n{}", output.status, last.join("\n")),
    }
}
