//! Work that takes a while and must not be felt: reading, planning and compiling ten thousand routes.

use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tokio::sync::oneshot;

/// Runs `work` on a thread of its own that gets what the others leave: about 0.3 % of a processor that is busy
/// otherwise. `None`: it panicked, which the panic hook reported, or the system gave no thread. Dropping the future
/// leaves the work running and its result unused.
pub(crate) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, result) = oneshot::channel();
    std::thread::Builder::new()
        .name("planner".into())
        .spawn(move || {
            yield_to_all();
            done.send(work()).ok();
        })
        .ok()?;
    result.await.ok()
}

/// Where the system does not let it, the work is felt a little more: no reason not to do it. Niceness is not enough: a
/// worker that wakes would wait for the end of this thread's slice, some milliseconds.
fn yield_to_all() {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle).ok();
}
