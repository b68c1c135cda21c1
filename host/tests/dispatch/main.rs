//! The rules by which events are dispatched, one test each, with handlers in plain Rust.
//!
//! Most run on tokio with its clock stopped. Those in `schedules` run the room under thousands of simulated schedules:
//! its sources are compiled here a second time, as `simulated`, and find shuttle's primitives where the product has
//! parking_lot's, in `crate::sync`. So the product has nothing in it that is there for the simulation.

mod admission;
mod bounds;
mod chain;
mod dropped;
mod lanes;
mod lifecycle;
mod nested;
mod schedules;
mod world;

// What the room's sources find under `crate::`.
use astrid_host::{bus, call, kind, limits, manifest, names, topic};

mod sync {
    //! `host/src/sync.rs`, simulated.

    pub(crate) use shuttle::sync::atomic::AtomicUsize;
    use shuttle::sync::{Mutex as Simulated, MutexGuard};

    /// parking_lot's interface: a lock can't be poisoned.
    #[derive(Default)]
    pub(crate) struct Mutex<T>(Simulated<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(Simulated::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().expect("a panic fails the test first")
        }
    }
}

#[path = "../../src/text.rs"]
mod text;

#[path = "../../src/dispatch/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "compiled for what the simulated schedules use of it"
)]
mod simulated;
