//! What the machine allows this process.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Raises the soft limit of descriptors to the hard limit and returns what holds then.
pub fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let now = if setrlimit(Resource::Nofile, raised).is_ok() {
        raised
    } else {
        limit
    };
    now.current.unwrap_or(u64::MAX)
}

/// CPUs this process may use: affinity mask and cgroup quota, not the machine's count.
pub fn available_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Lets the calling thread run on the `nth` allowed CPU only, counted round.
///
/// # Errors
/// What the kernel said.
pub fn pin_to_cpu(nth: usize) -> io::Result<()> {
    let allowed = sched_getaffinity(None)?;
    let cpus: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|cpu| allowed.is_set(*cpu))
        .collect();
    let Some(cpu) = cpus.get(nth % cpus.len().max(1)) else {
        return Ok(());
    };
    let mut only = CpuSet::new();
    only.set(*cpu);
    Ok(sched_setaffinity(None, &only)?)
}
