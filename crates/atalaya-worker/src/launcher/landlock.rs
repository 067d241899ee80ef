//! Landlock: which files the worker sees, no TCP, no signals and no abstract sockets out of its sandbox.

use std::path::PathBuf;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, LandlockStatus, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, Scope, path_beneath_rules,
};

use super::Policy;

/// The newest version that is asked for; older kernels enforce what they know.
const NEWEST: ABI = ABI::V10;
/// The version from which files, TCP, signals and abstract sockets are all covered: what `required` asks for.
const COMPLETE: u32 = 6;

/// What every Python needs besides its own folders: the system's libraries and what numeric libraries look up.
const SYSTEM: &[&str] = &[
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/mime.types",
    "/etc/os-release",
    "/dev/urandom",
    "/dev/random",
    "/dev/zero",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys/vm",
    "/proc/filesystems",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
];

/// What a resolver and TLS need, when the network is allowed.
const NETWORK: &[&str] = &[
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/services",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/ssl",
    "/etc/ca-certificates",
    "/etc/pki",
];

/// Restricts this process; the version in force, or why that is not enough.
pub(super) fn restrict(policy: &Policy) -> Result<u32, String> {
    let fail = |error: landlock::RulesetError| format!("Landlock cannot be set up: {error}");
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))
        .map_err(fail)?;
    if !policy.network {
        ruleset = ruleset.handle_access(AccessNet::from_all(NEWEST)).map_err(fail)?;
    }
    let read = AccessFs::from_read(NEWEST);
    let network = if policy.network { NETWORK } else { &[] };
    let own = PathBuf::from(format!("/proc/{}", std::process::id()));
    let status = ruleset
        .scope(Scope::from_all(NEWEST))
        .and_then(Ruleset::create)
        .and_then(|rules| rules.add_rules(path_beneath_rules(SYSTEM.iter().chain(network), read)))
        .and_then(|rules| rules.add_rules(path_beneath_rules(&policy.read, read)))
        .and_then(|rules| rules.add_rules(path_beneath_rules([own], read)))
        .and_then(|rules| rules.add_rules(path_beneath_rules(["/dev/null"], AccessFs::from_all(NEWEST))))
        .and_then(|rules| rules.add_rules(path_beneath_rules(&policy.write, AccessFs::from_all(NEWEST))))
        .and_then(|rules| rules.restrict_self())
        .map_err(fail)?;
    let version = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi as u32,
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => 0,
    };
    match version {
        0 => Err("this kernel has no Landlock, or it is turned off".to_owned()),
        old if old < COMPLETE && policy.required => Err(format!(
            "this kernel has version {old} of Landlock; {COMPLETE} covers files, TCP and signals"
        )),
        version => Ok(version),
    }
}
