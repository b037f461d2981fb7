//! The thread that telemetry runs on: a service that is busy cannot starve it, and it needs none of the service's
//! runtimes.

use std::cell::Cell;
use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

thread_local! {
    static IS_OWN: Cell<bool> = const { Cell::new(false) };
}

/// A runtime that may be dropped anywhere.
pub(crate) struct OwnRuntime(Option<Runtime>, Handle);

impl OwnRuntime {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("telemetry")
            .on_thread_start(|| IS_OWN.set(true))
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        Ok(Self(Some(runtime), handle))
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.1
    }
}

impl Drop for OwnRuntime {
    /// Waiting for its threads would block, which an async task must not.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Whether this is a thread of an exporter: what those log must not be exported, or each failure to send would make
/// something to send.
pub(crate) fn is_own_thread() -> bool {
    IS_OWN.try_with(Cell::get).unwrap_or(true)
}
