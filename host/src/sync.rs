//! The primitives by which rooms share state where schedules matter, in one place: the tests of `dispatch/` compile
//! that room a second time with a `crate::sync` of simulated ones. Nothing else belongs here.

pub(crate) use parking_lot::Mutex;
pub(crate) use std::sync::atomic::AtomicUsize;
