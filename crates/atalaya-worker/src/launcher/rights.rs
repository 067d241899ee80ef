//! Session, death with the parent, limits, capabilities: what needs no ruleset.

use rustix::process::{Pid, Resource, Rlimit, Signal};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::Policy;

/// How much a worker stands back behind the server when both want the processor.
const NICE: i32 = 5;

/// Whether there is a session, whether all capabilities are gone, and whether none can come back.
pub(super) fn take_away(policy: &Policy) -> Result<(bool, bool, bool), String> {
    // Own session and group: the server ends the whole group, and no terminal reaches it.
    let session = rustix::process::setsid().is_ok();
    limits(policy)?;
    let no_capabilities = drop_capabilities();
    let no_new_privs = rustix::thread::set_no_new_privs(true).is_ok();
    // After the capabilities: a change of credentials clears the signal.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| format!("the worker cannot be tied to the server's life: {error}"))?;
    let parent = rustix::process::getppid().map(Pid::as_raw_nonzero);
    if parent.is_none_or(|pid| u32::try_from(pid.get()) != Ok(policy.parent)) {
        return Err("the server is gone".to_owned());
    }
    Ok((session, no_capabilities, no_new_privs))
}

fn limits(policy: &Policy) -> Result<(), String> {
    let limits = [
        ("core dumps", Resource::Core, 0),
        // Not the address space: allocators and thread stacks reserve far more than they use.
        ("private memory", Resource::Data, policy.data_bytes),
        ("open files", Resource::Nofile, policy.open_files),
        ("file length", Resource::Fsize, policy.file_bytes),
    ];
    for (what, resource, wanted) in limits {
        let hard = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let limit = Some(wanted.min(hard));
        let limit = Rlimit {
            current: limit,
            maximum: limit,
        };
        rustix::process::setrlimit(resource, limit).map_err(|error| format!("the limit of {what}: {error}"))?;
    }
    processes();
    // A model that spins must not slow the server down. Best effort.
    let _as_before = rustix::process::setpriority_process(None, NICE);
    // Under memory pressure the kernel should choose a worker, not the server. Best effort: the watchdog comes first.
    let _unimportant = std::fs::write("/proc/self/oom_score_adj", "1000");
    Ok(())
}

/// Processes and threads that the user may have beyond those it has. The kernel does not hold root to it, which is why
/// the filter of system calls refuses new processes as well.
fn processes() {
    const MORE: u64 = 256;
    let mine = rustix::process::getuid().as_raw();
    let mut threads = 0;
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(status) = std::fs::read_to_string(entry.path().join("status")) else {
            continue;
        };
        let field = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        if field("Uid:") == Some(u64::from(mine)) {
            threads += field("Threads:").unwrap_or(1);
        }
    }
    let hard = rustix::process::getrlimit(Resource::Nproc).maximum.unwrap_or(u64::MAX);
    let limit = Some((threads + MORE).min(hard));
    // Failing to lower it leaves the filter; nothing is lost that was promised.
    let _lower = rustix::process::setrlimit(
        Resource::Nproc,
        Rlimit {
            current: limit,
            maximum: limit,
        },
    );
}

/// Gives up every capability for ever; true when none is left.
fn drop_capabilities() -> bool {
    for capability in CapabilitySet::all().iter() {
        // Kernels that do not know one say so; an unprivileged process has none to drop.
        let _unknown = rustix::thread::remove_capability_from_bounding_set(capability);
    }
    let none = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    rustix::thread::set_capabilities(None, sets).is_ok()
}
