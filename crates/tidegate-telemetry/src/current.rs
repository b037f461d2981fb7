//! The context of what runs: known to a task for as long as it is polled, and to nobody else.
//!
//! A task-local by hand: a scope puts its context on the thread's stack before each poll and takes it off after it. The
//! innermost counts, whether a scope or an entered `tracing` span put it there; `tokio::task_local!` could not tell which
//! of the two is inside the other.

use std::cell::RefCell;
use std::pin::Pin;
use std::task;

use pin_project_lite::pin_project;

use crate::context::Context;

/// Contexts within one another on one thread. Beyond, further ones do not count: only spans that are entered and never
/// left come this far.
const DEPTH_MAX: usize = 1_024;

thread_local! {
    static STACK: RefCell<Vec<(Token, Context)>> = const { RefCell::new(Vec::new()) };
}

/// What put a context there, so that the same may take it away: spans may be left in another order than entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A `tracing` span, by its number.
    Span(u64),
    /// A scope, by its place in the stack.
    Scope(usize),
}

/// The context of what runs here: that of the innermost of the request being served, the [`Context::scope`] and the
/// exported `tracing` span. `None` outside of all of them, and in a task that was spawned inside: such a task takes its
/// context along by [`Context::scope`].
pub fn current() -> Option<Context> {
    STACK
        .try_with(|stack| {
            let stack = stack.borrow();
            stack.last().map(|(_, context)| context.clone())
        })
        .ok()
        .flatten()
}

pub(crate) fn push(token: Token, context: Context) {
    // Fails while the thread ends: nothing is recorded then.
    STACK
        .try_with(|stack| {
            let mut stack = stack.borrow_mut();
            if stack.len() < DEPTH_MAX {
                stack.push((token, context));
            }
        })
        .ok();
}

pub(crate) fn remove(token: Token) {
    let removed = STACK.try_with(|stack| {
        let mut stack = stack.borrow_mut();
        let at = stack.iter().rposition(|(found, _)| *found == token)?;
        Some(stack.remove(at))
    });
    // Dropped when the stack is free again.
    drop(removed);
}

/// Takes its context away when dropped.
struct Entered(Token);

impl Drop for Entered {
    fn drop(&mut self) {
        remove(self.0);
    }
}

impl Context {
    /// Runs a closure under this context.
    pub fn enter<T>(&self, run: impl FnOnce() -> T) -> T {
        let depth = STACK.try_with(|stack| stack.borrow().len()).unwrap_or(0);
        let token = Token::Scope(depth);
        push(token, self.clone());
        let _entered = Entered(token);
        run()
    }

    /// A future that runs under this context wherever it is polled: for tasks that are spawned inside of a request.
    /// Dropping it drops the future within.
    pub fn scope<F: Future>(self, future: F) -> Scope<F> {
        Scope {
            future,
            context: self,
        }
    }
}

pin_project! {
    /// A future under a context; by [`Context::scope`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Scope<F> {
        #[pin]
        future: F,
        context: Context,
    }
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> task::Poll<F::Output> {
        let this = self.project();
        this.context.enter(|| this.future.poll(cx))
    }
}
