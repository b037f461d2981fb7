//! Work that takes a while and must not be felt: reading, planning and compiling ten thousand routes.

use tokio::sync::oneshot;

/// As low as it goes: it gets what the workers leave.
const NICENESS: i32 = 19;

/// Runs `work` on a thread of its own that yields to every other. `None`: it panicked, which the panic hook reported,
/// or the system gave no thread. Dropping the future leaves the work running and its result unused.
pub(crate) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, result) = oneshot::channel();
    std::thread::Builder::new()
        .name("planner".into())
        .spawn(move || {
            // Without it the work is felt a little more: no reason not to do it. On Linux it concerns this thread only.
            rustix::process::setpriority_process(None, NICENESS).ok();
            done.send(work()).ok();
        })
        .ok()?;
    result.await.ok()
}
