//! Balancers and pools through the public interface, over real loopback listeners.

mod balance;
mod budget;
mod changes;
mod pool;
mod queue;
mod support;
