//! The filter of system calls: a list of what a model never needs. Refused calls fail with EPERM, so that libraries that
//! merely try go on.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

use super::Policy;

/// Refused whatever the arguments are: other processes' memory, kernel interfaces, namespaces, leaving the group.
const NEVER: &[c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_ioprio_set,
    libc::SYS_kcmp,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_migrate_pages,
    libc::SYS_mount,
    libc::SYS_move_mount,
    libc::SYS_move_pages,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_sched_setattr,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setscheduler,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_setpgid,
    libc::SYS_setpriority,
    libc::SYS_setsid,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

#[cfg(target_arch = "x86_64")]
const NEVER_HERE: &[c_long] = &[
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_kexec_file_load,
    libc::SYS_modify_ldt,
];
#[cfg(not(target_arch = "x86_64"))]
const NEVER_HERE: &[c_long] = &[];

/// The older calls that make a process; other architectures have only `clone`.
#[cfg(target_arch = "x86_64")]
const FORKS: &[c_long] = &[libc::SYS_fork, libc::SYS_vfork];
#[cfg(not(target_arch = "x86_64"))]
const FORKS: &[c_long] = &[];

/// Puts the filters in force for this process and all that it becomes.
pub(super) fn apply(policy: &Policy) -> Result<(), String> {
    let fail = |error: seccompiler::Error| format!("the filter of system calls cannot be set up: {error}");
    let own = u64::from(std::process::id());
    let filters =
        refused(policy, own).and_then(|rules| Ok([program(unknown(), libc::ENOSYS)?, program(rules, libc::EPERM)?]));
    for filter in filters.map_err(|error| fail(error.into()))? {
        seccompiler::apply_filter(&filter).map_err(fail)?;
    }
    Ok(())
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;
type Result2<T> = std::result::Result<T, seccompiler::BackendError>;

/// `clone3` has its flags in memory, where a filter cannot look. The C library falls back to `clone` when the kernel
/// seems not to know it.
fn unknown() -> Rules {
    BTreeMap::from([(libc::SYS_clone3, Vec::new())])
}

fn refused(policy: &Policy, own: u64) -> Result2<Rules> {
    use SeccompCmpArgLen::Dword;
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    let mut rules: Rules = NEVER.iter().chain(NEVER_HERE).map(|call| (*call, Vec::new())).collect();
    let when = |index, op, value| SeccompCondition::new(index, Dword, op, value);
    let all_of = SeccompRule::new;
    // The worker could otherwise outlive the server.
    let death_signal = u64::from(libc::PR_SET_PDEATHSIG.unsigned_abs());
    rules.insert(libc::SYS_prctl, vec![all_of(vec![when(0, Eq, death_signal)?])?]);
    // Limits and cores of processes that belong to the same user.
    let not_self = |index| Ok(vec![all_of(vec![when(index, Ne, 0)?, when(index, Ne, own)?])?]);
    rules.insert(libc::SYS_prlimit64, not_self(0)?);
    rules.insert(libc::SYS_sched_setaffinity, not_self(0)?);
    if !policy.network {
        rules.insert(libc::SYS_socket, Vec::new());
    }
    if !policy.processes {
        rules.extend(FORKS.iter().map(|call| (*call, Vec::new())));
        let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
        rules.insert(libc::SYS_clone, vec![all_of(vec![when(0, MaskedEq(thread), 0)?])?]);
        // Without children, the only process to signal is the worker itself.
        for call in [libc::SYS_kill, libc::SYS_tgkill] {
            rules.insert(call, vec![all_of(vec![when(0, Ne, own)?])?]);
        }
        rules.insert(libc::SYS_tkill, Vec::new());
    }
    Ok(rules)
}

fn program(rules: Rules, errno: i32) -> Result2<BpfProgram> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let refuse = SeccompAction::Errno(errno.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?.try_into()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn policy(network: bool, processes: bool) -> Policy {
        Policy {
            parent: 1,
            program: "python".into(),
            arguments: Vec::new(),
            read: Vec::new(),
            write: Vec::new(),
            network,
            processes,
            required: true,
            data_bytes: 1,
            open_files: 1,
            file_bytes: 1,
        }
    }

    #[test]
    fn what_is_granted_is_not_refused() {
        let closed = refused(&policy(false, false), 7).unwrap();
        let open = refused(&policy(true, true), 7).unwrap();
        for call in [libc::SYS_socket, libc::SYS_clone, libc::SYS_kill] {
            assert!(closed.contains_key(&call) && !open.contains_key(&call), "{call}");
        }
        assert!(open.contains_key(&libc::SYS_ptrace));
    }

    #[test]
    fn both_filters_compile() {
        assert!(program(unknown(), libc::ENOSYS).is_ok());
        assert!(
            !program(refused(&policy(false, false), 7).unwrap(), libc::EPERM)
                .unwrap()
                .is_empty()
        );
    }
}
