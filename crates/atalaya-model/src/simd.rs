//! Compiles one kernel for several instruction sets and runs the widest that the processor has.
//!
//! Safety: the two functions with `#[target_feature]` are safe to run on a processor that has the features that they name.
//! [`Level::run`] alone calls them, for a level that [`Level::available`] lists, and that lists a level only when each of
//! its features was detected. There is no other `unsafe` code.
#![expect(
    unsafe_code,
    reason = "a function compiled for more instructions may be called once they were detected"
)]

/// Work whose loops are worth wide vectors. `run` and all that it calls are `#[inline(always)]`, and so are compiled for
/// every [`Level`].
pub(crate) trait Kernel {
    /// What it gives.
    type Output;

    /// Does it.
    fn run(self) -> Self::Output;
}

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many levels [`Level::best`] chooses from.
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

/// A set of vector instructions. The answers are the same bits on each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// What every processor of the architecture has.
    Portable,
    /// 32 bytes wide, and fused multiplication and addition.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 64 bytes wide.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The widest that this processor has. The standard library detects once and remembers.
    #[must_use]
    pub fn best() -> Self {
        let levels = Self::available();
        let most = LIMIT.load(Ordering::Relaxed);
        levels.iter().take(most).next_back().copied().unwrap_or(Self::Portable)
    }

    /// Makes this the widest that [`Level::best`] gives from now on, in the whole process: to measure what others cost.
    pub fn limit(self) {
        let narrower = Self::available().iter().take_while(|level| **level != self);
        LIMIT.store(narrower.count() + 1, Ordering::Relaxed);
    }

    /// All that this processor has, from narrow to wide.
    #[must_use]
    pub fn available() -> &'static [Self] {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if avx2
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
            {
                return &[Self::Portable, Self::Avx2, Self::Avx512];
            }
            if avx2 {
                return &[Self::Portable, Self::Avx2];
            }
        }
        &[Self::Portable]
    }

    /// Runs `kernel` on it, or on the portable level when this processor does not have it.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        if Self::available().contains(&self) {
            match self {
                // SAFETY: `available` lists a level only when its instructions were detected.
                Self::Avx512 => return unsafe { avx512(kernel) },
                // SAFETY: as above.
                Self::Avx2 => return unsafe { avx2(kernel) },
                Self::Portable => {}
            }
        }
        kernel.run()
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "fma,avx512f,avx512bw,avx512vl,avx512dq")]
fn avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}
